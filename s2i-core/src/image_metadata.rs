//! The file in which scripts leave labels for the image.

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

use crate::{bounds, label};

/// The path of the file in a container.
pub const IMAGE_METADATA_FILE: &str = "/tmp/.s2i/image_metadata.json";

/// The reason why the file can't be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ImageMetadataError {
    /// It is not JSON of the expected form.
    #[error(
        "line {line}, column {column}: an object with `labels`, a list of objects with texts, is expected"
    )]
    Form {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// A label has no name.
    #[error("a label has no name")]
    NoName,
    /// It has more labels than are accepted.
    #[error("it has more than {} labels", bounds::VARIABLES)]
    TooMany,
    /// With its labels, the image would have more bytes of labels than it can have.
    #[error(
        "with them, the image would have more than {} bytes of labels",
        label::SIZE_LIMIT
    )]
    TooLong,
}

#[derive(Deserialize)]
struct Document {
    labels: Vec<BTreeMap<String, String>>,
}

/// Returns the labels in the text of the file. The last one of a name counts.
///
/// # Errors
/// [`ImageMetadataError`] for all but an object whose `labels` are a list of objects with texts.
pub fn parse_image_metadata(text: &[u8]) -> Result<BTreeMap<String, String>, ImageMetadataError> {
    let document: Document =
        serde_json::from_slice(text).map_err(|err| ImageMetadataError::Form {
            line: err.line(),
            column: err.column(),
        })?;
    let labels: BTreeMap<_, _> = document.labels.into_iter().flatten().collect();
    if labels.len() > bounds::VARIABLES {
        return Err(ImageMetadataError::TooMany);
    }
    if labels.contains_key("") {
        return Err(ImageMetadataError::NoName);
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_all_objects_are_joined() {
        let text = br#"{"labels": [{"a": "1", "b": "2"}, {"a": "3"}], "other": 1}"#;
        let labels = parse_image_metadata(text).unwrap();
        let labels: Vec<_> = labels.iter().map(|(a, b)| format!("{a}={b}")).collect();
        assert_eq!(labels, ["a=3", "b=2"]);
        assert!(
            parse_image_metadata(br#"{"labels": []}"#)
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn anything_else_is_an_error() {
        for text in [
            "",
            "{",
            "{}",
            "[]",
            r#"{"labels": {"a": "1"}}"#,
            r#"{"labels": [{"a": 1}]}"#,
            r#"{"labels": [{"": "1"}]}"#,
            r#"{"labels": null}"#,
            "\u{feff}{}",
        ] {
            assert!(parse_image_metadata(text.as_bytes()).is_err(), "{text}");
        }
    }
}
