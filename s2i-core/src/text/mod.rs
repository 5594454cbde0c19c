//! Text on its way to a terminal or a log.
//!
//! Names, messages and the output of programs come from images, sources and servers, and a terminal obeys control
//! sequences in them: they set titles, write to the clipboard, and show something else than what is there.
//! [`Filter`] takes them out of a stream, and [`Printable`] is a text without them.

mod filter;

use std::fmt;

use serde::{Serialize, Serializer};

pub use filter::Filter;

/// A text that a terminal or a log can show: without control characters, escape sequences and bidirectional
/// controls, as [`Filter`] describes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Printable(String);

impl Printable {
    /// The text in one line: line ends are spaces in it, and there is none at its end.
    #[must_use]
    pub fn line(text: &str) -> Self {
        let text = Self::lines(text).0;
        Self(text.trim_end_matches('\n').replace('\n', " "))
    }

    /// The text with its lines. A carriage return within a line, which would hide the text before it, is a space.
    #[must_use]
    pub fn lines(text: &str) -> Self {
        let text = Filter::strip(text);
        Self(text.replace("\r\n", "\n").replace('\r', " "))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Printable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<Printable> for String {
    fn from(text: Printable) -> Self {
        text.0
    }
}

impl Serialize for Printable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_no_line_end() {
        for (text, line, lines) in [
            ("one", "one", "one"),
            ("one\r\ntwo\n\n", "one two", "one\ntwo\n\n"),
            ("hidden\rshown\r\n", "hidden shown", "hidden shown\n"),
            ("a\u{1b}]x\nb\u{1b}[31m", "a b", "a\nb"),
            ("", "", ""),
        ] {
            assert_eq!(Printable::line(text).as_str(), line, "{text:?}");
            assert_eq!(Printable::lines(text).as_str(), lines, "{text:?}");
        }
    }
}
