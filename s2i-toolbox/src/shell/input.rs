//! Commands from standard input.
//!
//! The input is read byte by byte and never past a command, because the rest may be for the programs
//! that a command starts.

use std::io::{self, Write};

use brush_core::parser::ParseError;
use rustix::{io::Errno, stdio::stdin};

use super::{Shell, run_text};

/// Reads and runs commands until the end of the input or `exit`.
pub(super) async fn run(shell: &mut Shell, is_interactive: bool) {
    // It fails only for a shell that has started already.
    let _ = shell.start_interactive_session();
    let mut commands = String::new();
    loop {
        if is_interactive {
            prompt(shell, commands.is_empty()).await;
        }
        let line = read_line().unwrap_or_default();
        let is_end = line.is_empty();
        commands.push_str(&line);
        if is_end && commands.is_empty() {
            break;
        }
        if !is_end && is_incomplete(shell, &commands) {
            continue;
        }
        let text = std::mem::take(&mut commands);
        let goes_on = run_text(shell, text, false).await;
        if is_end || !goes_on {
            break;
        }
    }
    let _ = shell.end_interactive_session();
    let _ = shell.on_exit().await;
}

/// Whether the commands are not complete yet.
fn is_incomplete(shell: &Shell, commands: &str) -> bool {
    if commands.ends_with("\\\n") {
        return true;
    }
    match shell.parse_string(commands) {
        Err(ParseError::ParsingAtEndOfInput) => true,
        Err(ParseError::Tokenizing { inner, .. }) => inner.is_incomplete(),
        _ => false,
    }
}

async fn prompt(shell: &mut Shell, is_first: bool) {
    let text = if is_first {
        shell.compose_prompt().await
    } else {
        shell.compose_continuation_prompt().await
    };
    let mut stderr = io::stderr();
    // Commands can be typed without a prompt as well.
    let _ = stderr.write_all(text.unwrap_or_default().as_bytes());
    let _ = stderr.flush();
}

/// The next line with its end; empty at the end of the input.
fn read_line() -> io::Result<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.last() != Some(&b'\n') {
        match rustix::io::read(stdin(), &mut byte) {
            Ok(0) => break,
            Ok(_) => line.push(byte[0]),
            Err(Errno::INTR) => {}
            Err(err) => return Err(err.into()),
        }
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}
