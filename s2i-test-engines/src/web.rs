//! Requests to web servers.

use std::{fs::File, path::Path, time::Duration};

use anyhow::{Context, Result};
use reqwest::blocking::{Client, ClientBuilder, Response};

/// The time limit for connecting to a server.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The most time that an answer may take, the largest download included.
const LONGEST: Duration = Duration::from_secs(1200);

/// Returns the body of a page, as text.
///
/// # Errors
/// Fails if no server responds, or the response is an error.
pub fn get(url: &str) -> Result<String> {
    let text = send(url).and_then(|answer| Ok(answer.text()?));
    text.with_context(|| format!("can't get {url}"))
}

/// Downloads a file.
///
/// # Errors
/// Fails if no server responds, the response is an error, or the file can't be written.
pub fn download(url: &str, to: &Path) -> Result<()> {
    let downloaded = send(url).and_then(|mut answer| {
        let mut file = File::create(to)?;
        Ok(answer.copy_to(&mut file)?)
    });
    downloaded.with_context(|| format!("can't download {url}"))?;
    Ok(())
}

/// Returns the builder of a client, which works only with a provider of cryptography in this process.
pub(crate) fn client() -> ClientBuilder {
    // An error means that another provider is already installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
}

fn send(url: &str) -> Result<Response> {
    let client = client().connect_timeout(TIMEOUT).timeout(LONGEST);
    let answer = client.build()?.get(url).send()?;
    Ok(answer.error_for_status()?)
}
