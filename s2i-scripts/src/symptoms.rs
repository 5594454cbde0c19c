//! The causes of failures that have nothing to do with the source, from the messages of tools: networks, certificates,
//! logins, disks.
//!
//! Tools have no other interface for that. The texts decide about advice and nothing else.

/// A kind of failure, with the texts of which one shows it, and the advice.
struct Symptom {
    texts: &'static [&'static str],
    advice: &'static str,
}

/// The kinds; the first one that is shown counts, for a later one may be its consequence.
const SYMPTOMS: [Symptom; 5] = [
    Symptom {
        texts: &["ENOSPC", "no space left on device", "EDQUOT"],
        advice: "the disk is full: make room where images and containers are stored, then build again",
    },
    Symptom {
        texts: &[
            "x509: certificate signed by unknown authority",
            "SELF_SIGNED_CERT_IN_CHAIN",
            "DEPTH_ZERO_SELF_SIGNED_CERT",
            "UNABLE_TO_GET_ISSUER_CERT",
            "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
            "self-signed certificate",
            "unable to get local issuer certificate",
        ],
        advice: "a server has a certificate of an authority that the image does not know: give the authority to `s2i build` with --trust-ca",
    },
    Symptom {
        texts: &[
            "E401",
            "E403",
            "401 Unauthorized",
            "403 Forbidden",
            "ENEEDAUTH",
            "ERR_PNPM_FETCH_401",
            "ERR_PNPM_FETCH_403",
            "terminal prompts disabled",
            "could not read Username",
        ],
        advice: "a server wants a login, or refuses the one that it got: give it as a secret of the build, such as NPM_TOKEN or NETRC",
    },
    Symptom {
        texts: &[
            "ENOTFOUND",
            "EAI_AGAIN",
            "ECONNREFUSED",
            "ECONNRESET",
            "ETIMEDOUT",
            "ERR_SOCKET_TIMEOUT",
            "ENETUNREACH",
            "EHOSTUNREACH",
            "dial tcp",
            "i/o timeout",
            "Could not resolve host",
        ],
        advice: "a server could not be reached: check the network of the build and its proxies, HTTPS_PROXY and NO_PROXY, or name a mirror with NPM_MIRROR or GOPROXY",
    },
    Symptom {
        texts: &[
            "ENOTCACHED",
            "disabled by GOPROXY=off",
            "ERR_PNPM_NO_OFFLINE",
        ],
        advice: "the build may not use the network, and what it needs is not in the source or in a saved cache",
    },
];

/// Returns the advice about the first symptom of an output.
pub(crate) fn advice(output: &str) -> Option<String> {
    let is_shown = |symptom: &&Symptom| symptom.texts.iter().any(|&text| has_word(output, text));
    let mut symptoms = SYMPTOMS.iter();
    symptoms
        .find(is_shown)
        .map(|symptom| symptom.advice.to_owned())
}

/// Returns whether a text is in an output, and not as a part of a longer word.
pub(crate) fn has_word(output: &str, text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    output.match_indices(text).any(|(start, _)| {
        let before = output[..start].chars().next_back();
        let after = output[start + text.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_of_a_failure_is_known_by_its_text() {
        for (output, expected) in [
            ("npm error code ECONNREFUSED", Some("could not be reached")),
            ("npm error code E404", None),
            ("npm error code ENOSPC\nECONNRESET", Some("disk is full")),
            (
                "Get \"https://proxy.example.org\": tls: x509: certificate signed by unknown authority",
                Some("--trust-ca"),
            ),
            ("fatal: could not read Username for", Some("login")),
            ("main.go:4: undefined: ECONNREFUSED_CODE", None),
            ("", None),
        ] {
            let advice = advice(output);
            assert_eq!(advice.is_some(), expected.is_some(), "{output}: {advice:?}");
            let text = advice.unwrap_or_default();
            assert!(text.contains(expected.unwrap_or_default()), "{text}");
        }
    }
}
