//! TLS to an engine: authorities, the client's certificate, and the connection.

use std::{
    error::Error as StdError,
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use bollard::Docker;
use hyper_rustls::HttpsConnectorBuilder;
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{
        CertificateDer, PrivateKeyDer, ServerName, UnixTime,
        pem::{self, PemObject},
    },
};
use rustls_platform_verifier::Verifier;
use s2i_core::bounds;
use thiserror::Error as ThisError;

use crate::transport;

/// The usual names of the files in a directory with certificates.
const CA: &str = "ca.pem";
const CERT: &str = "cert.pem";
const KEY: &str = "key.pem";

/// The TLS of a connection to an engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// True if the engine has to prove its identity: by a certificate of an authority in `ca`, or without such a file of
    /// one that this machine trusts.
    pub verify: bool,
    /// The file of the authorities, in PEM.
    pub ca: Option<PathBuf>,
    /// The file of the client's certificate and those above it, in PEM.
    pub cert: Option<PathBuf>,
    /// The file of the key of this certificate, in PEM.
    pub key: Option<PathBuf>,
}

/// The request for TLS, from options or variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsRequest {
    /// True for TLS without a check of the engine's identity: `--tls`, or `DOCKER_TLS` that is not empty.
    pub tls: bool,
    /// True for TLS with that check: `--tlsverify`, or `DOCKER_TLS_VERIFY` that is not empty.
    pub verify: bool,
    /// The directory with the files of the usual names: `DOCKER_CERT_PATH`, else that of Docker's configuration.
    pub dir: Option<PathBuf>,
    /// `--ca`
    pub ca: Option<PathBuf>,
    /// `--cert`
    pub cert: Option<PathBuf>,
    /// `--key`
    pub key: Option<PathBuf>,
}

impl TlsRequest {
    /// Returns the TLS that is requested. Of the usual files, those that exist count.
    #[must_use]
    pub fn tls(&self) -> Option<Tls> {
        if !self.tls && !self.verify {
            return None;
        }
        let file = |named: &Option<PathBuf>, usual| match (named, &self.dir) {
            (Some(named), _) => Some(named.clone()),
            (None, Some(dir)) => existing(dir, usual),
            (None, None) => None,
        };
        Some(Tls {
            verify: self.verify,
            ca: file(&self.ca, CA),
            cert: file(&self.cert, CERT),
            key: file(&self.key, KEY),
        })
    }
}

impl Tls {
    /// Returns the TLS of a Docker context, with the files of its directory.
    pub(crate) fn of_context(dir: &Path, verify: bool) -> Option<Self> {
        dir.is_dir().then(|| Self {
            verify,
            ca: existing(dir, CA),
            cert: existing(dir, CERT),
            key: existing(dir, KEY),
        })
    }

    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`].
    fn config(&self) -> Result<ClientConfig, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .dangerous();
        let builder = match (self.verify, &self.ca) {
            (false, _) => builder.with_custom_certificate_verifier(Arc::new(AnyEngine(provider))),
            (true, None) => {
                let verifier = Arc::new(Verifier::new(provider)?);
                builder.with_custom_certificate_verifier(verifier)
            }
            (true, Some(ca)) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(ca)? {
                    roots.add(certificate)?;
                }
                let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(
                    Arc::new(roots),
                    provider,
                );
                let verifier = verifier.build().map_err(|err| TlsError::Authorities {
                    file: ca.clone(),
                    source: err.into(),
                })?;
                builder.with_custom_certificate_verifier(verifier)
            }
        };
        Ok(match (&self.cert, &self.key) {
            (None, None) => builder.with_no_client_auth(),
            (Some(cert), Some(key)) => {
                builder.with_client_auth_cert(certificates(cert)?, private_key(key)?)?
            }
            (Some(cert), None) => return Err(TlsError::NoKey(cert.clone())),
            (None, Some(key)) => return Err(TlsError::NoCertificate(key.clone())),
        })
    }

    /// Creates the client for an engine at `tcp://host:port`; the first call connects.
    pub(crate) fn connect(&self, url: &str, timeout: u64) -> Result<Docker, TlsError> {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(self.config()?)
            .https_only()
            .enable_http1()
            .build();
        let host = url.split_once("://").map_or(url, |(_, host)| host);
        let docker = transport::client(connector, format!("https://{host}"), 0, timeout);
        docker.map_err(|err| TlsError::Client(err.into()))
    }
}

fn existing(dir: &Path, name: &str) -> Option<PathBuf> {
    Some(dir.join(name)).filter(|file| file.exists())
}

/// The reason why TLS can't be used.
#[derive(Debug, ThisError)]
pub(crate) enum TlsError {
    /// A file can't be read.
    #[error("can't read `{}`", file.display())]
    Read { file: PathBuf, source: io::Error },
    /// A file has nothing of the kind.
    #[error("`{}` has no {what} in PEM", file.display())]
    Empty {
        file: PathBuf,
        what: &'static str,
        source: Option<pem::Error>,
    },
    /// A file of authorities can't be used.
    #[error("`{}` has no usable authority", file.display())]
    Authorities {
        file: PathBuf,
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A certificate without a key.
    #[error("the client certificate `{}` has no key: name it with --key, or put {KEY} beside it", .0.display())]
    NoKey(PathBuf),
    /// A key without a certificate.
    #[error("the key `{}` has no client certificate: name it with --cert, or put {CERT} beside it", .0.display())]
    NoCertificate(PathBuf),
    /// The key does not fit, or a certificate is not valid.
    #[error("the certificates can't be used")]
    Certificates(#[from] rustls::Error),
    /// The client.
    #[error("the client can't be made")]
    Client(#[source] Box<dyn StdError + Send + Sync>),
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    bounds::read_file(file, bounds::FILE).map_err(|source| TlsError::Read {
        file: file.into(),
        source,
    })
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(file)?;
    let empty = |source| TlsError::Empty {
        file: file.into(),
        what: "certificate",
        source,
    };
    let found = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|err| empty(Some(err)))?;
    if found.is_empty() {
        return Err(empty(None));
    }
    Ok(found)
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&read(file)?).map_err(|err| TlsError::Empty {
        file: file.into(),
        what: "private key",
        source: Some(err),
    })
}

/// Accepts every certificate, as `--tls` without `--tlsverify` requests. The engine still has to have its key.
struct AnyEngine(Arc<CryptoProvider>);

impl fmt::Debug for AnyEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyEngine")
    }
}

impl ServerCertVerifier for AnyEngine {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
