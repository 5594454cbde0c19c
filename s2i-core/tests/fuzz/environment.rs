//! Environment files.

use std::collections::BTreeMap;

use s2i_core::{
    EnvVar,
    bounds::DIAGNOSTICS,
    environment::{merge, parse_file},
};

/// Each line is a variable, a comment or reported; variables are good, survive being written, and are
/// merged to one for each name.
pub(crate) fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else {
        return;
    };
    let (variables, diagnostics) = parse_file("f", text);
    let lines = text.lines().map(str::trim);
    let lines =
        lines.filter(|line| !(line.is_empty() || line.starts_with('#') || line.starts_with("//")));
    let bad = lines.count() - variables.len();
    // The first are reported one by one, the rest by their number.
    assert_eq!(diagnostics.len(), bad.min(DIAGNOSTICS + 1));
    for variable in &variables {
        let made = EnvVar::new(variable.name(), variable.value());
        assert_eq!(made.as_ref(), Ok(variable));
        assert_eq!(variable.to_entry().parse().as_ref(), Ok(variable));
        let json = serde_json::to_string(variable).expect("two texts");
        assert_eq!(
            serde_json::from_str::<EnvVar>(&json).expect("a variable"),
            *variable
        );
    }
    let merged = merge([&variables[..]]);
    let pairs = |list: &[EnvVar]| -> BTreeMap<String, String> {
        let pair = |variable: &EnvVar| (variable.name().into(), variable.value().into());
        list.iter().map(pair).collect()
    };
    // A map keeps the last value of each name, as merging must.
    assert_eq!(pairs(&merged), pairs(&variables));
    assert_eq!(pairs(&merged).len(), merged.len());
    assert_eq!(merge([&merged[..], &variables[..]]), merged);
}
