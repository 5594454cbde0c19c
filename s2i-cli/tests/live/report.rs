//! The report of a run, for `cargo xtask test`: the time of each test, and the tests that were skipped.

use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

/// The variable that names the file, to which each test appends lines of JSON.
const VARIABLE: &str = "S2I_TEST_REPORT";

/// The name of the test that this thread runs.
pub(crate) fn test_name() -> String {
    thread::current().name().unwrap_or("a test").to_owned()
}

/// Adds the time that a test took.
pub(crate) fn ran(test: &str, time: Duration) {
    append(&json!({"test": test, "seconds": time.as_secs_f64()}));
}

/// Reports that this test, or a part of it, does not run. It writes past the test runner, which hides the output of
/// successful tests.
pub(crate) fn skip(reason: &str) {
    let test = test_name();
    let _ = writeln!(io::stderr(), "\n!!! SKIPPED: {test}: {reason}");
    append(&json!({"test": test, "skipped": reason}));
}

fn append(line: &Value) {
    let Some(file) = std::env::var_os(VARIABLE) else {
        return;
    };
    let file = OpenOptions::new().create(true).append(true).open(file);
    // One call, so that lines of several tests don't mix.
    file.unwrap()
        .write_all(format!("{line}\n").as_bytes())
        .unwrap();
}
