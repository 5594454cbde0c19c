//! The way back: builds of OpenShift as commands.

use serde_json::Value;

/// A build of OpenShift as a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// The name of the `BuildConfig`.
    pub name: String,
    /// The program `s2i` with its arguments; `None` if the build has no builder image.
    pub command: Option<Vec<String>>,
    /// The settings that the command lacks, each with its replacement.
    pub notes: Vec<String>,
}

/// The settings without an option, as pointers into the object, with their replacements.
const OTHERS: [(&str, &str); 12] = [
    (
        "/spec/source/sourceSecret",
        "the login for the repository: Git uses the credentials of the machine, for example those of `git credential`",
    ),
    (
        "/spec/source/secrets",
        "files of Secrets beside the source: write them to a directory, and add --inject DIRECTORY:DESTINATION",
    ),
    (
        "/spec/source/configMaps",
        "files of ConfigMaps beside the source: write them to a directory, and add --inject DIRECTORY:DESTINATION",
    ),
    (
        "/spec/source/images",
        "files of other images beside the source: copy them into the source before the build",
    ),
    (
        "/spec/source/git/httpProxy",
        "the proxy for Git: set HTTP_PROXY and HTTPS_PROXY for the command",
    ),
    (
        "/spec/strategy/sourceStrategy/volumes",
        "volumes of the build: add --volume SOURCE:DESTINATION",
    ),
    (
        "/spec/strategy/sourceStrategy/pullSecret",
        "the login for the registry of the builder: `s2i login`",
    ),
    (
        "/spec/output/pushSecret",
        "the login for the registry of the result: `s2i login`",
    ),
    (
        "/spec/postCommit",
        "the test of the image: run it after the build, with `s2i run`",
    ),
    (
        "/spec/completionDeadlineSeconds",
        "the deadline: `timeout SECONDS s2i build …`; an interrupted build leaves nothing behind",
    ),
    (
        "/spec/nodeSelector",
        "the nodes of the build: choose the machine that runs the command",
    ),
    (
        "/spec/triggers",
        "the triggers: run the command in CI for each commit, and `s2i rebuild` when an image has changed",
    ),
];

/// Returns the builds in these objects as commands. Tags of image streams are replaced by the images that the streams in
/// the objects follow.
#[must_use]
pub fn migrate(objects: &[Value]) -> Vec<Migration> {
    let builds = objects
        .iter()
        .filter(|object| object["kind"] == "BuildConfig");
    builds.map(|build| migration(build, objects)).collect()
}

fn migration(build: &Value, objects: &[Value]) -> Migration {
    let spec = &build["spec"];
    let name = text(&build["metadata"]["name"]).unwrap_or("-");
    let mut migration = Migration {
        name: name.into(),
        command: None,
        notes: Vec::new(),
    };
    if !spec["strategy"]["sourceStrategy"].is_object() {
        let note = "the build has no builder image, so `s2i build` can't replace it: build its Dockerfile with another \
                    tool, or, if it only copies files of a build into a small image, add --runtime-image and \
                    --runtime-artifact to the command of that build";
        migration.notes.push(note.into());
        return migration;
    }
    let mut command = vec!["s2i".to_owned(), "build".to_owned()];
    strategy(
        &spec["strategy"]["sourceStrategy"],
        &mut command,
        &mut migration.notes,
    );
    limits(&spec["resources"]["limits"], &mut command);
    for label in items(&spec["output"]["imageLabels"]) {
        let (name, value) = (text(&label["name"]), text(&label["value"]));
        let entry = format!("{}={}", name.unwrap_or_default(), value.unwrap_or_default());
        command.extend(["--label".to_owned(), entry]);
    }
    let (source, directory) = source(&spec["source"], &mut migration.notes);
    if let Some(directory) = directory {
        command.extend(["--context-dir".to_owned(), directory.to_owned()]);
    }
    let to = &spec["output"]["to"];
    if !to.is_null() {
        command.push("--push".into());
    }
    command.extend(["--".to_owned(), source]);
    let from = &spec["strategy"]["sourceStrategy"]["from"];
    command.push(image(from, objects, "the builder", &mut migration.notes));
    if !to.is_null() {
        command.push(image(to, objects, "the result", &mut migration.notes));
    }
    migration.command = Some(command);
    let others = OTHERS.iter();
    let present = others.filter(|(pointer, _)| build.pointer(pointer).is_some_and(is_set));
    let notes = present.map(|(pointer, note)| format!("{}: {note}", path(pointer)));
    migration.notes.extend(notes);
    migration
}

