//! The choice of the image that builds a source, where the request leaves that open.

use std::fmt;

use s2i_core::{ImageRef, detect, label};
use serde::Serialize;

use super::{PlanError, common::labels_of};
use crate::{
    detect::{Builders, Described},
    facts::{ChoiceFacts, ImageFacts},
    request::{BuildRequest, Builder, PullPolicy},
};

/// The builder of a build, and the name of its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The image with the toolchain.
    pub builder: ImageRef,
    /// The name of the result.
    pub tag: Option<ImageRef>,
    /// The reason for this builder.
    pub reason: ChoiceReason,
    /// The pull policy of the builder. The default of s2i, which neither a request nor a configuration names, is built
    /// on this machine and never pulled: an image of that name in a registry could be of any origin.
    pub pull: PullPolicy,
}

/// The reason for the choice of a builder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChoiceReason {
    /// The request names it as the builder.
    Named,
    /// The one image that the request names is a builder; the result gets no name.
    OnlyImage,
    /// The engine lacks the one image that the request names, whose name has a registry or a path, as those of
    /// published builders have; the result gets no name.
    PublishedImage,
    /// The kind of the source was detected.
    Detected {
        /// The files that it was detected by.
        source: SourceEvidence,
        /// The one image that the request names, where it is the name of the result.
        result: Option<ResultName>,
    },
}

/// The files that a source was detected by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceEvidence {
    /// The file that decided, with its article.
    pub file: String,
    /// Files of other kinds of source, with their articles.
    pub others: Vec<String>,
}

impl fmt::Display for SourceEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the source has {}", self.file)?;
        if self.others.is_empty() {
            return Ok(());
        }
        write!(f, ", which comes before {}", self.others.join(" and "))
    }
}

/// The name of a result, given in a place where the name of a builder could be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ResultName {
    /// The name.
    pub name: ImageRef,
    /// The reason why it is not a builder.
    pub reason: ResultReason,
}

/// The reason why an image is not a builder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResultReason {
    /// The engine does not have it.
    NoSuchImage,
    /// It was built by s2i, according to its label.
    MadeByS2i,
}

/// The role of an image whose name could be that of the builder or of the result.
enum Role {
    Builder,
    /// Not in the engine, and so named that a registry may have it.
    Published,
    Result(ResultReason),
    /// Neither a builder nor a result of s2i: its owner would lose it.
    Other,
}

/// Chooses the builder for a request from the facts.
///
/// # Errors
/// [`PlanError::NoBuilder`] when the kind of the source is not detected, [`PlanError::NoTag`] when an incremental build
/// has no name, [`PlanError::OthersImage`] when the only name is that of an image that is neither a builder nor built
/// by s2i.
pub fn choose(request: &BuildRequest, facts: &ChoiceFacts) -> Result<Choice, PlanError> {
    match &request.builder {
        Builder::Named(builder) => Ok(Choice {
            builder: builder.clone(),
            tag: request.tag.clone(),
            reason: ChoiceReason::Named,
            pull: request.builder_pull,
        }),
        Builder::Detected => detect(request, facts, request.tag.clone(), None),
        Builder::Either(image) => {
            match role(image, facts.either.as_ref(), request.scripts_url.is_some()) {
                Role::Builder | Role::Published if request.previous.is_some() => {
                    Err(PlanError::NoTag)
                }
                Role::Other => Err(PlanError::OthersImage(image.clone())),
                Role::Builder => Ok(only(request, image, ChoiceReason::OnlyImage)),
                Role::Published => Ok(only(request, image, ChoiceReason::PublishedImage)),
                Role::Result(reason) => {
                    let result = ResultName {
                        name: image.clone(),
                        reason,
                    };
                    detect(request, facts, Some(image.clone()), Some(result))
                }
            }
        }
    }
}

/// Returns the choice of the only image that the request names.
fn only(request: &BuildRequest, image: &ImageRef, reason: ChoiceReason) -> Choice {
    Choice {
        builder: image.clone(),
        tag: None,
        reason,
        pull: request.builder_pull,
    }
}

/// Returns the role of an image. An image that s2i has built has the labels of its builder, and one more. With scripts
/// from elsewhere, all others can be builders.
fn role(name: &ImageRef, image: Option<&ImageFacts>, has_scripts: bool) -> Role {
    let Some(image) = image else {
        if name.name().contains('/') {
            return Role::Published;
        }
        return Role::Result(ResultReason::NoSuchImage);
    };
    if image.config.labels.contains_key(label::BUILD_IMAGE) {
        return Role::Result(ResultReason::MadeByS2i);
    }
    if labels_of(image).scripts_url.is_none() && !has_scripts {
        return Role::Other;
    }
    Role::Builder
}

fn detect(
    request: &BuildRequest,
    facts: &ChoiceFacts,
    tag: Option<ImageRef>,
    result: Option<ResultName>,
) -> Result<Choice, PlanError> {
    let found = detect::detect(&facts.root);
    let (first, others) = found.split_first().ok_or(PlanError::NoBuilder)?;
    let builder = request.builders.of(first.kind).clone();
    let is_default = builder == *Builders::default().of(first.kind);
    Ok(Choice {
        builder,
        tag,
        pull: if is_default {
            PullPolicy::Never
        } else {
            request.builder_pull
        },
        reason: ChoiceReason::Detected {
            source: SourceEvidence {
                file: Described(first).to_string(),
                others: others
                    .iter()
                    .map(|other| Described(other).to_string())
                    .collect(),
            },
            result,
        },
    })
}
