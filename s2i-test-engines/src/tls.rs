//! Certificates for a Docker daemon that also listens on loopback with TLS, and asks clients for a certificate.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::wait::Starting;

/// The directory below that of an engine. A client finds `ca.pem`, `cert.pem` and `key.pem` there, and the address in
/// the file `url`.
const DIR: &str = "tls";

/// Makes new certificates and adds the options for them to the command of a daemon.
pub(crate) fn listen(starting: &Starting, dockerd: &mut Command) -> Result<()> {
    let dir = starting.path(DIR);
    fs::create_dir_all(&dir).with_context(|| format!("can't make `{}`", dir.display()))?;
    let write = |name: &str, text: &str| -> Result<PathBuf> {
        starting.write(&format!("{DIR}/{name}"), text)
    };
    let authority = authority()?;
    write("ca.pem", &authority.pem())?;
    write("other-ca.pem", &self::authority()?.pem())?;
    for (certificate, key) in [
        ("server-cert.pem", "server-key.pem"),
        ("cert.pem", "key.pem"),
    ] {
        let pair = KeyPair::generate()?;
        let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
        let signed = CertificateParams::new(names)?.signed_by(&pair, &authority)?;
        write(certificate, &signed.pem())?;
        write(key, &pair.serialize_pem())?;
    }
    let address = format!("tcp://{}", free_address()?);
    write("url", &address)?;
    options(dockerd, &dir, &address);
    Ok(())
}

fn options(dockerd: &mut Command, dir: &Path, address: &str) {
    dockerd.args(["--host", address, "--tlsverify"]);
    for (option, file) in [
        ("--tlscacert", "ca.pem"),
        ("--tlscert", "server-cert.pem"),
        ("--tlskey", "server-key.pem"),
    ] {
        dockerd.arg(option).arg(dir.join(file));
    }
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

/// Returns an address on loopback whose port is free at this moment.
fn free_address() -> Result<std::net::SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    Ok(listener.local_addr()?)
}
