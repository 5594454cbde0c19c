//! What scripts and servers wrote, cut into lines that are safe to show.

/// Collects pieces of a stream and gives whole lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pending: Vec<u8>,
}

/// A line that is longer is shown in parts, so that memory stays bounded. In bytes.
const LONGEST: usize = 64 * 1024;

impl Lines {
    /// Adds a piece and gives the lines that it completes.
    pub(super) fn push(&mut self, piece: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for byte in piece {
            match byte {
                b'\n' => lines.push(self.take()),
                _ => self.pending.push(*byte),
            }
            if self.pending.len() >= LONGEST {
                lines.push(self.take());
            }
        }
        lines
    }

    /// Gives what is left when the stream has ended.
    pub(super) fn finish(&mut self) -> Option<String> {
        (!self.pending.is_empty()).then(|| self.take())
    }

    fn take(&mut self) -> String {
        let line = std::mem::take(&mut self.pending);
        // What comes after a lone carriage return overwrites what was before it.
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches('\r');
        printable(text.rsplit('\r').next().unwrap_or(text))
    }
}

/// The text without control characters, which could move the cursor or set titles; tabs stay. Colours
/// are taken out whole.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            if chars.next_if_eq(&'[').is_some() {
                while chars.next_if(|c| !('@'..='~').contains(c)).is_some() {}
                chars.next();
            }
        } else if !c.is_control() || c == '\t' {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_whatever_the_pieces() {
        let mut lines = Lines::default();
        assert_eq!(lines.push(b"on"), Vec::<String>::new());
        assert_eq!(lines.push(b"e\r\n  two\nthr"), ["one", "  two"]);
        assert_eq!(lines.finish().as_deref(), Some("thr"));
        assert_eq!(lines.push(b"10%\r50%\r100%\n"), ["100%"]);
    }

    #[test]
    fn what_could_steer_a_terminal_is_taken_out() {
        assert_eq!(
            printable("\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7}\tx\u{8}"),
            "red ]0;title\tx"
        );
    }
}
