//! Which image builds a source, where the request leaves that open.

use s2i_core::{
    ImageRef,
    detect::{Detection, detect},
    label,
};

use super::{PlanError, common::labels_of};
use crate::{
    detect::{Builders, Described},
    facts::{ChoiceFacts, ImageFacts},
    request::{BuildRequest, Builder},
};

/// The builder of a build, and the name of its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The image with the toolchain.
    pub builder: ImageRef,
    /// The name of the result.
    pub tag: Option<ImageRef>,
    /// Why it is this builder, where s2i has picked it.
    pub because: Option<String>,
    /// Whether nobody has said its name, not even in a configuration. Such an image is made here; one
    /// that a registry has under that name could be anybody's.
    pub is_ours: bool,
    /// What the user is told, where there was something to choose.
    pub sentence: Option<String>,
}

/// What an image is to a build that names it in a place where it could be builder or result.
enum Standing {
    Builder,
    /// No builder, for this reason.
    Result(&'static str),
    /// Somebody else's, who would lose it.
    Others,
}

/// Chooses the builder that was asked for from what was found.
///
/// # Errors
/// [`PlanError::NoBuilder`] when nothing tells what the source is for, [`PlanError::NoTag`] when an
/// incremental build has no name, [`PlanError::OthersImage`] when the only name is that of an image that is
/// neither a builder nor made by s2i.
pub fn choose(request: &BuildRequest, facts: &ChoiceFacts) -> Result<Choice, PlanError> {
    match &request.builder {
        Builder::Named(builder) => Ok(Choice {
            builder: builder.clone(),
            tag: request.tag.clone(),
            because: None,
            is_ours: false,
            sentence: None,
        }),
        Builder::Detected => pick(request, facts, request.tag.clone()),
        Builder::Either(image) => match standing(facts.either.as_ref()) {
            Standing::Builder if request.previous.is_some() => Err(PlanError::NoTag),
            Standing::Others => Err(PlanError::OthersImage {
                image: image.clone(),
            }),
            Standing::Builder => Ok(Choice {
                builder: image.clone(),
                tag: None,
                because: None,
                is_ours: false,
                sentence: Some(format!(
                    "builder {image}: the engine has this builder image; the result gets no name"
                )),
            }),
            Standing::Result(why) => {
                let choice = pick(request, facts, Some(image.clone()))?;
                let naming = format!("; {image} is the name of the result: {why}");
                Ok(Choice {
                    sentence: choice.sentence.map(|sentence| sentence + &naming),
                    ..choice
                })
            }
        },
    }
}

/// What s2i has made has the labels of its builder, and one more.
fn standing(image: Option<&ImageFacts>) -> Standing {
    let Some(image) = image else {
        return Standing::Result("the engine has no such image");
    };
    if image.config.labels.contains_key(label::BUILD_IMAGE) {
        return Standing::Result("that image was made by s2i");
    }
    if labels_of(image).scripts_url.is_none() {
        return Standing::Others;
    }
    Standing::Builder
}

fn pick(
    request: &BuildRequest,
    facts: &ChoiceFacts,
    tag: Option<ImageRef>,
) -> Result<Choice, PlanError> {
    let found = detect(&facts.root);
    let Some((first, others)) = found.split_first() else {
        return Err(PlanError::NoBuilder);
    };
    let builder = request.builders.of(first.kind).clone();
    let because = format!("the source has {}{}", Described(first), before(others));
    Ok(Choice {
        sentence: Some(format!("builder {builder}: {because}")),
        is_ours: builder == *Builders::default().of(first.kind),
        builder,
        tag,
        because: Some(because),
    })
}

/// What else there was to go by.
fn before(others: &[Detection]) -> String {
    if others.is_empty() {
        return String::new();
    }
    let others: Vec<_> = others
        .iter()
        .map(|other| Described(other).to_string())
        .collect();
    format!(", which comes before {}", others.join(" and "))
}
