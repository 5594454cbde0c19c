//! The contents of an engine, compared before and after the tests.

use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use crate::{
    engine::{Target, http},
    host,
};

/// The beginning of the names of images that tests make.
const TEST_IMAGE: &str = "s2i-test/";

/// The beginning of the names of containers that `s2i` makes.
const CONTAINER: &str = "s2i_";

/// The things in an engine, a line each.
pub(super) struct Contents(Vec<String>);

impl Contents {
    pub(super) fn of(target: &Target) -> Result<Self> {
        match target {
            Target::Api(url) => Self::of_api(url),
            native => Self::of_store(native, native.store().as_deref()),
        }
    }

    fn of_store(target: &Target, store: Option<&Path>) -> Result<Self> {
        let images = host::output(target.s2i()?.arg("images"))?;
        let mut lines: Vec<String> = images.lines().map(|line| format!("image {line}")).collect();
        let work = store.map(|store| store.join("work"));
        let places = work
            .map(std::fs::read_dir)
            .transpose()?
            .into_iter()
            .flatten();
        for place in places {
            let name = place?.file_name();
            lines.push(format!("container {CONTAINER}{}", name.display()));
        }
        Ok(Self(lines))
    }

    fn of_api(url: &str) -> Result<Self> {
        let mut lines = Vec::new();
        let containers = http::get(url, "/containers/json?all=true")?;
        lines.extend(names(&containers, "Names").map(|name| format!("container {name}")));
        let images = http::get(url, "/images/json")?;
        for image in images.as_array().into_iter().flatten() {
            let tags: Vec<&str> = texts(&image["RepoTags"])
                .filter(|tag| *tag != "<none>:<none>")
                .collect();
            match (&tags[..], image["Id"].as_str()) {
                ([], Some(id)) => lines.push(format!("image {id}, which has no name")),
                (tags, _) => lines.extend(tags.iter().map(|tag| format!("image {tag}"))),
            }
        }
        let volumes = http::get(url, "/volumes")?;
        lines.extend(names(&volumes["Volumes"], "Name").map(|name| format!("volume {name}")));
        Ok(Self(lines))
    }

    /// Returns the lines that were not there before, and all things that only tests and `s2i` make.
    pub(super) fn beyond(self, before: &Self) -> Vec<String> {
        let is_ours = |line: &String| {
            line.starts_with(&format!("container {CONTAINER}")) || line.contains(TEST_IMAGE)
        };
        let mut lines = self.0;
        lines.retain(|line| is_ours(line) || !before.0.contains(line));
        lines
    }
}

/// The texts at `key` of each member of a list, one or several.
fn names<'a>(list: &'a Value, key: &'a str) -> impl Iterator<Item = &'a str> {
    let members = list.as_array().into_iter().flatten();
    members
        .flat_map(move |member| texts(&member[key]))
        .map(|name| name.trim_start_matches('/'))
}

/// A text, or the texts of a list.
fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let one = value.as_str().into_iter();
    one.chain(
        value
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(lines: &[&str]) -> Contents {
        Contents(lines.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn what_is_new_or_only_ours_was_left() {
        let before = contents(&["image a:1", "container s2i_x", "volume v"]);
        let after = contents(&[
            "image a:1",
            "container s2i_x",
            "image s2i-test/y:latest",
            "volume w",
        ]);
        assert_eq!(
            after.beyond(&before),
            ["container s2i_x", "image s2i-test/y:latest", "volume w"]
        );
    }

    #[test]
    fn names_are_texts_or_lists() {
        let list = serde_json::json!([{"Names": ["/a", "/b"]}, {"Names": "c"}, {"Names": null}]);
        assert_eq!(names(&list, "Names").collect::<Vec<_>>(), ["a", "b", "c"]);
    }
}
