//! Images of one program, and their way into the engine's registry.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use reqwest::{
    Url,
    blocking::{Client, RequestBuilder, Response},
    header::{CONTENT_TYPE, LOCATION},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::web;

/// The time limit of a request. The registry is on loopback.
const TIMEOUT: Duration = Duration::from_secs(10);

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// An image of one layer.
pub(super) struct Image {
    layer: Vec<u8>,
    config: Vec<u8>,
}

/// Returns an image whose only file is a static program, which its containers run.
pub(super) fn of_program(program: &Path, name: &str) -> Result<Image> {
    let content = std::fs::read(program);
    let content = content.with_context(|| format!("can't read `{}`", program.display()))?;
    let mut layer = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o755);
    layer
        .append_data(&mut header, name, &content[..])
        .with_context(|| format!("can't make a layer with `{name}`"))?;
    let layer = layer.into_inner().context("can't end a layer")?;
    let config = json!({
        "architecture": architecture()?,
        "os": "linux",
        "config": { "Entrypoint": [format!("/{name}")] },
        "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] },
    });
    Ok(Image {
        layer,
        config: config.to_string().into_bytes(),
    })
}

/// Puts an image into a registry without TLS.
pub(super) fn push(registry: &str, name: &str, tag: &str, image: &Image) -> Result<()> {
    let pushed = try_push(registry, name, tag, image);
    pushed.with_context(|| format!("can't push {registry}/{name}:{tag}"))
}

fn try_push(registry: &str, name: &str, tag: &str, image: &Image) -> Result<()> {
    // The registry is on this machine, and proxies lead away from it.
    let client = web::client().no_proxy().timeout(TIMEOUT).build()?;
    let base = format!("http://{registry}/v2/{name}");
    for blob in [&image.layer, &image.config] {
        upload(&client, &base, blob)?;
    }
    let manifest = image.manifest().to_string();
    let request = client.put(format!("{base}/manifests/{tag}"));
    send(request.header(CONTENT_TYPE, MANIFEST).body(manifest))?;
    Ok(())
}

fn upload(client: &Client, base: &str, blob: &[u8]) -> Result<()> {
    let answer = send(client.post(format!("{base}/blobs/uploads/")))?;
    let location = answer.headers().get(LOCATION);
    let location = location.context("the registry names no place for a blob")?;
    let mut place: Url = answer.url().join(location.to_str()?)?;
    place.query_pairs_mut().append_pair("digest", &digest(blob));
    let request = client.put(place);
    send(
        request
            .header(CONTENT_TYPE, "application/octet-stream")
            .body(blob.to_vec()),
    )?;
    Ok(())
}

fn send(request: RequestBuilder) -> Result<Response> {
    let answer = request.send()?;
    let status = answer.status();
    ensure!(
        status.is_success(),
        "the registry answers {} with {status}",
        answer.url().path()
    );
    Ok(answer)
}

impl Image {
    fn manifest(&self) -> Value {
        let blob = |kind: &str, bytes: &[u8]| json!({ "mediaType": kind, "digest": digest(bytes), "size": bytes.len() });
        json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": blob(CONFIG, &self.config),
            "layers": [blob(LAYER, &self.layer)],
        })
    }
}

fn digest(bytes: &[u8]) -> String {
    format!(
        "sha256:{}",
        base16ct::lower::encode_string(&Sha256::digest(bytes))
    )
}

/// Returns the processor of this machine as images name it.
fn architecture() -> Result<&'static str> {
    Ok(match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => bail!("no image can be made for the processor {other}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_program_makes_the_same_image() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("program");
        std::fs::write(&program, "text").unwrap();
        let (one, two) = (
            of_program(&program, "a").unwrap(),
            of_program(&program, "a").unwrap(),
        );
        assert_eq!(one.manifest(), two.manifest());
        let other = of_program(&program, "b").unwrap();
        assert_ne!(one.manifest(), other.manifest());
    }

    #[test]
    fn layer_holds_the_program_as_one_that_everyone_may_run() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("program");
        std::fs::write(&program, "text").unwrap();
        let image = of_program(&program, "a").unwrap();
        let mut archive = tar::Archive::new(&image.layer[..]);
        let entries = archive.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            (path, entry.header().mode().unwrap(), entry.size())
        });
        assert_eq!(entries.collect::<Vec<_>>(), [("a".to_owned(), 0o755, 4)]);
    }

    #[test]
    fn digest_is_that_of_the_bytes() {
        assert_eq!(
            digest(b""),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
