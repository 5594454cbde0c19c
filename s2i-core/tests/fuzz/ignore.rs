//! Ignore files.

use s2i_core::ignore::{DEFAULT_EXCLUDE, Filter};

/// The content of a pruned directory is left out, the root never is, each line gives a rule or at
/// most one diagnostic, and without rules that rescue, what is below something left out is left out.
///
/// The input is an ignore file, a NUL, and a path.
pub(crate) fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else {
        return;
    };
    let (rules, path) = text.split_once('\0').unwrap_or((text, "a/b.c"));
    let filter = Filter::excluding(DEFAULT_EXCLUDE).expect("the default is an expression");
    let Ok((filter, diagnostics)) = filter.with_ignore_file(".s2iignore", rules) else {
        return;
    };
    assert!(diagnostics.len() <= rules.lines().count());
    assert!(!filter.leaves_out(""));
    let rescues = rules.lines().any(|line| line.trim().starts_with('!'));
    let below = format!("{path}/x");
    if path.is_empty() {
        return;
    }
    let is_out = filter.leaves_out(path);
    if filter.prunes(path) {
        assert!(is_out && filter.leaves_out(&below));
    }
    if is_out && !rescues {
        assert!(filter.leaves_out(&below));
    }
    let is_ours = path.split('/').any(|part| part == ".git");
    assert!(!is_ours || is_out);
    if rules.is_empty() {
        assert_eq!(is_out, is_ours);
    }
}
