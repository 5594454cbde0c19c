//! The plan of a run of an image's script `usage`.

use s2i_core::{Layout, Script};

use super::{
    PlanError, Run, ScriptUser, User, UserOrigin, check_system,
    common::{labels_of, working_dir},
    counts, scripts,
};
use crate::{
    facts::{ImageFacts, SourceFacts},
    request::{Limits, Network, UsageRequest},
};

/// The argument with which the images of s2i print JSON.
const JSON: &str = "--json";

/// One container in which the script `usage` runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsagePlan {
    /// The image that it starts from.
    pub image: ImageFacts,
    /// The user of the script.
    pub user: User,
    /// The script.
    pub run: Run,
    /// The network that it can reach: none, as it has nothing to fetch.
    pub network: Network,
    /// The resources that it may use.
    pub limits: Limits,
}

/// Plans a run of the image's own `usage`, as the image's own user.
///
/// # Errors
/// [`PlanError`] when no label of the image names the directory of its scripts, or no container can start from it.
pub fn usage(request: &UsageRequest, image: &ImageFacts) -> Result<UsagePlan, PlanError> {
    check_system(image)?;
    counts::check_image(image)?;
    let scripts = scripts::ScriptPaths {
        image,
        labels: &labels_of(image),
        layout: &Layout::default(),
        source: &SourceFacts::default(),
        sets: &[],
        requested: None,
    };
    let path = scripts.find(Script::Usage).map_err(|err| match err {
        PlanError::NoScript { image, .. } => PlanError::NoUsage(image),
        other => other,
    })?;
    let json = request.json.then(|| JSON.to_owned());
    let plan = UsagePlan {
        image: image.clone(),
        user: User {
            name: image.config.user.clone(),
            origin: UserOrigin::Image,
            allowed: request.allowed_uids.clone(),
        },
        run: Run {
            script: Script::Usage.into(),
            argv: std::iter::once(path.to_string()).chain(json).collect(),
            env: request.env.clone(),
            secrets: Vec::new(),
            cwd: working_dir(image)?,
            user: None,
            optional: false,
        },
        network: Network::None,
        limits: Limits::default(),
    };
    plan.script_user().check_known()?;
    Ok(plan)
}

impl UsagePlan {
    /// Returns the user of `usage`.
    #[must_use]
    pub fn script_user(&self) -> ScriptUser<'_> {
        ScriptUser::new(&self.image.name, &self.run, &self.user)
    }
}
