//! The only way to the terminal: lines for users, without credentials.

use std::{fmt::Display, io::Write, time::Duration};

use super::Secrets;

/// The standard output and the standard error of a script.
///
/// Lines are written at once and whole, so that they stand in order with those of child processes.
/// A failure to write could not be reported anywhere, so it is dropped; data goes through
/// [`data`](Self::data), where failures are not.
pub(crate) struct Console<'io> {
    out: &'io mut dyn Write,
    err: &'io mut dyn Write,
    secrets: Secrets,
}

impl<'io> Console<'io> {
    /// Creates a console on these streams, which shows none of these secrets.
    pub(crate) fn new(out: &'io mut dyn Write, err: &'io mut dyn Write, secrets: Secrets) -> Self {
        Self { out, err, secrets }
    }

    /// Announces a phase, in the way that users of s2i know.
    pub(crate) fn phase(&mut self, title: &str) {
        self.line(format_args!("---> {title}"));
    }

    /// Writes a detail of the phase that was announced.
    pub(crate) fn detail(&mut self, text: impl Display) {
        self.line(format_args!("     {text}"));
    }

    /// Writes the time that the phase took.
    pub(crate) fn elapsed(&mut self, time: Duration) {
        self.detail(format_args!("done in {:.1} s", time.as_secs_f64()));
    }

    /// Writes a line to the standard output.
    pub(crate) fn line(&mut self, text: impl Display) {
        write_line(self.out, &self.secrets.redact(&text.to_string()));
    }

    /// Writes a line to the standard error.
    pub(crate) fn note(&mut self, text: impl Display) {
        write_line(self.err, &self.secrets.redact(&text.to_string()));
    }

    /// Returns the secrets that are kept from the terminal.
    pub(crate) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Returns the standard output for data.
    pub(crate) fn data(&mut self) -> &mut dyn Write {
        self.out
    }
}

fn write_line(to: &mut dyn Write, text: &str) {
    let line = format!("{text}\n");
    drop(to.write_all(line.as_bytes()).and_then(|()| to.flush()));
}

/// Returns a text in which `redacted` replaces the user information of every URL.
pub(super) fn redact(text: &str) -> String {
    let mut redacted = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let (before, after) = rest.split_at(start + 3);
        redacted.push_str(before);
        let end = after.find(|c: char| c.is_whitespace() || "/?#".contains(c));
        let authority = &after[..end.unwrap_or(after.len())];
        rest = match authority.rfind('@') {
            Some(at) => {
                redacted.push_str("redacted");
                &after[at..]
            }
            None => after,
        };
    }
    redacted.push_str(rest);
    redacted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_in_urls_are_hidden_and_nothing_else_is() {
        for (text, expected) in [
            ("no url", "no url"),
            ("https://host/a@b", "https://host/a@b"),
            ("https://token@host", "https://redacted@host"),
            (
                "'http://a:b@c',ssh://d@e:22/f",
                "'http://redacted@c',ssh://redacted@e:22/f",
            ),
            ("https://a:p@ss@host/", "https://redacted@host/"),
            ("https://a:p'`\"<|,s@host", "https://redacted@host"),
            ("https://", "https://"),
        ] {
            assert_eq!(redact(text), expected);
        }
    }
}
