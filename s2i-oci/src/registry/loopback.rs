//! Which addresses never leave this machine.

use std::net::IpAddr;

use reqwest::Url;

/// Whether the URL's host is `localhost` or an address of the loopback interface.
pub(super) fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else {
        return false;
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether a request may go to this URL: it is encrypted, or comes from a host on loopback and goes
/// to one.
pub(super) fn is_allowed(url: &Url, from_loopback: bool) -> bool {
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
    fn only_loopback_goes_without_encryption() {
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
}
