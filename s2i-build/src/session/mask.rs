//! Takes secrets out of what a program writes.

use s2i_core::Secret;

use super::forms::forms;

/// What stands in the place of a secret.
const MASKED: &[u8] = b"[redacted]";

/// One stream of a program. What may be the beginning of a secret waits for what comes next; a secret
/// has no end of line in it, so a whole line never waits.
#[derive(Debug, Default)]
pub(super) struct Mask {
    /// The longest first, so that one that has another one in it is masked whole.
    texts: Vec<Vec<u8>>,
    waiting: Vec<u8>,
}

impl Mask {
    pub(super) fn new(secrets: &[Secret]) -> Self {
        let texts = secrets.iter().flat_map(Secret::texts).flat_map(forms);
        let mut texts: Vec<_> = texts.map(String::into_bytes).collect();
        texts.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        texts.dedup();
        Self {
            texts,
            waiting: Vec::new(),
        }
    }

    /// Takes the next piece and gives what can be shown.
    pub(super) fn push(&mut self, piece: Vec<u8>) -> Vec<u8> {
        if self.texts.is_empty() {
            return piece;
        }
        self.waiting.extend(piece);
        let (shown, used) = self.masked(&self.waiting, true);
        self.waiting.drain(..used);
        shown
    }

    /// Gives what still waits when the program has ended.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        let rest = std::mem::take(&mut self.waiting);
        self.masked(&rest, false).0
    }

    /// The text without secrets, and how much of it that is.
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

/// Whether the text ends in the middle of this one.
fn is_cut(known: &[u8], text: &[u8]) -> bool {
    text.len() < known.len() && known.starts_with(text)
}

#[cfg(test)]
mod tests {
    use s2i_core::EnvVar;

    use super::*;

    fn mask(values: &[&str]) -> Mask {
        let secrets = values.iter().map(|value| EnvVar::new("S", value).unwrap());
        Mask::new(&secrets.map(Secret::from).collect::<Vec<_>>())
    }

    /// What is shown of a text that comes in pieces of this size.
    fn shown(values: &[&str], text: &str, size: usize) -> String {
        let mut mask = mask(values);
        let pieces = text.as_bytes().chunks(size);
        let mut shown: Vec<u8> = pieces.flat_map(|piece| mask.push(piece.to_vec())).collect();
        shown.extend(mask.finish());
        String::from_utf8(shown).unwrap()
    }

    #[test]
    fn a_secret_is_masked_wherever_it_is_cut() {
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
            // `me:hunter22`, as requests have it.
            (
                &["hunter22"],
                "Basic bWU6aHVudGVyMjI=\n",
                "Basic bWU6[redacted]I=\n",
            ),
            (&["top/secret"], "?key=top%2Fsecret&x", "?key=[redacted]&x"),
            (&[], "anything", "anything"),
        ] {
            for size in 1..=text.len() {
                assert_eq!(shown(values, text, size), expected, "{text:?} by {size}");
            }
        }
    }

    #[test]
    fn only_the_beginning_of_a_secret_waits() {
        let mut mask = mask(&["hunter22"]);
        assert_eq!(mask.push(b"password: hun".to_vec()), b"password: ");
        assert_eq!(mask.push(b"gry\nhunter".to_vec()), b"hungry\n");
        assert_eq!(mask.push(b"\n".to_vec()), b"hunter\n");
        assert_eq!(mask.push(b"h".to_vec()), b"");
        assert_eq!(mask.finish(), b"h");
    }
}
