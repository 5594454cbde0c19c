//! The sources of builds.

use serde_json::{Value, json};

use super::{ImageFiles, InlineDockerfile};
use crate::Reference;

/// The source of a build. Git and binary exclude each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A Git repository.
    Git(Git),
    /// Files that a client sends with each build (`oc start-build --from-dir`). Nothing starts such a build by itself.
    Binary {
        /// The directory in it that is built.
        context_dir: Option<String>,
    },
    /// A Dockerfile in the object.
    Dockerfile {
        /// The Dockerfile.
        dockerfile: InlineDockerfile,
        /// The files of images that it may copy.
        images: Vec<ImageFiles>,
    },
}

/// A Git repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Git {
    /// The URL, without a login: others may read the object.
    pub uri: String,
    /// The branch, tag or commit; `None` for the default branch.
    pub reference: Option<String>,
    /// The directory that is built.
    pub context_dir: Option<String>,
    /// A Secret with the login.
    pub secret: Option<Reference>,
}

impl Git {
    /// The top of the default branch of a public repository.
    #[must_use]
    pub fn new(uri: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            reference: None,
            context_dir: None,
            secret: None,
        }
    }
}

impl Source {
    pub(super) fn to_value(&self) -> Value {
        match self {
            Self::Git(git) => {
                let mut value = json!({"type": "Git", "git": {"uri": git.uri}});
                if let Some(reference) = &git.reference {
                    value["git"]["ref"] = json!(reference);
                }
                if let Some(directory) = &git.context_dir {
                    value["contextDir"] = json!(directory);
                }
                if let Some(secret) = &git.secret {
                    value["sourceSecret"] = json!({"name": secret});
                }
                value
            }
            Self::Binary { context_dir } => {
                let mut value = json!({"type": "Binary", "binary": {}});
                if let Some(directory) = context_dir {
                    value["contextDir"] = json!(directory);
                }
                value
            }
            Self::Dockerfile { dockerfile, images } => {
                let images: Vec<Value> = images.iter().map(ImageFiles::to_value).collect();
                let mut value = json!({"type": "Dockerfile", "dockerfile": dockerfile.as_str()});
                if !images.is_empty() {
                    value["images"] = json!(images);
                }
                value
            }
        }
    }
}
