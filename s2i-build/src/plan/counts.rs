//! The bounds on the number of variables and labels that a build takes from outside.

use s2i_core::{
    bounds,
    label::{BUILD_VARIABLES, NamePatterns},
};

use super::PlanError;
use crate::{
    facts::{Facts, ImageFacts},
    request::BuildRequest,
};

/// Refuses more variables or labels than any application has: all of them go into every script and into the result.
pub(super) fn check(request: &BuildRequest, facts: &Facts) -> Result<(), PlanError> {
    count(request.env.len(), || "the command".into(), "variables")?;
    let environment = facts.source.environment.len();
    count(environment, || "`.s2i/environment`".into(), "variables")?;
    std::iter::once(&facts.builder)
        .chain(&facts.runtime)
        .chain(&facts.previous)
        .try_for_each(check_image)
}

/// Refuses more name patterns than there can be variables: each variable is compared with all of them.
pub(super) fn check_names(names: &NamePatterns, image: &ImageFacts) -> Result<(), PlanError> {
    let place = || {
        format!(
            "the label `{BUILD_VARIABLES}` of the image `{}`",
            image.name
        )
    };
    count(names.count(), place, "names")
}

/// Refuses an image with more variables or labels than any has.
pub(super) fn check_image(image: &ImageFacts) -> Result<(), PlanError> {
    let place = || format!("the image `{}`", image.name);
    count(image.config.env.len(), place, "variables")?;
    count(image.config.labels.len(), place, "labels")
}

fn count(
    count: usize,
    place: impl FnOnce() -> String,
    what: &'static str,
) -> Result<(), PlanError> {
    if count <= bounds::VARIABLES {
        return Ok(());
    }
    let place = place();
    Err(PlanError::TooMany { place, what, count })
}
