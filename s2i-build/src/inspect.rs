//! An image as s2i sees it: its use in builds, and the build that made it.

use std::collections::{BTreeMap, BTreeSet};

use s2i_core::{
    ImageRef, ScriptsUrl,
    image::{LINUX, format_timestamp},
    label::{self, ImageLabels},
};
use serde::Serialize;

use crate::{
    facts::ImageFacts,
    ports::{ImageDescription, LayerDescription},
    request::{PreviousRequest, PullPolicy},
};

/// An image as s2i sees it. The format is unstable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// The requested name.
    pub image: String,
    /// The ID.
    pub id: String,
    /// The digest in the registry of the name, where it is known.
    pub digest: Option<String>,
    /// All its names.
    pub names: BTreeSet<String>,
    /// The platform, as `os/architecture[/variant]`.
    pub platform: String,
    /// The time of creation, as RFC 3339 text.
    pub created: Option<String>,
    /// The size in bytes.
    pub size: Option<u64>,
    /// The user, in the notation of image configs; empty for root.
    pub user: String,
    /// The working directory; empty for `/`.
    pub working_dir: String,
    /// The entry point.
    pub entrypoint: Vec<String>,
    /// The command.
    pub command: Vec<String>,
    /// The exposed ports, as `8080/tcp`.
    pub ports: BTreeSet<String>,
    /// The settings for s2i in its labels.
    pub settings: Settings,
    /// The uses that s2i has for the image.
    pub uses: Uses,
    /// The build that made it, if that was one of s2i.
    pub build: Option<Build>,
    /// The layers, lowest first.
    pub layers: Vec<LayerDescription>,
    /// All labels.
    pub labels: BTreeMap<String, String>,
}

/// The settings for s2i in the labels of an image, whatever the age of their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// The location of its scripts.
    pub scripts_url: Option<String>,
    /// The directory for source, scripts and artifacts.
    pub destination: Option<String>,
    /// The user of `assemble`.
    pub assemble_user: Option<String>,
    /// The user of `assemble-runtime`.
    pub assemble_runtime_user: Option<String>,
    /// The artifacts that a runtime image wants.
    pub assemble_input_files: Option<String>,
    /// The directory with the output of `save-artifacts`.
    pub artifacts: Option<String>,
    /// The variables that only `assemble` gets.
    pub build_variables: Option<String>,
    /// The deprecated names that the image uses.
    pub deprecated: Vec<String>,
}

/// The uses that s2i has for an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Uses {
    /// As a builder.
    pub builder: Use,
    /// As a runtime image.
    pub runtime: Use,
    /// For `s2i rebuild`.
    pub rebuild: Use,
}

/// The possibility of a use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Use {
    /// True if nothing in the config of the image is against it.
    pub possible: bool,
    /// The reasons against it, or what it needs besides.
    pub remarks: Vec<String>,
}

impl Use {
    fn of(obstacles: Vec<String>, needs: Vec<String>) -> Self {
        Self {
            possible: obstacles.is_empty(),
            remarks: if obstacles.is_empty() {
                needs
            } else {
                obstacles
            },
        }
    }
}

/// A build of s2i, by the labels of its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Build {
    /// The builder.
    pub builder: String,
    /// The digest of the builder in its registry, where it is known.
    pub builder_digest: Option<String>,
    /// The runtime image that the result is based on, if it is not based on the builder.
    pub runtime: Option<String>,
    /// The digest of the runtime image in its registry, where it is known.
    pub runtime_digest: Option<String>,
    /// The location of the source.
    pub source: Option<String>,
    /// The URL of its repository.
    pub repository: Option<String>,
    /// The directory of it that was built.
    pub context_dir: Option<String>,
    /// The version of the application: the tag of the commit, unless the user has given another one.
    pub version: Option<String>,
    /// The commit.
    pub commit: Option<Commit>,
    /// The image that keeps the artifacts for the next build, if it exists beside this one.
    pub saved: Option<String>,
}

/// The commit that was built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Commit {
    /// Its ID.
    pub id: String,
    /// The requested branch or tag.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// Its author.
    pub author: Option<String>,
    /// The date of its author.
    pub date: Option<String>,
    /// The first line of its message.
    pub message: Option<String>,
}

/// Returns the name that the builder's image has after a runtime-image build of this image with `--incremental`; `None`
/// for any other image.
#[must_use]
pub fn saved_name(image: &ImageFacts) -> Option<ImageRef> {
    build(&image.config.labels)?.runtime?;
    let previous = PreviousRequest::of(&image.name, true, PullPolicy::Never);
    previous.ok().map(|previous| previous.image)
}

