//! The options for TLS to Docker or Podman, as Docker and the Go tool have them.

use std::path::{Path, PathBuf};

use clap::Args;
use s2i_docker::TlsRequest;

use super::parse::boolean;

/// The options for TLS to Docker or Podman. They replace the variables `DOCKER_TLS`, `DOCKER_TLS_VERIFY` and
/// `DOCKER_CERT_PATH`.
#[derive(Debug, Default, Args)]
pub(crate) struct TlsArgs {
    /// Use TLS for the connection to Docker or Podman, without a check of the engine's certificate
    #[arg(long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", value_parser = boolean)]
    tls: Option<bool>,
    /// Use TLS for the connection to Docker or Podman, and check the engine's certificate
    #[arg(long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", value_parser = boolean)]
    tlsverify: Option<bool>,
    /// Trust the certificates of engines that the authorities in this file have signed
    #[arg(long, global = true, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Show this client certificate to Docker or Podman
    #[arg(long, global = true, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// The key of the client certificate
    #[arg(long, global = true, value_name = "FILE")]
    key: Option<PathBuf>,
}

impl TlsArgs {
    /// Puts the options in place of the variables. Relative files are in the working directory.
    pub(crate) fn apply(&self, request: &mut TlsRequest, working_dir: &Path) {
        request.tls = self.tls.unwrap_or(request.tls);
        request.verify = self.tlsverify.unwrap_or(request.verify);
        let file = |option: &Option<PathBuf>| option.as_ref().map(|file| working_dir.join(file));
        request.ca = file(&self.ca);
        request.cert = file(&self.cert);
        request.key = file(&self.key);
    }
}
