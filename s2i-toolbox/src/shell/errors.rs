//! What the shell says of itself, in the form of other shells.

use std::io::{self, Write};

use brush_core::{Error, Shell, ShellExtensions, extensions::ErrorFormatter};

/// Puts the shell's name before an error.
#[derive(Clone, Default)]
pub(super) struct Formatter;

impl ErrorFormatter for Formatter {
    fn format_error(&self, error: &Error, shell: &Shell<impl ShellExtensions>) -> String {
        let name = shell.current_shell_name().unwrap_or("sh".into());
        format!("{name}: {error:#}\n")
    }
}

/// Says it and returns the status, so that both can be the end of a function.
pub(super) fn tell(name: &str, text: &str, status: u8) -> u8 {
    // There is nobody to tell when standard error is gone.
    let _ = writeln!(io::stderr(), "{name}: {text}");
    status
}
