//! Removes control sequences and secrets from the output of a program.

use s2i_core::{Secret, text::Filter};

use super::forms::forms;

/// The replacement for a secret.
const MASKED: &[u8] = b"[redacted]";

/// The mask of one output of a program. Control sequences are removed first, so that secrets are searched in the text
/// that is shown. Text that may be the beginning of a secret is held back until more output arrives; a secret
/// contains no line end, so a whole line is never held back.
#[derive(Debug, Default)]
pub(super) struct Mask {
    filter: Filter,
    /// The longest first, so that a secret that contains another one is masked as a whole.
    texts: Vec<Vec<u8>>,
    waiting: Vec<u8>,
}

impl Mask {
    pub(super) fn new(secrets: &[Secret], others: &[Secret<String>]) -> Self {
        let mut texts = Vec::new();
        for text in others {
            texts.extend(forms(text.reveal()).map(String::into_bytes));
        }
        for text in secrets.iter().flat_map(Secret::texts) {
            texts.extend(forms(&text).map(String::into_bytes));
        }
        texts.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        texts.dedup();
        Self {
            texts,
            ..Self::default()
        }
    }

    /// Takes the next piece and returns the text that can be shown.
    pub(super) fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        let piece = self.filter.push(piece).into_bytes();
        if self.texts.is_empty() {
            return piece;
        }
        self.waiting.extend(piece);
        let (shown, used) = self.masked(&self.waiting, true);
        self.waiting.drain(..used);
        shown
    }

    /// Returns the text that was held back, at the end of the program.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.waiting);
        rest.extend(self.filter.finish().into_bytes());
        self.masked(&rest, false).0
    }

    /// Returns a text that is not part of the stream without secrets and control sequences.
    pub(super) fn apply(&self, text: &str) -> String {
        let (shown, _) = self.masked(Filter::strip(text).as_bytes(), false);
        String::from_utf8_lossy(&shown).into_owned()
    }

    /// Returns the text without secrets, and the number of its bytes that were processed.
    fn masked(&self, text: &[u8], more_comes: bool) -> (Vec<u8>, usize) {
        let mut shown = Vec::with_capacity(text.len());
        let mut at = 0;
        while let Some(byte) = text.get(at) {
            let rest = &text[at..];
            let mut here = self.texts.iter().filter(|known| known[0] == *byte);
            if more_comes && here.clone().any(|known| is_cut(known, rest)) {
                break;
            }
            if let Some(known) = here.find(|known| rest.starts_with(known)) {
                shown.extend(MASKED);
                at += known.len();
            } else {
                shown.push(*byte);
                at += 1;
            }
        }
        (shown, at)
    }
}

/// Returns whether the text is a proper prefix of the known one.
fn is_cut(known: &[u8], text: &[u8]) -> bool {
    text.len() < known.len() && known.starts_with(text)
}

#[cfg(test)]
mod tests {
    use s2i_core::EnvVar;

    use super::*;

    fn mask(values: &[&str]) -> Mask {
        let secrets = values.iter().map(|value| EnvVar::new("S", value).unwrap());
        Mask::new(&secrets.map(Secret::from).collect::<Vec<_>>(), &[])
    }

    /// Returns the masked form of a text that arrives in pieces of this size.
    fn shown(values: &[&str], text: &str, size: usize) -> String {
        let mut mask = mask(values);
        let pieces = text.as_bytes().chunks(size);
        let mut shown: Vec<u8> = pieces.flat_map(|piece| mask.push(piece)).collect();
        shown.extend(mask.finish());
        String::from_utf8(shown).unwrap()
    }

    #[test]
    fn secret_is_masked_across_pieces() {
        for (values, text, expected) in [
            (
                &["hunter22"][..],
                "it is hunter22.\n",
                "it is [redacted].\n",
            ),
            (&["hunter22"], "hunter2\nhunter", "hunter2\nhunter"),
            (
                &["hunter22"],
                "hunterhunter22hunter22",
                "hunter[redacted][redacted]",
            ),
            (&["aab", "aaab"], "aaaab", "a[redacted]"),
            (&["aaab"], "aaaaab", "aa[redacted]"),
            (
                &["abcd", "abcdef"],
                "abcdef abcde",
                "[redacted] [redacted]e",
            ),
            (
                &["one two\nthree"],
                "one two\nthree\n",
                "[redacted]\n[redacted]\n",
            ),
            (&["abc"], "abc", "abc"),
            (&["grüße"], "viele grüße", "viele [redacted]"),
            // `me:hunter22`, as in requests.
            (
                &["hunter22"],
                "Basic bWU6aHVudGVyMjI=\n",
                "Basic bWU6[redacted]I=\n",
            ),
            (&["top/secret"], "?key=top%2Fsecret&x", "?key=[redacted]&x"),
            (&[], "anything", "anything"),
            // The output has no control sequence in it.
            (
                &["s3cr3t", "s3cr3tABC"],
                "s3cr3t\u{1b}[1mABC\u{1b}[0m s3\0cr\u{7}3t s3c\u{8}r3t\n",
                "[redacted] [redacted] [redacted]\n",
            ),
            (
                &["s3cr3t"],
                "\u{1b}[01;31m\u{1b}[Ks3cr\u{1b}[m\u{1b}[K3t s3\u{1b}]0;title\u{7}cr\u{9b}1m3\u{200b}t\n",
                "[redacted] [redacted]\n",
            ),
            (&["s3cr3t"], "s3c\r3t \u{1b}]s3cr3t", "s3c\r3t "),
            (&["\u{feff}s3cr3t"], "\u{feff}s3cr3t", "[redacted]"),
            (
                &["pa\"ss\\word"],
                "{\"p\": \"pa\\\"ss\\\\word\"}",
                "{\"p\": \"[redacted]\"}",
            ),
            (&["it's me"], "+ echo 'it'\\''s me'", "+ echo '[redacted]'"),
        ] {
            for size in 1..=text.len() {
                assert_eq!(shown(values, text, size), expected, "{text:?} by {size}");
            }
        }
    }

    #[test]
    fn only_a_prefix_of_a_secret_is_held_back() {
        let mut mask = mask(&["hunter22"]);
        assert_eq!(mask.push(b"password: hun"), b"password: ");
        assert_eq!(mask.push(b"gry\nhunter"), b"hungry\n");
        assert_eq!(mask.push(b"\n"), b"hunter\n");
        assert_eq!(mask.push(b"h"), b"");
        assert_eq!(mask.finish(), b"h");
    }
}
