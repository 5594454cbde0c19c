//! Objects as text: a stream of YAML documents, or a List in JSON.
//!
//! Keys have a fixed order, so the text of the same objects is the same. No field is written that only the server sets.
//! Every text that a reader of YAML 1.1 could take for something else is in quotes, because the API's reader is one of
//! them: a label `y` without quotes is a boolean, and the object is refused.

mod order;
mod read;
mod write;

use std::str::FromStr;

use serde::Serialize;
use serde_json::Value;

pub use read::{ReadError, read};
pub use write::write;

/// The format of objects as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// A stream of YAML documents, one for each object.
    #[default]
    Yaml,
    /// One object, or a List of several, in JSON.
    Json,
}

/// An error for text that is the name of no [`Format`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no format of objects: yaml or json")]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "yaml" => Ok(Self::Yaml),
            "json" => Ok(Self::Json),
            _ => Err(UnknownFormat(text.into())),
        }
    }
}

/// Returns an object of a typed kind, for [`write()`].
///
/// # Panics
/// Never for the types of `k8s_openapi`: the keys of their maps are strings.
#[must_use]
pub fn object(typed: &impl Serialize) -> Value {
    serde_json::to_value(typed).expect("the keys of all maps are strings")
}
