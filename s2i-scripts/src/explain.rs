//! The parts of an error beside its message: exit code, cause and advice.

/// The most items of a list that a message has.
const MAX_LISTED: usize = 6;

/// The parts of an error beside its message, which has what failed and on what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Explanation {
    /// The exit code of the script.
    pub(crate) code: u8,
    /// The reason, where more is known than what failed.
    pub(crate) cause: Option<String>,
    /// Advice for the user, one line each.
    pub(crate) hints: Vec<String>,
}

impl Explanation {
    pub(crate) fn new(code: u8) -> Self {
        Self {
            code,
            cause: None,
            hints: Vec::new(),
        }
    }

    pub(crate) fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds the advice to choose with a variable, with the first candidate as the example.
    pub(crate) fn choose(self, variable: &str, candidates: &[String]) -> Self {
        match candidates.first() {
            Some(first) => self.hint(format!(
                "choose with {variable}, for example `-e {variable}={first}`"
            )),
            None => self,
        }
    }
}

/// Returns a sentence with all candidates.
pub(crate) fn listed(candidates: &[String]) -> String {
    if candidates.is_empty() {
        "there is none".into()
    } else {
        format!("there are {}", candidates.join(", "))
    }
}

/// Returns the first items of a list, with an ellipsis for the others.
pub(crate) fn abbreviated(items: &[String]) -> String {
    let few = items[..items.len().min(MAX_LISTED)].join(", ");
    let more = if items.len() > MAX_LISTED {
        ", …"
    } else {
        ""
    };
    format!("{few}{more}")
}
