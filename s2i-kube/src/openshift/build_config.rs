//! The object that builds an image, again and again.

use s2i_core::{EnvVar, ImageRef};
use serde_json::{Map, Value, json};

use super::{Source, StreamTag, Webhook};
use crate::{Name, Reference, labels, variable};

/// The number of builds of each outcome that stay, with their logs.
const HISTORY: u32 = 5;

/// A `BuildConfig`.
#[derive(Clone, Debug)]
pub struct BuildConfig {
    /// The name of the object.
    pub name: Name,
    /// The application that it is a part of.
    pub app: Name,
    /// The namespace; `None` leaves the choice to the client that applies the objects.
    pub namespace: Option<Reference>,
    /// The source.
    pub source: Source,
    /// The way of building.
    pub strategy: Strategy,
    /// The place of the image.
    pub output: ImageName,
    /// A Secret with the login for the registry of the output.
    pub push_secret: Option<Reference>,
    /// Webhooks that start a build.
    pub webhooks: Vec<Webhook>,
    /// The time in seconds after which a build fails; `None` for no limit.
    pub deadline: Option<u64>,
}

/// A way of building: exactly one.
#[derive(Clone, Debug)]
pub enum Strategy {
    /// The scripts of a builder image.
    Source {
        /// The builder image.
        from: ImageName,
        /// True if the build gets the artifacts of the image that the last one made.
        incremental: bool,
        /// Variables of the scripts and of the image.
        env: Vec<EnvVar>,
        /// A Secret with the login for the registry of the builder.
        pull_secret: Option<Reference>,
    },
    /// The Dockerfile of the source.
    Docker {
        /// The image that replaces the last `FROM` of the Dockerfile.
        from: Option<ImageName>,
        /// The path of the Dockerfile below the directory that is built; `None` for `Dockerfile`.
        dockerfile_path: Option<String>,
    },
}

/// The name of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageName {
    /// A tag of an image stream.
    Stream(StreamTag),
    /// An image of a registry. A new image behind the name starts nothing.
    Registry(ImageRef),
}

impl ImageName {
    /// Returns the reference to the image in an object.
    #[must_use]
    pub fn to_reference(&self) -> Value {
        match self {
            Self::Stream(tag) => tag.to_reference(),
            Self::Registry(image) => json!({"kind": "DockerImage", "name": image.normalised()}),
        }
    }

    fn stream(&self) -> Option<&StreamTag> {
        match self {
            Self::Stream(tag) => Some(tag),
            Self::Registry(_) => None,
        }
    }
}

impl BuildConfig {
    /// Returns the object. A new image of the builder, of the base or of an image with files that are copied starts a
    /// build, if it is a tag of an image stream.
    #[must_use]
    pub fn object(&self) -> Value {
        let mut spec = Map::new();
        // A burst of triggers makes one build after the present one.
        spec.insert("runPolicy".into(), json!("SerialLatestOnly"));
        spec.insert("source".into(), self.source.to_value());
        spec.insert("strategy".into(), self.strategy.to_value());
        spec.insert("output".into(), self.output());
        spec.insert("successfulBuildsHistoryLimit".into(), json!(HISTORY));
        spec.insert("failedBuildsHistoryLimit".into(), json!(HISTORY));
        let triggers = self.triggers();
        if !triggers.is_empty() {
            spec.insert("triggers".into(), Value::Array(triggers));
        }
        if let Some(deadline) = self.deadline {
            spec.insert("completionDeadlineSeconds".into(), json!(deadline));
        }
        let mut object = json!({
            "apiVersion": "build.openshift.io/v1",
            "kind": "BuildConfig",
            "metadata": {"name": self.name, "labels": labels::of_build(&self.app)},
            "spec": spec,
        });
        if let Some(namespace) = &self.namespace {
            object["metadata"]["namespace"] = json!(namespace);
        }
        object
    }

    fn output(&self) -> Value {
        let mut output = json!({"to": self.output.to_reference()});
        if let Some(secret) = &self.push_secret {
            output["pushSecret"] = json!({"name": secret});
        }
        output
    }

    /// Returns the triggers. The API drops one without an error if it has no image to follow, and refuses two for the
    /// same one.
    fn triggers(&self) -> Vec<Value> {
        if matches!(self.source, Source::Binary { .. }) {
            return Vec::new();
        }
        let mut triggers = vec![json!({"type": "ConfigChange"})];
        let base = self.strategy.from().and_then(ImageName::stream);
        if base.is_some() {
            triggers.push(json!({"type": "ImageChange", "imageChange": {}}));
        }
        let mut followed: Vec<&StreamTag> = base.into_iter().collect();
        let images = match &self.source {
            Source::Dockerfile { images, .. } => &images[..],
            Source::Git(_) | Source::Binary { .. } => &[],
        };
        for files in images {
            if !followed.contains(&&files.from) {
                let from = files.from.to_reference();
                triggers.push(json!({"type": "ImageChange", "imageChange": {"from": from}}));
                followed.push(&files.from);
            }
        }
        triggers.extend(self.webhooks.iter().map(Webhook::to_trigger));
        triggers
    }
}

impl Strategy {
    /// The image that a new image behind its name replaces.
    fn from(&self) -> Option<&ImageName> {
        match self {
            Self::Source { from, .. } => Some(from),
            Self::Docker { from, .. } => from.as_ref(),
        }
    }

    fn to_value(&self) -> Value {
        match self {
            Self::Source {
                from,
                incremental,
                env,
                pull_secret,
            } => {
                let mut strategy = json!({"from": from.to_reference()});
                if *incremental {
                    strategy["incremental"] = json!(true);
                }
                if !env.is_empty() {
                    strategy["env"] = variable::list(env);
                }
                if let Some(secret) = pull_secret {
                    strategy["pullSecret"] = json!({"name": secret});
                }
                json!({"type": "Source", "sourceStrategy": strategy})
            }
            Self::Docker {
                from,
                dockerfile_path,
            } => {
                let mut strategy = json!({});
                if let Some(from) = from {
                    strategy["from"] = from.to_reference();
                }
                if let Some(path) = dockerfile_path {
                    strategy["dockerfilePath"] = json!(path);
                }
                json!({"type": "Docker", "dockerStrategy": strategy})
            }
        }
    }
}
