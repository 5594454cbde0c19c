//! Removes control sequences from a stream of text.

/// The most characters of one sequence that are dropped: a sequence without an end hides no more than that.
const LONGEST: usize = 4096;

/// Takes out of a stream of bytes all that a terminal would not show but obey, wherever the stream is cut into
/// pieces. The result is UTF-8 and the same for any pieces.
///
/// Escape sequences (ECMA-48) go as a whole, with the strings in them, such as titles and hyperlinks; at the
/// latest they end with the line or after 4096 characters. Control characters go, except tabs, line feeds and
/// carriage returns, and so do bidirectional controls and most characters without a width, which make a text look
/// like another one. Joiners and variation selectors stay, because scripts and emoji need them. Invalid UTF-8
/// becomes U+FFFD.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    state: State,
    /// The number of characters in the current sequence so far.
    length: usize,
    /// The beginning of a character whose rest comes with the next piece, at most three bytes.
    cut: Vec<u8>,
}

/// The part of a sequence that the stream is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// None.
    #[default]
    Text,
    /// Directly after ESC.
    Escape,
    /// After the intermediate characters of an escape sequence; the final one is missing.
    Intermediate,
    /// In a control sequence, such as a colour; the final character is missing.
    ControlSequence,
    /// In a control string, such as a title; the terminator is missing.
    ControlString,
}

impl Filter {
    /// Returns the printable part of a text that is not part of a stream.
    #[must_use]
    pub fn strip(text: &str) -> String {
        let mut filter = Self::default();
        filter.push(text.as_bytes()) + &filter.finish()
    }

    /// Takes the next piece and returns the printable part of the stream so far.
    #[must_use]
    pub fn push(&mut self, piece: &[u8]) -> String {
        let mut bytes = std::mem::take(&mut self.cut);
        bytes.extend_from_slice(piece);
        let mut shown = String::with_capacity(bytes.len());
        let mut used = 0;
        for chunk in bytes.utf8_chunks() {
            self.text(chunk.valid(), &mut shown);
            let invalid = chunk.invalid();
            used += chunk.valid().len() + invalid.len();
            if used == bytes.len() && is_cut(invalid) {
                self.cut = invalid.to_vec();
            } else if !invalid.is_empty() {
                shown.extend(self.step(char::REPLACEMENT_CHARACTER));
            }
        }
        shown
    }

    /// Ends the stream and returns the last printable part. The next piece starts another stream.
    #[must_use]
    pub fn finish(&mut self) -> String {
        let mut last = std::mem::take(self);
        let cut = (!last.cut.is_empty()).then_some(char::REPLACEMENT_CHARACTER);
        cut.and_then(|cut| last.step(cut)).into_iter().collect()
    }

    fn text(&mut self, text: &str, shown: &mut String) {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let plain = match self.state {
                State::Text => rest.find(is_dropped).unwrap_or(rest.len()),
                _ => 0,
            };
            if plain > 0 {
                shown.push_str(&rest[..plain]);
                rest = &rest[plain..];
            } else {
                shown.extend(self.step(c));
                rest = &rest[c.len_utf8()..];
            }
        }
    }

    /// Takes one character and returns it if it is shown.
    fn step(&mut self, c: char) -> Option<char> {
        self.length += 1;
        if self.state == State::Text || self.length > LONGEST {
            return self.show(c);
        }
        if let Some(state) = introduced_by(c) {
            return self.enter(state);
        }
        match (self.state, c) {
            (_, '\n') => self.show(c),
            (_, CAN | SUB) | (State::ControlString, BEL | STRING_TERMINATOR) => {
                self.enter(State::Text)
            }
            (State::ControlString, _) => None,
            // A terminal obeys it, and the sequence goes on.
            (_, c) if c.is_control() => None,
            (State::Escape, '[') => self.enter(State::ControlSequence),
            (State::Escape, ']' | 'P' | 'X' | '^' | '_') => self.enter(State::ControlString),
            (State::Escape | State::Intermediate, ' '..='/') => {
                self.state = State::Intermediate;
                None
            }
            (State::ControlSequence, ' '..='?') => None,
            (_, ' '..='~') => self.enter(State::Text),
            _ => self.show(c),
        }
    }

    /// Begins a state; the character that led to it is not shown.
    fn enter(&mut self, state: State) -> Option<char> {
        self.state = state;
        self.length = 0;
        None
    }

    /// Takes a character that is in no sequence.
    fn show(&mut self, c: char) -> Option<char> {
        self.enter(introduced_by(c).unwrap_or_default());
        (!is_dropped(c)).then_some(c)
    }
}

const BEL: char = '\u{7}';
const CAN: char = '\u{18}';
const SUB: char = '\u{1a}';
const STRING_TERMINATOR: char = '\u{9c}';

