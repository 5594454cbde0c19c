//! The reading of text that Kubernetes has no code for.

use super::failure::Kind;

/// The most bytes of a text that is shown. Texts of the scheduler name a reason for each node.
const LONGEST: usize = 2000;

/// Returns the kind of a refusal from the text of the controller that could not create a pod. Admission has one reason
/// for all refusals.
pub(crate) fn refusal(message: &str) -> Kind {
    if message.contains("violates PodSecurity") {
        Kind::PodSecurity
    } else if message.contains("exceeded quota") || message.contains("failed quota") {
        Kind::Quota
    } else {
        Kind::Refused
    }
}

/// Returns whether the scheduler waits for a claim that one pod can use at a time.
pub(crate) fn is_claim_in_use(message: &str) -> bool {
    message.contains("ReadWriteOncePod")
}

/// Returns the text, cut if it is long.
pub(crate) fn bounded(mut text: String) -> String {
    if text.len() <= LONGEST {
        return text;
    }
    let mut end = LONGEST;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text.push('…');
    text
}
