//! Files of web servers.

use std::{
    io::{self, Write},
    time::Duration,
};

use reqwest::{Certificate, Client, StatusCode, redirect};
use thiserror::Error;

/// The time that connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// The time that one file may take.
const WHOLE: Duration = Duration::from_secs(60);
/// The time that a large file may take.
const LARGE: Duration = Duration::from_secs(60 * 60);
/// The number of redirects that are followed.
const REDIRECTS: usize = 10;

/// The reason why a file can't be downloaded. Its texts have no address, because one may have a password.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DownloadError {
    /// The certificates can't be used.
    #[error("the certificates can't be used")]
    Certificates(#[source] reqwest::Error),
    /// The request failed.
    #[error("the request failed")]
    Request(#[source] reqwest::Error),
    /// The server answered with an error.
    #[error("the server answered `{0}`")]
    Status(StatusCode),
    /// The file can't be written.
    #[error("the file can't be written")]
    Write(#[source] io::Error),
    /// The file is too large.
    #[error("the file has more than {0} bytes")]
    TooLarge(u64),
}

/// A client for files. It uses the proxies of the environment, and follows redirects unless they lead from an
/// encrypted connection to a plain one.
#[derive(Clone, Debug)]
pub struct Downloader {
    client: Client,
}

impl Downloader {
    /// Returns a client that trusts these authorities, in PEM, beside those of the system. It makes *ring* the
    /// process's provider of cryptography for TLS, unless there is one already.
    ///
    /// # Errors
    /// [`DownloadError::Certificates`].
    pub fn new(extra_ca: Option<&str>) -> Result<Self, DownloadError> {
        // An error means that there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let authorities = match extra_ca {
            Some(pem) => Certificate::from_pem_bundle(pem.as_bytes()),
            None => Ok(Vec::new()),
        };
        let authorities = authorities.map_err(DownloadError::Certificates)?;
        let client = Client::builder()
            .user_agent(concat!("s2i/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            .referer(false)
            .redirect(redirects())
            .tls_certs_merge(authorities)
            .build();
        let client = client.map_err(DownloadError::Certificates)?;
        Ok(Self { client })
    }

    /// Returns the content of a file of at most `most` bytes; `None` if the server does not have it.
    ///
    /// # Errors
    /// [`DownloadError`]; a request that takes more than a minute fails.
    pub async fn get(&self, url: &str, most: u64) -> Result<Option<Vec<u8>>, DownloadError> {
        let mut content = Vec::new();
        let length = self.read(url, WHOLE, most, &mut content).await?;
        Ok(length.map(|_| content))
    }

    /// Writes the content of a file of at most `most` bytes, and returns their number; `None` if the server does not have
    /// it.
    ///
    /// # Errors
    /// [`DownloadError`]; a request that takes more than an hour fails.
    pub async fn save(
        &self,
        url: &str,
        most: u64,
        output: &mut impl Write,
    ) -> Result<Option<u64>, DownloadError> {
        self.read(url, LARGE, most, output).await
    }

    async fn read(
        &self,
        url: &str,
        time: Duration,
        most: u64,
        output: &mut impl Write,
    ) -> Result<Option<u64>, DownloadError> {
        let request = self.client.get(url).timeout(time);
        let mut response = request.send().await.map_err(failed)?;
        match response.status() {
            StatusCode::OK | StatusCode::CREATED => {}
            StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(None),
            status => return Err(DownloadError::Status(status)),
        }
        let mut length = 0;
        while let Some(piece) = response.chunk().await.map_err(failed)? {
            length += piece.len() as u64;
            if length > most {
                return Err(DownloadError::TooLarge(most));
            }
            output.write_all(&piece).map_err(DownloadError::Write)?;
        }
        Ok(Some(length))
    }
}

/// Returns the error without the address.
fn failed(err: reqwest::Error) -> DownloadError {
    DownloadError::Request(err.without_url())
}

fn redirects() -> redirect::Policy {
    redirect::Policy::custom(|attempt| {
        let previous = attempt.previous();
        let was_encrypted = previous.iter().any(|url| url.scheme() == "https");
        if previous.len() > REDIRECTS {
            attempt.error(io::Error::other("too many redirects"))
        } else if was_encrypted && attempt.url().scheme() != "https" {
            attempt.error(io::Error::other(
                "a redirect leads to a connection without encryption",
            ))
        } else {
            attempt.follow()
        }
    })
}
