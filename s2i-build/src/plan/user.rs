//! The user of a script: its origin, and the users that are allowed.

use s2i_core::{Account, ImageRef, Script, UidRanges, label};
use serde::Serialize;
use thiserror::Error;

use super::{BuildPlan, RunPlan, SavePlan, UsagePlan};
use crate::{engine::Program, facts::ImageFacts, request::BuildRequest};

const ASSEMBLE_USER: &str = "--assemble-user";
const ASSEMBLE_RUNTIME_USER: &str = "--assemble-runtime-user";

/// The origin of the user of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UserOrigin {
    /// `USER` of the image.
    Image,
    /// This label of the image.
    Label(&'static str),
    /// This option of the command.
    Option(&'static str),
}

/// The rules for the user of a script, beside its [name](Program::user).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UserPolicy {
    /// The origin of the user.
    pub origin: UserOrigin,
    /// The numbers that it may have.
    pub allowed: UidRanges,
}

/// A user as the plan has it: the notation of image configs, and its policy.
pub(super) type Chosen = (String, UserPolicy);

/// The user of `assemble`: the option wins over the label, which wins over the image's own.
pub(super) fn of_assemble(
    request: &BuildRequest,
    image: &ImageFacts,
    label: Option<String>,
) -> Chosen {
    let asked = request.assemble_user.clone();
    choose(
        request,
        image,
        (ASSEMBLE_USER, asked),
        (label::ASSEMBLE_USER, label),
    )
}

/// The user of `assemble-runtime`, by the same rule.
pub(super) fn of_assemble_runtime(
    request: &BuildRequest,
    image: &ImageFacts,
    label: Option<String>,
) -> Chosen {
    let asked = request.assemble_runtime_user.clone();
    choose(
        request,
        image,
        (ASSEMBLE_RUNTIME_USER, asked),
        (label::ASSEMBLE_RUNTIME_USER, label),
    )
}

/// The user of `save-artifacts`: the option of `assemble`, or the image's own.
pub(super) fn of_save_artifacts(request: &BuildRequest, image: &ImageFacts) -> Chosen {
    of_assemble(request, image, None)
}

fn choose(
    request: &BuildRequest,
    image: &ImageFacts,
    (option, asked): (&'static str, Option<String>),
    (label, labelled): (&'static str, Option<String>),
) -> Chosen {
    let asked = asked.map(|user| (user, UserOrigin::Option(option)));
    let labelled = labelled.map(|user| (user, UserOrigin::Label(label)));
    let (user, origin) = asked
        .or(labelled)
        .unwrap_or_else(|| (image.config.user.clone(), UserOrigin::Image));
    let allowed = request.allowed_uids.clone();
    (user, UserPolicy { origin, allowed })
}

/// The user of one script of a plan.
#[derive(Clone, Copy, Debug)]
pub struct ScriptUser<'a> {
    script: Script,
    image: &'a ImageRef,
    program: &'a Program,
    policy: &'a UserPolicy,
}

impl RunPlan {
    /// The user of its script.
    #[must_use]
    pub fn script_user(&self) -> ScriptUser<'_> {
        ScriptUser {
            script: self.script,
            image: &self.image.name,
            program: &self.program,
            policy: &self.user,
        }
    }
}

impl SavePlan {
    /// The user of `save-artifacts`.
    #[must_use]
    pub fn script_user(&self) -> ScriptUser<'_> {
        ScriptUser {
            script: Script::SaveArtifacts,
            image: &self.image.name,
            program: &self.program,
            policy: &self.user,
        }
    }
}

impl UsagePlan {
    /// The user of `usage`.
    #[must_use]
    pub fn script_user(&self) -> ScriptUser<'_> {
        ScriptUser {
            script: Script::Usage,
            image: &self.image.name,
            program: &self.program,
            policy: &self.user,
        }
    }
}

impl BuildPlan {
    /// Refuses users that are known by their number not to be allowed. Names are looked at where they have one: in the
    /// container, before anything goes in.
    pub(super) fn check_users(&self) -> Result<(), Box<UserRefused>> {
        let save = self.save.iter().map(SavePlan::script_user);
        let runtime = self.runtime.iter().map(|runtime| runtime.run.script_user());
        let mut users = std::iter::once(self.assemble.script_user())
            .chain(save)
            .chain(runtime);
        users.try_for_each(ScriptUser::check_known)
    }
}

impl ScriptUser<'_> {
    /// Refuses the user when the plan does not allow its number.
    ///
    /// # Errors
    /// [`UserRefused`].
    pub fn check(self, uid: u32) -> Result<(), Box<UserRefused>> {
        if self.policy.allowed.allow(uid) {
            return Ok(());
        }
        Err(Box::new(UserRefused {
            script: self.script,
            image: self.image.clone(),
            uid,
            reason: self.reason(),
            allowed: self.policy.allowed.clone(),
        }))
    }

    /// The same where the number needs no look into the image.
    pub(super) fn check_known(self) -> Result<(), Box<UserRefused>> {
        Account::uid_of(&self.program.user).map_or(Ok(()), |uid| self.check(uid))
    }

    /// Returns the sentence that says why the script runs as root of its container, where the user has that number.
    #[must_use]
    pub fn root_notice(self, uid: u32) -> Option<String> {
        if uid != 0 {
            return None;
        }
        let (script, reason) = (self.script, self.reason());
        let condition = if self.program.optional {
            ", if the image has it,"
        } else {
            ""
        };
        Some(format!(
            "{script}{condition} runs as root of its container: {reason}"
        ))
    }

    fn reason(self) -> String {
        let (image, user) = (self.image, &self.program.user);
        let named = match Account::uid_of(user) {
            Some(_) => "",
            None => ", by its table of users",
        };
        match self.policy.origin {
            UserOrigin::Image if user.is_empty() => format!("the image `{image}` has no USER"),
            UserOrigin::Image => format!("the image `{image}` has USER `{user}`{named}"),
            UserOrigin::Label(label) => {
                format!("the image `{image}` has the label {label}=`{user}`{named}")
            }
            UserOrigin::Option(option) => format!("{option} is `{user}`{named}"),
        }
    }
}

/// A script that would run as a user who is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "`{script}` would run as uid {uid} in a container of `{image}`, and allowed are {allowed}: {reason}"
)]
pub struct UserRefused {
    /// The script.
    pub script: Script,
    /// The image of its container.
    pub image: ImageRef,
    /// The number of the user.
    pub uid: u32,
    /// The origin of the user.
    pub reason: String,
    /// The numbers that are allowed.
    pub allowed: UidRanges,
}

impl UserRefused {
    /// The advice for this error.
    #[must_use]
    pub fn hint(&self) -> String {
        let option = match self.script {
            Script::AssembleRuntime => ASSEMBLE_RUNTIME_USER,
            Script::Usage => return "allow this number with --allowed-uids".into(),
            _ => ASSEMBLE_USER,
        };
        format!(
            "name a user of an allowed number with {option}, or allow this one with --allowed-uids"
        )
    }
}
