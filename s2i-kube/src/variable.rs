//! Variables of containers.

use s2i_core::EnvVar;
use serde_json::{Value, json};

/// Returns a value in the form of a container or a build, where `$(NAME)` is a reference to a variable and `$$` is a
/// `$`.
pub(crate) fn escaped(value: &str) -> String {
    if value.contains("$(") || value.contains("$$") {
        return value.replace('$', "$$");
    }
    value.to_owned()
}

/// Returns the list of variables of a container or a build.
pub(crate) fn list(env: &[EnvVar]) -> Value {
    let variables = env
        .iter()
        .map(|variable| json!({"name": variable.name(), "value": escaped(variable.value())}));
    variables.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_escaped_and_other_dollars_are_not() {
        assert_eq!(escaped("$(HOME)/a $b"), "$$(HOME)/a $$b");
        assert_eq!(escaped("a$$b"), "a$$$$b");
        assert_eq!(escaped("$HOME ${A}"), "$HOME ${A}");
    }
}
