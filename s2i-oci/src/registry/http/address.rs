//! Addresses of registries, and those that HTTP without TLS may go to.

use std::net::IpAddr;

use reqwest::Url;

/// Returns the URL of the API of a registry at this address, which must be a host with an optional port.
pub(in crate::registry) fn base_url(scheme: &str, address: &str) -> Option<Url> {
    let is_host = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    let is_address = address.chars().all(is_host) && address.contains(|c| c != '.');
    let url = Url::parse(&format!("{scheme}://{address}/v2/")).ok()?;
    is_address.then_some(url)
}

/// Returns whether the URL's host is `localhost` or an address of the loopback interface.
pub(in crate::registry) fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else {
        return false;
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Returns whether a request may go to this URL: with TLS, or from a registry on loopback to a host on loopback.
pub(in crate::registry) fn is_allowed(url: &Url, from_loopback: bool) -> bool {
    match url.scheme() {
        "https" => true,
        "http" => from_loopback && is_loopback(url),
        _ => false,
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
            assert_eq!(is_allowed(&parsed, true), allowed, "{url}");
            assert_eq!(
                is_allowed(&parsed, false),
                allowed && parsed.scheme() == "https",
                "{url}"
            );
        }
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
