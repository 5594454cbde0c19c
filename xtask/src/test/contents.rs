//! The contents of an engine, compared before and after the tests.

use std::path::Path;

use anyhow::Result;
use s2i_test_engines::{api, host, kubernetes};

use crate::{dist::Profile, engine::Target};

/// The prefix of the names of images from tests.
const TEST_IMAGE: &str = "s2i-test/";

/// The prefix of the names of containers from `s2i`.
const CONTAINER: &str = "s2i_";

/// The contents of an engine, one per line.
pub(super) struct Contents(Vec<String>);

impl Contents {
    pub(super) fn of(target: &Target) -> Result<Self> {
        match target {
            Target::Api(url) => api::contents(url).map(Self),
            native => Self::of_store(native, native.store().as_deref()),
        }
    }

    /// Returns the objects of the Kubernetes among the test engines.
    pub(super) fn of_kubernetes() -> Result<Self> {
        kubernetes::contents().map(Self)
    }

    fn of_store(target: &Target, store: Option<&Path>) -> Result<Self> {
        let images = host::output(target.s2i(Profile::Test)?.arg("images"))?;
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

    /// Returns the new lines, and all objects that only tests and `s2i` create.
    pub(super) fn beyond(self, before: &Self) -> Vec<String> {
        let is_ours = |line: &String| {
            line.starts_with(&format!("container {CONTAINER}")) || line.contains(TEST_IMAGE)
        };
        let mut lines = self.0;
        lines.retain(|line| is_ours(line) || !before.0.contains(line));
        lines
    }
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
}