/// Adds the options of the strategy.
fn strategy(strategy: &Value, command: &mut Vec<String>, notes: &mut Vec<String>) {
    for variable in items(&strategy["env"]) {
        let name = text(&variable["name"]).unwrap_or_default();
        if variable["valueFrom"].is_object() {
            let note = format!(
                "the variable `{name}` has its value in another object: add --env, or --secret if no image may have it"
            );
            notes.push(note);
            continue;
        }
        let value = text(&variable["value"]).unwrap_or_default();
        command.extend(["--env".to_owned(), format!("{name}={value}")]);
    }
    if strategy["incremental"] == true {
        command.push("--incremental".into());
    }
    if strategy["forcePull"] == true {
        command.extend(["--pull-policy", "always"].map(str::to_owned));
    }
    if let Some(url) = text(&strategy["scripts"]) {
        command.extend(["--scripts-url".to_owned(), url.to_owned()]);
    }
}

/// Adds the limits of memory and processors.
fn limits(limits: &Value, command: &mut Vec<String>) {
    if let Some(memory) = text(&limits["memory"]) {
        command.extend(["--memory".to_owned(), memory_size(memory)]);
    }
    if let Some(cpus) = text(&limits["cpu"]) {
        let cpus = match cpus.strip_suffix('m').map(str::parse::<u32>) {
            Some(Ok(thousandths)) => format!("{}.{:03}", thousandths / 1000, thousandths % 1000),
            _ => cpus.to_owned(),
        };
        command.extend(["--cpus".to_owned(), cpus]);
    }
}

/// Returns a quantity as an option has it, whose units are powers of 1024. A text that is no quantity stays, and is
/// refused there.
fn memory_size(quantity: &str) -> String {
    if let Some(binary) = quantity.strip_suffix('i') {
        return binary.to_ascii_lowercase();
    }
    let powers = [("k", 1), ("M", 2), ("G", 3), ("T", 4)];
    let decimal = powers.iter().find_map(|(unit, power)| {
        let number: u64 = quantity.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(1000_u64.pow(*power))
    });
    decimal.map_or_else(|| quantity.to_owned(), |bytes| bytes.to_string())
}

/// Returns the source and the directory in it.
fn source<'a>(source: &'a Value, notes: &mut Vec<String>) -> (String, Option<&'a str>) {
    let directory = text(&source["contextDir"]).filter(|directory| !directory.is_empty());
    let location = match (text(&source["git"]["uri"]), text(&source["git"]["ref"])) {
        (Some(uri), Some(reference)) if !reference.is_empty() => format!("{uri}#{reference}"),
        (Some(uri), _) => uri.to_owned(),
        (None, _) => {
            notes.push("the source comes with each build: run the command in its directory".into());
            ".".to_owned()
        }
    };
    (location, directory)
}

/// Returns the name of an image; a note has the tag whose image is not known.
fn image(reference: &Value, objects: &[Value], role: &str, notes: &mut Vec<String>) -> String {
    let name = text(&reference["name"]).unwrap_or_default();
    if reference["kind"] == "DockerImage" {
        return name.to_owned();
    }
    if let Some(image) = followed(reference, objects) {
        return image.to_owned();
    }
    notes.push(format!(
        "`{name}`, {role}, is a tag of an image stream: write the name of an image in a registry; `oc get istag {name} -o \
         jsonpath={{.image.dockerImageReference}}` shows that of the present one"
    ));
    name.to_owned()
}

/// Returns the image that a tag follows, if a stream in the objects has it.
fn followed<'a>(reference: &Value, objects: &'a [Value]) -> Option<&'a str> {
    let (stream, tag) = text(&reference["name"])?.split_once(':')?;
    let mut streams = objects
        .iter()
        .filter(|object| object["kind"] == "ImageStream" && object["metadata"]["name"] == stream);
    streams.find_map(|stream| {
        let mut tags = items(&stream["spec"]["tags"]);
        let tag = tags.find(|known| known["name"] == tag)?;
        let from = &tag["from"];
        (from["kind"] == "DockerImage")
            .then(|| text(&from["name"]))
            .flatten()
    })
}

/// Returns whether a setting has an effect.
fn is_set(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
        _ => true,
    }
}

fn path(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".")
}

fn text(value: &Value) -> Option<&str> {
    value.as_str()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_keep_their_value() {
        for (quantity, size) in [
            ("512Mi", "512m"),
            ("1.5Gi", "1.5g"),
            ("512M", "512000000"),
            ("1000", "1000"),
        ] {
            assert_eq!(memory_size(quantity), size);
        }
    }
}
