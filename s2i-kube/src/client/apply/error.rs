//! The reasons why objects are not applied.

use s2i_build::Interrupt;
use thiserror::Error;

use super::Applied;
use crate::client::error::ApiError;

/// Objects that were not applied, or not all.
#[derive(Debug, Error)]
pub enum ApplyError {
    /// An object without what names it. Nothing was changed.
    #[error(
        "object {number} can't be applied: its `{field}` is missing or no name; objects need `apiVersion`, `kind`, and \
         `metadata.name` or `metadata.generateName`"
    )]
    Malformed {
        /// The number of the object, from 1.
        number: usize,
        /// The field.
        field: &'static str,
    },
    /// A kind that the cluster does not know. Nothing was changed.
    #[error(
        "the cluster does not know the kind `{kind}` of `{api}`, and nothing was changed: install the system that the \
         object is for, or name another cluster with `--context`"
    )]
    UnknownKind {
        /// The kind.
        kind: String,
        /// The group and the version of the API.
        api: String,
    },
    /// A request before the first change failed, or the server refuses an object.
    #[error("nothing was changed: {0}")]
    Refused(ApiError),
    /// The server refuses an object that it has accepted in a check, or can't be reached any more.
    #[error("not all objects were applied: {error}; {}", list(.done))]
    Partial {
        /// The objects before it.
        done: Vec<Applied>,
        /// The refusal.
        error: ApiError,
    },
    /// A signal came between two objects.
    #[error("the command was interrupted before all objects were applied; {}", list(.done))]
    Interrupted {
        /// The objects before it.
        done: Vec<Applied>,
        /// The signal.
        reason: Interrupt,
    },
}

/// Returns a list of objects for a message.
fn list(done: &[Applied]) -> String {
    if done.is_empty() {
        return "nothing was changed".to_owned();
    }
    let objects: Vec<_> = done.iter().map(|object| format!("`{object}`")).collect();
    format!("these were before: {}", objects.join(", "))
}
