//! The parts of an error beside its message: exit code, cause and advice.

/// The parts of an error beside its message, which has what failed and on what.
pub trait Explain {
    /// The code that the script ends with.
    fn exit_code(&self) -> u8;
    /// The reason, where more is known than what failed.
    fn cause(&self) -> Option<String>;
    /// Advice for the user, one thing a line.
    fn tries(&self) -> Vec<String>;
}

/// Returns the list of what there is to choose from.
pub(crate) fn listed(found: &[String]) -> String {
    if found.is_empty() {
        "there is none".into()
    } else {
        format!("there are {}", found.join(", "))
    }
}

/// Returns the advice to choose with a variable, with the first one as the example.
pub(crate) fn choose(variable: &str, found: &[String]) -> Vec<String> {
    found
        .first()
        .map(|first| format!("choose with {variable}, for example `-e {variable}={first}`"))
        .into_iter()
        .collect()
}
