//! The certificates of the API server and its clients, the key of tokens, and the files that select a client.

use anyhow::{Context, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair,
};

use super::{kubectl, ports, settings, write_secret};
use crate::{network::Bridge, wait::Starting};

const KUBECONFIG: &str = include_str!("../../kubernetes/kubeconfig.yaml");

/// A client of the API server.
struct Client {
    /// The name of its files.
    name: &'static str,
    /// The user, which the server reads from the common name.
    user: &'static str,
    /// The group, which it reads from the organization.
    group: &'static str,
    /// The file that selects the client.
    config: &'static str,
}

const CLIENTS: [Client; 2] = [
    Client {
        name: "admin",
        user: "admin",
        group: "system:masters",
        config: kubectl::KUBECONFIG,
    },
    Client {
        name: "node",
        user: "system:node:s2i",
        group: "system:nodes",
        config: "node.kubeconfig",
    },
];

/// A certificate with its key, as PEM.
struct Pair {
    certificate: String,
    key: String,
}

/// Writes new keys and certificates below `pki`, and a file for each client.
pub(super) fn write(starting: &Starting, bridge: Bridge) -> Result<()> {
    let authority = authority()?;
    starting.write("pki/ca.crt", &authority.pem())?;
    let names = [
        "127.0.0.1".to_owned(),
        bridge.gateway(),
        "localhost".to_owned(),
        "kubernetes.default.svc".to_owned(),
    ];
    let mut server = CertificateParams::new(names).context("can't name the API server")?;
    server.distinguished_name = subject(None, "kube-apiserver");
    write_pair(starting, "apiserver", &signed(&server, &authority)?)?;
    for client in &CLIENTS {
        let pair = signed(&client.params()?, &authority)?;
        write_pair(starting, client.name, &pair)?;
        let config = client.config(&authority.pem(), &pair)?;
        write_secret(&starting.path(client.config), &config)?;
    }
    let tokens = KeyPair::generate().context("can't make a key")?;
    write_secret(&starting.path("pki/sa.key"), &tokens.serialize_pem())?;
    starting.write("pki/sa.pub", &tokens.public_key_pem())?;
    Ok(())
}

impl Client {
    fn params(&self) -> Result<CertificateParams> {
        let mut params =
            CertificateParams::new(Vec::new()).context("can't make the certificate of a client")?;
        params.distinguished_name = subject(Some(self.group), self.user);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        Ok(params)
    }

    /// Returns the text of the file that selects the client, which needs no other file.
    fn config(&self, authority: &str, pair: &Pair) -> Result<String> {
        let values: [(&str, &str); 5] = [
            ("USER", self.name),
            ("URL", &ports::api()),
            ("AUTHORITY", &STANDARD.encode(authority)),
            ("CERTIFICATE", &STANDARD.encode(&pair.certificate)),
            ("KEY", &STANDARD.encode(&pair.key)),
        ];
        settings::fill(KUBECONFIG, &values)
    }
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params =
        CertificateParams::new(Vec::new()).context("can't make the certificate of an authority")?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name = subject(None, "s2i-test-engines");
    let key = KeyPair::generate().context("can't make a key")?;
    CertifiedIssuer::self_signed(params, key).context("can't sign the certificate of an authority")
}

fn subject(organization: Option<&str>, name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    if let Some(organization) = organization {
        subject.push(DnType::OrganizationName, organization);
    }
    subject.push(DnType::CommonName, name);
    subject
}

fn signed(
    params: &CertificateParams,
    authority: &CertifiedIssuer<'static, KeyPair>,
) -> Result<Pair> {
    let key = KeyPair::generate().context("can't make a key")?;
    let certificate = params
        .signed_by(&key, authority)
        .context("can't sign a certificate")?;
    Ok(Pair {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    })
}

fn write_pair(starting: &Starting, name: &str, pair: &Pair) -> Result<()> {
    starting.write(&format!("pki/{name}.crt"), &pair.certificate)?;
    write_secret(&starting.path(&format!("pki/{name}.key")), &pair.key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_is_selected_by_a_file_that_needs_no_other() {
        let authority = authority().unwrap();
        let client = &CLIENTS[0];
        let pair = signed(&client.params().unwrap(), &authority).unwrap();
        let config = client.config(&authority.pem(), &pair).unwrap();
        for text in [&authority.pem(), &pair.certificate, &pair.key] {
            assert!(text.starts_with("-----BEGIN "), "{text}");
            assert!(config.contains(&STANDARD.encode(text)), "{config}");
        }
        assert!(
            config.contains("server: \"https://127.0.0.1:16443\""),
            "{config}"
        );
    }
}
