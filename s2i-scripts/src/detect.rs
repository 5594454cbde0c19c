//! Which recipe builds a source.

use std::fs;

use crate::{Error, Places, go};

/// A way to build an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipe {
    /// Go, laid out in this way.
    Go(go::Layout),
}

/// Looks at the root of the source.
///
/// # Errors
/// When there is no source, or none of a kind that is known.
pub fn detect(places: &Places) -> Result<Recipe, Error> {
    let path = places.source.as_str();
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(Error::file("read the source", path))? {
        names.push(
            entry
                .map_err(Error::file("read the source", path))?
                .file_name()
                .to_string_lossy()
                .into_owned(),
        );
    }
    if names.is_empty() {
        return Err(Error::NoSource {
            path: path.to_owned(),
        });
    }
    go::Layout::of(&names)
        .map(Recipe::Go)
        .ok_or_else(|| Error::NotRecognised {
            path: path.to_owned(),
        })
}
