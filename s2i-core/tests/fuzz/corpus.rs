//! The committed corpus of a fuzz target.

use std::{fs, path::Path};

/// Calls `check` with the content of each file of `fuzz/corpus/TARGET`.
///
/// # Panics
/// When the corpus is not there or empty: a renamed target must not lose its test.
pub(crate) fn each(target: &str, check: impl Fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target);
    let entries = fs::read_dir(&corpus).unwrap_or_else(|err| panic!("{}: {err}", corpus.display()));
    let mut count = 0;
    for entry in entries {
        let path = entry.unwrap().path();
        // Shown where the test fails.
        println!("{}", path.display());
        check(&fs::read(&path).unwrap());
        count += 1;
    }
    assert!(count > 0, "{} is empty", corpus.display());
}
