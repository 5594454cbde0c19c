//! Addresses of registries, and those that HTTP without TLS may go to.

use std::net::IpAddr;

use reqwest::Url;

use crate::registry::options::Insecure;

/// Returns the URL of the API of a registry at this address, which must be a host with an optional port.
pub(in crate::registry) fn base_url(scheme: &str, address: &str) -> Option<Url> {
    let is_host = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    let is_address = address.chars().all(is_host) && address.contains(|c| c != '.');
    let url = Url::parse(&format!("{scheme}://{address}/v2/")).ok()?;
    is_address.then_some(url)
}

/// Returns whether the URL's host is `localhost` or an address of the loopback interface.
fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else {
        return false;
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The trust in a registry, which decides where its requests may go without TLS, and whether its certificate is
/// verified.
#[derive(Clone, Debug)]
pub(in crate::registry) struct Trust {
    /// The host, without the port.
    host: String,
    pub(in crate::registry) is_loopback: bool,
    /// All insecure registries, if this one is among them.
    insecure: Option<Insecure>,
}

impl Trust {
    /// The trust in the registry of this name with this address.
    pub(in crate::registry) fn new(registry: &str, address: &Url, insecure: &Insecure) -> Self {
        Self {
            host: address.host_str().unwrap_or_default().into(),
            is_loopback: is_loopback(address),
            insecure: insecure.has(registry).then(|| insecure.clone()),
        }
    }

    pub(in crate::registry) fn is_insecure(&self) -> bool {
        self.insecure.is_some()
    }

    /// Returns whether a request may go to this URL: with TLS; from a registry on loopback to a host on loopback; or
    /// from an insecure registry to its own host or to another insecure one.
    pub(in crate::registry) fn allows(&self, url: &Url) -> bool {
        match url.scheme() {
            "https" => true,
            "http" if self.is_loopback && is_loopback(url) => true,
            "http" => self.insecure.as_ref().is_some_and(|insecure| {
                let host = url.host_str().unwrap_or_default();
                let name = match url.port() {
                    Some(port) => format!("{host}:{port}"),
                    None => host.to_owned(),
                };
                host == self.host || insecure.has(&name)
            }),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_allowed_without_tls() {
        for (url, loopback, allowed) in [
            ("http://localhost:5000/v2/", true, true),
            ("http://127.0.0.1/", true, true),
            ("http://127.255.0.9:1/", true, true),
            ("http://[::1]:5000/", true, true),
            ("https://[::1]:5000/", true, true),
            ("http://127.0.0.1.example.org/", false, false),
            ("http://localhost.example.org/", false, false),
            ("http://user@10.0.0.1/", false, false),
            ("http://127.0.0.1@example.org/", false, false),
            ("http://0.0.0.0/", false, false),
            ("http://[::ffff:7f00:1]/", false, false),
            ("https://example.org/", false, true),
            ("ftp://127.0.0.1/", true, false),
        ] {
            let parsed = Url::parse(url).unwrap();
            assert_eq!(is_loopback(&parsed), loopback, "{url}");
            assert_eq!(
                trust("localhost:5000", &[]).allows(&parsed),
                allowed,
                "{url}"
            );
            assert_eq!(
                trust("example.org", &[]).allows(&parsed),
                allowed && parsed.scheme() == "https",
                "{url}"
            );
        }
    }

    /// The trust in a registry, with these insecure ones.
    fn trust(registry: &str, insecure: &[&str]) -> Trust {
        let insecure = insecure.iter().copied().map(str::to_owned).collect();
        let address = base_url("https", registry).unwrap();
        Trust::new(registry, &address, &Insecure::Named(insecure))
    }

    #[test]
    fn insecure_registry_leads_to_insecure_hosts_without_tls() {
        let names = ["a.lan:5000", "b.lan:80", "c.lan"];
        for (url, allowed) in [
            ("http://a.lan:5000/v2/", true),
            ("http://a.lan:8080/token", true),
            ("http://b.lan:9000/", false),
            ("http://c.lan/", true),
            ("http://c.lan:81/", false),
            ("http://d.lan/", false),
            ("http://a.lan.d.lan/", false),
            ("http://localhost:5000/", false),
            ("ftp://a.lan/", false),
            ("https://d.lan/", true),
        ] {
            let parsed = Url::parse(url).unwrap();
            assert_eq!(
                trust("a.lan:5000", &names).allows(&parsed),
                allowed,
                "{url}"
            );
            let is_encrypted = parsed.scheme() == "https";
            assert_eq!(
                trust("d.lan", &names).allows(&parsed),
                is_encrypted,
                "{url}"
            );
        }
        let address = base_url("https", "a.lan").unwrap();
        let any = Trust::new("a.lan", &address, &Insecure::All);
        assert!(any.allows(&Url::parse("http://d.lan/").unwrap()));
    }

    #[test]
    fn address_is_a_host_with_an_optional_port() {
        for address in ["example.org", "example.org:5000", "[::1]:5000", "localhost"] {
            let url = base_url("https", address).unwrap();
            assert_eq!(url.as_str(), format!("https://{address}/v2/"));
        }
        for address in [
            "",
            "a b",
            "user@example.org",
            "a/b",
            "a?b",
            "a#b",
            "a:b",
            "..",
            ".",
        ] {
            assert_eq!(
                base_url("https", address).map(String::from),
                None,
                "{address}"
            );
        }
    }
}
