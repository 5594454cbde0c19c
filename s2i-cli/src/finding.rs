//! Findings about the machine, which decide whether the embedded engine can work.

use serde::Serialize;
use thiserror::Error;

/// A finding about the machine or an engine, with the step that changes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    #[serde(rename = "what")]
    pub(crate) text: String,
    pub(crate) step: Option<String>,
}

impl Finding {
    pub(crate) fn new(text: impl Into<String>, step: Option<&str>) -> Self {
        Self {
            text: text.into(),
            step: step.map(str::to_owned),
        }
    }
}

/// The reasons why the embedded engine can't work here.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", .0.iter().map(|finding| finding.text.as_str()).collect::<Vec<_>>().join("; "))]
pub(crate) struct Unavailable(pub(crate) Vec<Finding>);