/// Returns an image as s2i sees it. `saved` is the image of [`saved_name`], if it exists.
#[must_use]
pub fn inspect(image: ImageDescription, saved: Option<&ImageRef>) -> Inspection {
    let ImageDescription {
        facts,
        names,
        created,
        size,
        layers,
    } = image;
    let settings = settings(&facts);
    let build = build(&facts.config.labels).map(|build| Build {
        saved: saved.map(ToString::to_string),
        ..build
    });
    let created = created.and_then(|time| u64::try_from(time).ok());
    Inspection {
        image: facts.name.to_string(),
        uses: uses(&facts, &settings),
        settings,
        build,
        id: facts.id,
        digest: facts.digest,
        names,
        platform: facts.platform.to_string(),
        created: created.map(format_timestamp),
        size,
        user: facts.config.user,
        working_dir: facts.config.working_dir,
        entrypoint: facts.config.entrypoint,
        command: facts.config.cmd,
        ports: facts.config.exposed_ports,
        layers,
        labels: facts.config.labels,
    }
}

fn settings(image: &ImageFacts) -> Settings {
    let (labels, deprecated) = ImageLabels::read(&image.config.labels, &image.config.env);
    Settings {
        scripts_url: labels.scripts_url,
        destination: labels.destination,
        assemble_user: labels.assemble_user,
        assemble_runtime_user: labels.assemble_runtime_user,
        assemble_input_files: labels.assemble_input_files,
        artifacts: labels.artifacts,
        build_variables: value(&image.config.labels, label::BUILD_VARIABLES),
        deprecated: deprecated.into_iter().map(|found| found.message).collect(),
    }
}

fn uses(image: &ImageFacts, settings: &Settings) -> Uses {
    let mut obstacles = Vec::new();
    if image.platform.os != LINUX {
        obstacles.push(format!("it is for {}", image.platform.os));
    }
    let mut of_builder = obstacles.clone();
    let mut scripts = Vec::new();
    let has_triggers = !image.config.on_build.is_empty();
    if has_triggers {
        obstacles.push("it has ONBUILD triggers, which are for a source".to_owned());
    }
    match settings.scripts_url.as_deref().map(str::parse) {
        // Triggers need no scripts.
        None if has_triggers => {}
        None => scripts.push(format!(
            "it has no label `{}`, so the source or --scripts-url has to have the scripts",
            label::SCRIPTS_URL
        )),
        Some(Ok(ScriptsUrl::File(_))) => {
            of_builder.push("its label names scripts on the machine of the build".into());
        }
        Some(Err(err)) => of_builder.push(format!("its label names no scripts: {err}")),
        Some(Ok(ScriptsUrl::Image(_) | ScriptsUrl::Http(_))) => {}
    }
    let mut of_runtime = scripts.clone();
    if settings.assemble_input_files.is_none() {
        of_runtime.push(format!(
            "it has no label `{}`, so --runtime-artifact has to name the artifacts",
            label::ASSEMBLE_INPUT_FILES
        ));
    }
    let missing = [label::BUILD_IMAGE, label::BUILD_SOURCE_LOCATION];
    let missing = missing
        .into_iter()
        .filter(|name| value(&image.config.labels, name).is_none())
        .map(|name| format!("it has no label `{name}`"));
    Uses {
        builder: Use::of(of_builder, scripts),
        runtime: Use::of(obstacles, of_runtime),
        rebuild: Use::of(missing.collect(), Vec::new()),
    }
}

/// Returns the build that labels describe.
fn build(labels: &BTreeMap<String, String>) -> Option<Build> {
    let label = |name| value(labels, name);
    let builder = label(label::BUILD_IMAGE)?;
    let (base, digest) = (label(label::OCI_BASE_NAME), label(label::OCI_BASE_DIGEST));
    let runtime = base.filter(|base| *base != builder);
    let (builder_digest, runtime_digest) = match &runtime {
        Some(_) => (None, digest),
        None => (digest, None),
    };
    let commit = label(label::BUILD_COMMIT_ID).map(|id| Commit {
        id,
        reference: label(label::BUILD_COMMIT_REF),
        author: label(label::BUILD_COMMIT_AUTHOR),
        date: label(label::BUILD_COMMIT_DATE),
        message: label(label::BUILD_COMMIT_MESSAGE),
    });
    Some(Build {
        builder,
        builder_digest,
        runtime,
        runtime_digest,
        source: label(label::BUILD_SOURCE_LOCATION),
        repository: label(label::OCI_SOURCE),
        context_dir: label(label::BUILD_SOURCE_CONTEXT_DIR),
        version: label(label::OCI_VERSION),
        commit,
        saved: None,
    })
}

/// Returns a label that is not empty. An empty one may stand in place of one of the base.
fn value(labels: &BTreeMap<String, String>, name: &str) -> Option<String> {
    labels.get(name).filter(|value| !value.is_empty()).cloned()
}
