//! The termination message of a container, which Kubernetes shows in the status of its pod.

use std::{fs::OpenOptions, io::Write as _};

use s2i_core::{ErrorChain, Printable, bounds};
use serde_json::{Value, json};

use crate::error::Error;

/// The file that Kubernetes reads.
const FILE: &str = "/dev/termination-log";

/// The most bytes that it reads.
const MOST: usize = 4096;

/// The most bytes of an error in the message, so that it fits with the characters that JSON escapes.
const MOST_OF_ERROR: usize = 1500;

/// Writes the message. Without Kubernetes there is no such file, and nothing is written.
pub(super) fn write(message: &Value) {
    let text = message.to_string();
    if text.len() > MOST {
        return;
    }
    if let Ok(mut file) = OpenOptions::new().write(true).truncate(true).open(FILE) {
        let _ = file.write_all(text.as_bytes());
    }
}

/// Writes the message of a failure.
pub(super) fn failed(err: &Error) {
    let text = Printable::line(&ErrorChain(err).to_string()).to_string();
    write(&json!({
        "error": bounds::end_of(&text, MOST_OF_ERROR),
        "code": err.exit_code().0,
    }));
}
