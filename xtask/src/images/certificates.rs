//! The certificate authorities that programs trust.

use anyhow::Result;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use s2i_oci::layer::LayerBuilder;

use super::put;

/// Adds Mozilla's list, from a crate that `Cargo.lock` pins, at the path where Go and most other programs look
/// for it.
pub(super) fn add(layer: &mut LayerBuilder) -> Result<()> {
    let path = "etc/ssl/certs/ca-certificates.crt";
    put(layer, path, 0o644, bundle().into_bytes())
}

/// Returns all certificates as PEM, sorted by their bytes.
fn bundle() -> String {
    let certificates = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    let mut certificates: Vec<&[u8]> = certificates.map(AsRef::as_ref).collect();
    certificates.sort_unstable();
    certificates.into_iter().map(pem).collect()
}

fn pem(certificate: &[u8]) -> String {
    let lines = certificate
        .chunks(48)
        .map(|line| STANDARD.encode(line) + "\n");
    format!(
        "-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n",
        lines.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_64_characters_and_all_are_there() {
        let bundle = bundle();
        assert!(bundle.lines().all(|line| line.len() <= 64));
        let count = bundle.matches("-----BEGIN CERTIFICATE-----\n").count();
        assert_eq!(count, webpki_root_certs::TLS_SERVER_ROOT_CERTS.len());
        assert!(count > 100, "{count}");
        assert!(bundle.ends_with("-----END CERTIFICATE-----\n"));
    }
}
