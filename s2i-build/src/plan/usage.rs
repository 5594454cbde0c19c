//! How an image is asked what it is for.

use s2i_core::{Layout, Script, environment};
use serde::Serialize;

use super::{
    PlanError, UserOrigin, UserPolicy, check_system, counts, labels_of, scripts, variables_of,
    working_dir,
};
use crate::{
    engine::Program,
    facts::{ImageFacts, SourceFacts},
    request::{Limits, Network, UsageRequest},
};

/// The argument with which our images answer programs.
const JSON: &str = "--json";

/// One container in which the script `usage` runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UsagePlan {
    /// What it starts from.
    pub image: ImageFacts,
    /// The script.
    pub program: Program,
    /// The origin of its user, and the users that are allowed.
    pub user: UserPolicy,
    /// What it can reach: nothing, as it has nothing to fetch.
    pub network: Network,
    /// What it may use.
    pub limits: Limits,
}

/// Plans a run of the image's own `usage`, as the image's own user.
///
/// # Errors
/// [`PlanError`] when the image does not say where its scripts are, or can't be started from.
pub fn usage(request: &UsageRequest, image: &ImageFacts) -> Result<UsagePlan, PlanError> {
    check_system(image)?;
    counts::check_image(image)?;
    let places = scripts::Places {
        image,
        labels: &labels_of(image),
        layout: &Layout::default(),
        source: &SourceFacts::default(),
    };
    let script = places.find(Script::Usage).map_err(|err| match err {
        PlanError::NoScript { image, .. } => PlanError::NoUsage { image },
        other => other,
    })?;
    let path = script.path.to_string();
    let json = request.json.then(|| JSON.to_owned());
    let program = Program {
        argv: std::iter::once(path).chain(json).collect(),
        env: environment::merge([&variables_of(image)[..], &request.env[..]]),
        secrets: Vec::new(),
        cwd: working_dir(image)?,
        user: image.config.user.clone(),
        optional: false,
    };
    let user = UserPolicy {
        origin: UserOrigin::Image,
        allowed: request.allowed_uids.clone(),
    };
    let plan = UsagePlan {
        image: image.clone(),
        program,
        user,
        network: Network::None,
        limits: Limits::default(),
    };
    plan.script_user().check_known()?;
    Ok(plan)
}