/// Returns the state that begins with this character, in any state.
fn introduced_by(c: char) -> Option<State> {
    match c {
        '\u{1b}' => Some(State::Escape),
        '\u{9b}' => Some(State::ControlSequence),
        '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => Some(State::ControlString),
        _ => None,
    }
}

/// Returns whether these bytes are the beginning of a character.
fn is_cut(invalid: &[u8]) -> bool {
    std::str::from_utf8(invalid).is_err_and(|err| err.error_len().is_none())
}

/// Returns whether a character outside of sequences is not shown.
fn is_dropped(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' => false,
        c => c.is_control() || is_bidirectional(c) || is_invisible(c),
    }
}

/// Controls of the direction of writing, and separators of lines and paragraphs.
fn is_bidirectional(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}')
}

/// Soft hyphen, spaces without a width, invisible operators, byte order mark, annotations, tags.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{feff}'
    ) || matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: impl AsRef<[u8]>) -> String {
        let mut filter = Filter::default();
        filter.push(text.as_ref()) + &filter.finish()
    }

    #[test]
    fn sequences_go_as_a_whole() {
        for (text, expected) in [
            ("s3cr3t\u{1b}[1mABC\u{1b}[0m", "s3cr3tABC"),
            ("\u{1b}[38;5;1mred\u{1b}(B\u{1b}[m", "red"),
            ("a\u{1b}[?25lb\u{1b}[1 qc", "abc"),
            ("\u{1b}]0;title\u{7}a\u{1b}]0;title\u{1b}\\b", "ab"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\.", "link."),
            (
                "a\u{1b}Pq#0;2\u{1b}\\b\u{1b}_G\u{1b}\\c\u{1b}^x\u{1b}\\d\u{1b}Xx\u{1b}\\e",
                "abcde",
            ),
            ("\u{1b}7a\u{1b}8\u{1b}#8b\u{1b}=c", "abc"),
            ("\u{9b}31mred\u{9d}title\u{9c}.\u{90}q\u{1b}\\", "red."),
            // A sequence in a sequence begins anew; a control character in one does not end it.
            ("\u{1b}[3\u{1b}[1ma\u{1b}[3\u{8}1mb", "ab"),
            ("\u{1b}]a\u{1b}[1mb", "b"),
            // A sequence with an invalid final character.
            ("\u{1b}[3é", "é"),
            ("\u{1b}é\u{1b}", "é"),
            ("\u{1b}[3\u{18}1m\u{1b}]x\u{1a}y", "1my"),
        ] {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }

    #[test]
    fn control_characters_go_and_white_space_stays() {
        let all: String = (0..=0xa0).filter_map(char::from_u32).collect();
        let kept: String = all
            .chars()
            .filter(|c| "\t\n\r".contains(*c) || !c.is_control())
            .collect();
        let without_sequences: String = all
            .chars()
            .filter(|c| introduced_by(*c).is_none())
            .collect();
        assert_eq!(shown(without_sequences), kept);
        assert_eq!(shown("a\u{0}b\u{7}c\u{8}d\u{7f}e\u{85}f"), "abcdef");
    }

    #[test]
    fn characters_that_disguise_a_text_go() {
        for c in "\u{ad}\u{61c}\u{200b}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202e}\u{2060}\u{2066}\u{2069}\u{feff}\u{e0041}".chars() {
            assert_eq!(shown(format!("a{c}b")), "ab", "{c:?}");
        }
        let kept = "می\u{200c}خواهم 👩\u{200d}💻 ⚠\u{fe0f} e\u{301} עברית";
        assert_eq!(shown(kept), kept);
    }

    #[test]
    fn a_sequence_without_end_hides_no_more_than_its_line() {
        assert_eq!(
            shown("a\u{1b}]title\nb\u{1b}[\nc\u{1b}P\r\nd"),
            "a\nb\nc\nd"
        );
        let long = format!("\u{1b}]{}", "x".repeat(LONGEST + 3));
        assert_eq!(shown(long), "xxx");
        let long = format!("\u{1b}[{}", "1".repeat(LONGEST + 3));
        assert_eq!(shown(long), "111");
    }

    #[test]
    fn invalid_utf8_is_replaced_as_elsewhere() {
        for text in [
            &b"a\xffb"[..],
            b"\xe2\x80",
            b"\xe2\x80A\xe2\x82\xac\xf0\x9f",
            b"\x9b31m",
            b"\xed\xa0\x80",
        ] {
            assert_eq!(shown(text), String::from_utf8_lossy(text), "{text:?}");
        }
        let mut filter = Filter::default();
        assert_eq!(filter.push(b"\xe2\x82"), "");
        assert_eq!(filter.push(b"\xac"), "€");
        assert_eq!(filter.push(b"\xe2"), "");
        assert_eq!(filter.finish(), "\u{fffd}");
        assert_eq!(filter.push(b"\x82"), "\u{fffd}");
    }
}
