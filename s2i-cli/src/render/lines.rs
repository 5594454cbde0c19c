//! The output of scripts and servers, split into lines that are safe to show.

use s2i_core::{Printable, text::Filter};

/// Collects the pieces of a stream and returns complete lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    filter: Filter,
    pending: String,
}

/// The maximum length of a line in bytes. Longer lines are split, so that memory stays bounded.
const LONGEST: usize = 64 * 1024;

impl Lines {
    /// Adds a piece and returns the lines that it completes.
    pub(super) fn push(&mut self, piece: &[u8]) -> Vec<Printable> {
        let mut lines = Vec::new();
        for c in self.filter.push(piece).chars() {
            match c {
                '\n' => lines.push(self.take()),
                c => self.pending.push(c),
            }
            if self.pending.len() >= LONGEST {
                lines.push(self.take());
            }
        }
        lines
    }

    /// Returns the rest at the end of the stream.
    pub(super) fn finish(&mut self) -> Option<Printable> {
        self.pending += &self.filter.finish();
        (!self.pending.is_empty()).then(|| self.take())
    }

    fn take(&mut self) -> Printable {
        let line = std::mem::take(&mut self.pending);
        // The text after a carriage return overwrites the text before it.
        let text = line.trim_end_matches('\r');
        Printable::line(text.rsplit('\r').next().unwrap_or(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the lines of a stream that arrives in pieces of this size.
    fn shown(text: &[u8], size: usize) -> Vec<String> {
        let mut lines = Lines::default();
        let pieces = text.chunks(size);
        let mut shown: Vec<_> = pieces.flat_map(|piece| lines.push(piece)).collect();
        shown.extend(lines.finish());
        shown.into_iter().map(String::from).collect()
    }

    #[test]
    fn lines_are_complete_for_any_size_of_pieces() {
        let text = "one\r\n  two\n\n10%\r50%\r100%\n\u{1b}]0;title\u{7}thr\u{1b}[31mé\u{9b}0me";
        for size in 1..=text.len() {
            let lines = shown(text.as_bytes(), size);
            assert_eq!(lines, ["one", "  two", "", "100%", "thrée"]);
        }
    }

    #[test]
    fn line_without_end_is_split() {
        let text = "x".repeat(2 * LONGEST + 1);
        let lengths: Vec<_> = shown(text.as_bytes(), 1000)
            .iter()
            .map(String::len)
            .collect();
        assert_eq!(lengths, [LONGEST, LONGEST, 1]);
    }
}
