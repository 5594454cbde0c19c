//! A model of a registry that has one image, without users and without TLS.

use s2i_core::image::Digest;
use serde_json::{Value, json};

use crate::http::{Answer, serve};

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
        let host = serve(move |request| {
            let (kind, body) = if request.line.contains("/manifests/") {
                (MANIFEST, manifest.clone())
            } else if request.line.contains("/blobs/") {
                ("application/octet-stream", config.clone())
            } else {
                ("application/json", "{}".to_owned())
            };
            Answer(200, kind, body)
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
