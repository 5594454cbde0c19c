//! What registries ask for before they answer.

use s2i_oci::registry::{Challenge, ChallengeError};

/// No token service is taken that is not allowed, and a header more never turns a challenge for a token into one for a
/// password.
///
/// The input is one header a line.
pub(crate) fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else {
        return;
    };
    for is_allowed in [false, true] {
        let challenge = Challenge::parse(text.lines(), |_| is_allowed);
        assert!(is_allowed || !matches!(challenge, Ok(Challenge::Bearer { .. })));
        let more = text.lines().chain(["Basic realm=\"r\""]);
        let with_more = Challenge::parse(more, |_| is_allowed);
        match challenge {
            Err(ChallengeError::Unsupported) => assert_eq!(with_more, Ok(Challenge::Basic)),
            challenge => assert_eq!(with_more, challenge),
        }
    }
}
