//! The user of a script: its origin, and the users that are allowed.

use std::fmt;

use s2i_core::{Account, ImageRef, Script, UidRanges, label};
use serde::Serialize;
use thiserror::Error;

use super::{BuildPlan, Command, Run, Stage, User, UserOrigin};
use crate::{facts::ImageFacts, request::BuildRequest};

const ASSEMBLE_USER: &str = "--assemble-user";
const ASSEMBLE_RUNTIME_USER: &str = "--assemble-runtime-user";

/// Returns the user of a script: the option wins over the label, which wins over the image's user. The option of
/// `assemble` is also that of `save-artifacts`.
pub(super) fn of_script(
    script: Script,
    request: &BuildRequest,
    image: &ImageFacts,
    label: Option<String>,
) -> User {
    let (option, requested, label_name) = match script {
        Script::AssembleRuntime => (
            ASSEMBLE_RUNTIME_USER,
            &request.assemble_runtime_user,
            label::ASSEMBLE_RUNTIME_USER,
        ),
        _ => (ASSEMBLE_USER, &request.assemble_user, label::ASSEMBLE_USER),
    };
    let (name, origin) = match (requested, label) {
        (Some(user), _) => (user.clone(), UserOrigin::Option(option.into())),
        (None, Some(user)) => (user, UserOrigin::Label(label_name.into())),
        (None, None) => (image.config.user.clone(), UserOrigin::Image),
    };
    User {
        name,
        origin,
        allowed: request.allowed_uids.clone(),
    }
}

/// The user of one script of a plan.
#[derive(Clone, Copy, Debug)]
pub struct ScriptUser<'a> {
    image: &'a ImageRef,
    run: &'a Run,
    user: &'a User,
}

impl<'a> ScriptUser<'a> {
    /// Creates the user of a script in a container of this image.
    pub(crate) fn new(image: &'a ImageRef, run: &'a Run, user: &'a User) -> Self {
        Self { image, run, user }
    }
}

impl BuildPlan {
    /// Returns the user of a script in this stage.
    pub(crate) fn script_user<'a>(&'a self, stage: &'a Stage, run: &'a Run) -> ScriptUser<'a> {
        let image = self.inputs.images.get(stage.from);
        let image = image.expect("the planner has an image for each stage");
        ScriptUser::new(&image.reference, run, stage.user_of(run))
    }

    /// Refuses users whose number is known and not allowed. Names are resolved later, in the container, before anything
    /// is copied into it.
    pub(super) fn check_users(&self) -> Result<(), Box<UserRefused>> {
        let runs = |stage| Stage::runs(stage).map(move |run| self.script_user(stage, run));
        // The option for `assemble` counts for `save-artifacts` too, and is an error about `assemble`.
        let (streamed, others): (Vec<_>, Vec<_>) = self
            .stages
            .iter()
            .partition(|stage| self.is_streamed(stage.name));
        let mut users = others.into_iter().chain(streamed).flat_map(runs);
        users.try_for_each(ScriptUser::check_known)
    }
}

impl ScriptUser<'_> {
    /// Refuses the user when the plan does not allow its number.
    ///
    /// # Errors
    /// [`UserRefused`].
    pub fn check(self, uid: u32) -> Result<(), Box<UserRefused>> {
        if self.user.allowed.allow(uid) {
            return Ok(());
        }
        Err(Box::new(UserRefused {
            script: self.run.script.clone(),
            uid,
            reason: self.reason(),
            allowed: self.user.allowed.clone(),
        }))
    }

    /// Checks the user if its number is known without the image.
    pub(super) fn check_known(self) -> Result<(), Box<UserRefused>> {
        Account::uid_of(&self.user.name).map_or(Ok(()), |uid| self.check(uid))
    }

    /// Returns the program.
    #[must_use]
    pub fn command(self) -> Command {
        self.run.script.clone()
    }

    /// Returns whether the script runs only if the image has it.
    #[must_use]
    pub fn is_optional(self) -> bool {
        self.run.optional
    }

    /// Returns the user and its origin.
    #[must_use]
    pub fn reason(self) -> UserReason {
        UserReason {
            image: self.image.clone(),
            user: self.user.name.clone(),
            origin: self.user.origin.clone(),
        }
    }
}

/// The user of a script and its origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UserReason {
    /// The image of the script's container.
    pub image: ImageRef,
    /// The user, in the notation of image configs.
    pub user: String,
    /// The origin of the user.
    pub origin: UserOrigin,
}

impl fmt::Display for UserReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { image, user, .. } = self;
        let named = match Account::uid_of(user) {
            Some(_) => "",
            None => ", by its table of users",
        };
        match &self.origin {
            UserOrigin::Image if user.is_empty() => write!(f, "the image `{image}` has no USER"),
            UserOrigin::Image => write!(f, "the image `{image}` has USER `{user}`{named}"),
            UserOrigin::Label(label) => {
                write!(
                    f,
                    "the image `{image}` has the label {label}=`{user}`{named}"
                )
            }
            UserOrigin::Option(option) => write!(f, "{option} is `{user}`{named}"),
            UserOrigin::Trigger => {
                write!(
                    f,
                    "a trigger of the image `{image}` has USER `{user}`{named}"
                )
            }
        }
    }
}

/// A script that would run as a user who is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "`{script}` would run as uid {uid} in a container of `{}`, and allowed are {allowed}: {reason}",
    reason.image
)]
pub struct UserRefused {
    /// The script or trigger.
    pub script: Command,
    /// The number of the user.
    pub uid: u32,
    /// The user and its origin.
    pub reason: UserReason,
    /// The numbers that are allowed.
    pub allowed: UidRanges,
}

impl UserRefused {
    /// The advice for this error.
    #[must_use]
    pub fn hint(&self) -> String {
        let option = match self.script {
            Command::Script(Script::AssembleRuntime) => ASSEMBLE_RUNTIME_USER,
            Command::Script(Script::Usage) | Command::Trigger(_) => {
                return "allow this number with --allowed-uids".into();
            }
            Command::Script(_) => ASSEMBLE_USER,
        };
        format!(
            "name a user of an allowed number with {option}, or allow this one with --allowed-uids"
        )
    }
}
