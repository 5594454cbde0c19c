//! What registries ask for before they answer.

use s2i_oci::registry::{Challenge, ChallengeError};

/// Nothing but an encrypted login service is taken, unless both it and the registry are on loopback;
/// and a header more never turns a challenge for a token into one for a password.
///
/// The input is one header a line.
pub(crate) fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else {
        return;
    };
    for from_loopback in [false, true] {
        let challenge = Challenge::parse(text.lines(), from_loopback);
        match &challenge {
            Ok(Challenge::Bearer { realm, .. }) => {
                let is_local = matches!(realm.host_str(), Some("localhost" | "[::1]"))
                    || realm
                        .host_str()
                        .is_some_and(|host| host.starts_with("127."));
                let is_encrypted = realm.scheme() == "https";
                assert!(is_encrypted || (realm.scheme() == "http" && from_loopback && is_local));
            }
            Ok(Challenge::Basic) | Err(_) => {}
        }
        let more = text.lines().chain(["Basic realm=\"r\""]);
        let with_more = Challenge::parse(more, from_loopback);
        match challenge {
            Err(ChallengeError::Unsupported) => assert_eq!(with_more, Ok(Challenge::Basic)),
            challenge => assert_eq!(with_more, challenge),
        }
    }
}
