//! The reader of objects.

use s2i_core::bounds;
use serde_json::Value;
use thiserror::Error;

/// The most documents of a stream.
const DOCUMENTS: usize = 1000;

/// The most values of a stream, those that aliases repeat included.
const NODES: usize = 250_000;

/// The most nested values of a document.
const DEPTH: usize = 64;

/// The most aliases of a stream.
const ALIASES: usize = 1000;

/// An error of a text with objects.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The text is too long.
    #[error("the text has {0} bytes, more than {most}", most = bounds::DOCUMENT)]
    TooLong(usize),
    /// The text is neither YAML nor JSON, or it exceeds a bound.
    #[error("the text can't be read as YAML or JSON")]
    Syntax(#[source] Box<serde_saphyr::Error>),
}

/// Returns the objects of a text: those of a stream of YAML documents or of JSON, where a List counts as its items.
/// Empty documents are left out.
///
/// Scalars without quotes are read as by YAML 1.1, as the API does: `y` is a boolean.
///
/// # Errors
/// [`ReadError`] if the text is longer than 4 MiB, is neither YAML nor JSON, has a key twice, or has more than 1000
/// documents or aliases, 250,000 values or 64 levels of them.
pub fn read(text: &str) -> Result<Vec<Value>, ReadError> {
    if text.len() as u64 > bounds::DOCUMENT {
        return Err(ReadError::TooLong(text.len()));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEPTH,
            max_documents: DOCUMENTS,
            max_nodes: NODES,
            max_aliases: ALIASES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: NODES,
        },
        with_snippet: false,
    };
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|err| ReadError::Syntax(Box::new(err)))?;
    Ok(documents.into_iter().flat_map(items).collect())
}

/// Returns the items of a List, or the object itself.
fn items(mut document: Value) -> Vec<Value> {
    let is_list = document["kind"]
        .as_str()
        .is_some_and(|kind| kind.ends_with("List"));
    if document.is_null() {
        return Vec::new();
    }
    if is_list && let Some(Value::Array(items)) = document.get_mut("items").map(Value::take) {
        return items;
    }
    vec![document]
}
