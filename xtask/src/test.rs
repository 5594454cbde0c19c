//! `cargo xtask test`: every test, those on a real engine too, and then a look at what is left there.

use std::{
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{
    dist::{self, Arch},
    engine::{Choice, Kind, Otherwise, Target, http},
    host, images, paths,
    setup::{check_programs, step},
};

/// The images of builders that tests use.
const BUILDERS: [&str; 7] = [
    "go",
    "go:test",
    "go-runtime",
    "node",
    "node-runtime",
    "binary",
    "scratch",
];

/// How the names of images start that tests make.
const TEST_IMAGE: &str = "s2i-test/";

/// How the names of containers start that `s2i` makes.
const CONTAINER: &str = "s2i_";

/// How long what goes by itself may still be seen.
const GOING: Duration = Duration::from_secs(20);

/// Arguments of `test`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The engine: `native`, `native-user`, a kind of `cargo xtask engine`, or a URL; without it, one that answers,
    /// else one that is started for the tests
    #[arg(long)]
    engine: Option<String>,
    /// Leave out the large source
    #[arg(long)]
    quick: bool,
    /// Arguments of `cargo test`, such as a part of the names of tests
    #[arg(last = true)]
    filters: Vec<String>,
}

/// `cargo xtask test`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let start = Instant::now();
    check_programs()?;
    step(start, "finding a container engine");
    let engine = Choice::make(args.engine.as_deref(), Otherwise::Docker)?;
    let target = &engine.target;
    println!("using {target}");
    let arch = Arch::host()?;
    step(start, "building s2i, its agent and the scripts of images");
    dist::s2i(arch)?;
    dist::test_script(arch)?;
    step(start, "composing the images of builders");
    images::load(&BUILDERS, target)?;
    let before = Contents::of(target)?;
    step(start, "running the tests");
    let tested = host::run(&mut tests(args, &engine));
    step(start, "looking at what the tests left in the engine");
    let left = left_behind(target, &before)?;
    if left.is_empty() {
        println!("nothing");
    }
    tested.context("tests failed")?;
    ensure!(
        left.is_empty(),
        "the tests left behind:\n{}",
        left.join("\n")
    );
    step(start, "all tests passed");
    Ok(())
}

/// What tests left, looked at until there is nothing: a container that goes by itself takes a moment.
fn left_behind(target: &Target, before: &Contents) -> Result<Vec<String>> {
    let start = Instant::now();
    loop {
        let left = Contents::of(target)?.beyond(before);
        if left.is_empty() || start.elapsed() > GOING {
            return Ok(left);
        }
        thread::sleep(Duration::from_millis(200));
    }
}

fn tests(args: &Args, engine: &Choice) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(paths::root())
        .args(["test", "--workspace", "--locked"])
        .args(&args.filters)
        .env("S2I_TEST_REQUIRE_LIVE", "1");
    match &engine.target {
        Target::Api(url) => cargo.env("S2I_TEST_ENGINE", url).env("DOCKER_HOST", url),
        native => {
            if let Target::NativeUser { user, .. } = native {
                cargo.env("S2I_TEST_USER", user);
            }
            cargo
                .env("S2I_TEST_ENGINE", "native")
                .envs(native.store().map(|store| ("S2I_TEST_STORE", store)))
                .env_remove("DOCKER_HOST")
        }
    };
    for (name, wanted) in [
        // Containers of an ordinary user's Podman start without a network here.
        ("S2I_TEST_NETWORK", engine.kind != Some(Kind::PodmanUser)),
        ("S2I_TEST_BIG", !args.quick),
    ] {
        if wanted {
            cargo.env(name, "1");
        } else {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// What is in an engine, a line each.
struct Contents(Vec<String>);

impl Contents {
    fn of(target: &Target) -> Result<Self> {
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

    /// What was not there before, and all that only tests and `s2i` make.
    fn beyond(self, before: &Self) -> Vec<String> {
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
