//! A model of a registry that has one image, without users and without TLS.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
};

use s2i_core::image::Digest;
use serde_json::{Value, json};

/// The media types of an image.
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// The registry. It answers until the process ends.
pub(crate) struct Registry {
    host: String,
    digest: String,
}

impl Registry {
    /// Starts a registry that has an image with this config under every name and tag.
    pub(crate) fn start(config: &Value) -> Self {
        let platform = s2i_core::image::Platform::of_this_machine();
        let config = json!({
            "architecture": platform.architecture,
            "os": "linux",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": []},
        });
        let config = config.to_string();
        let descriptor = |kind: &str, text: &str| json!({"mediaType": kind, "digest": Digest::of(text.as_bytes()).to_string(), "size": text.len()});
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(CONFIG, &config),
            "layers": [],
        });
        let manifest = manifest.to_string();
        let digest = Digest::of(manifest.as_bytes()).to_string();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            for mut connection in listener.incoming().flatten() {
                let (manifest, config) = (manifest.clone(), config.clone());
                thread::spawn(move || answer(&mut connection, &manifest, &config));
            }
        });
        Self { host, digest }
    }

    /// The name of an image in the registry.
    pub(crate) fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.host)
    }

    /// Returns a text with fixed names in place of the port and the digest.
    pub(crate) fn normalised(&self, text: &str) -> String {
        let text = text.replace(&self.host, "registry.example.org");
        text.replace(&self.digest, "sha256:77")
    }
}

/// Answers the requests of a connection.
fn answer(connection: &mut TcpStream, manifest: &str, config: &str) {
    let mut text = String::new();
    let mut piece = [0; 4096];
    while let Ok(length @ 1..) = connection.read(&mut piece) {
        text += &String::from_utf8_lossy(&piece[..length]);
        while let Some((request, rest)) = text.split_once("\r\n\r\n") {
            let (kind, body) = if request.contains("/manifests/") {
                (MANIFEST, manifest)
            } else if request.contains("/blobs/") {
                ("application/octet-stream", config)
            } else {
                ("application/json", "{}")
            };
            let length = body.len();
            let is_head = request.starts_with("HEAD ");
            let body = if is_head { "" } else { body };
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
            );
            if connection.write_all((head + body).as_bytes()).is_err() {
                return;
            }
            text = rest.to_owned();
        }
    }
}
