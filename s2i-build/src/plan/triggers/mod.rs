//! The `ONBUILD` triggers of a builder: their steps, and the config that they leave.
//!
//! Docker runs them as the first instructions of a build on the image. Their context is the source.

mod copies;
mod read;

use s2i_core::{ContainerPath, EnvVar, Script, environment, instruction::CopyInstruction};

use super::{
    Command, ConfigChanges, Copy, CopySource, Entrypoint, ImageRole, OnStageFailure, PlanError,
    Run, SCRIPTS, Stage, StageName, Step, User, UserOrigin,
    common::{Context, epoch, labels_of, program, working_dir},
    output,
    scripts::ScriptPaths,
    secret_names, temporary, user,
    variables::Variables,
};
use crate::{
    facts::{Facts, ImageFacts},
    request::{BuildRequest, OnBuild},
};

/// The shell of commands that are a line.
const SHELL: [&str; 2] = ["/bin/sh", "-c"];

/// The files of a source that can be its command, in the order in which the Go `s2i` looks for them.
const GUESSES: [&str; 8] = [
    "exec",
    "exec.sh",
    "execute",
    "execute.sh",
    "run",
    "run.sh",
    "start",
    "start.sh",
];

/// The effects of the triggers of an image.
pub(super) struct Triggers {
    /// The image with the config that they leave.
    pub(super) image: ImageFacts,
    /// The variables that they set.
    env: Vec<EnvVar>,
    /// True if one of them sets the user.
    sets_user: bool,
    actions: Vec<Action>,
}

/// A trigger that does something in the container.
enum Action {
    /// A program, with the variables of the triggers alone.
    Run(Run),
    Copy(Copying),
}

/// A copy of files of the source.
struct Copying {
    name: Command,
    copy: CopyInstruction,
    /// The directory that a relative destination is below.
    cwd: ContainerPath,
}

impl Triggers {
    /// Returns the triggers of the builder; `None` if it has none. `given` are the variables of the source and the user.
    pub(super) fn of(builder: &ImageFacts, given: &[EnvVar]) -> Result<Option<Self>, PlanError> {
        let has_triggers = !builder.config.on_build.is_empty();
        has_triggers.then(|| Self::read(builder, given)).transpose()
    }

    /// Returns the stage that runs them, and then `assemble` if there is one. It starts as the user of the image, who is
    /// known before any trigger has run.
    pub(super) fn stage(
        &self,
        context: &Context<'_>,
        scripts: &ScriptPaths<'_>,
    ) -> Result<Stage, PlanError> {
        let user = User {
            name: context.facts.builder.config.user.clone(),
            origin: UserOrigin::Image,
            allowed: context.request.allowed_uids.clone(),
        };
        let mut steps = temporary(context, scripts)?;
        steps.extend(self.steps(context, &user)?);
        steps.extend(self.assemble(context, scripts, &user)?);
        Ok(Stage {
            name: StageName::Build,
            from: ImageRole::Builder,
            user,
            network: context.request.network.clone(),
            limits: context.request.limits,
            options: context.request.container.clone(),
            steps,
            on_failure: OnStageFailure::Fail,
        })
    }

    fn steps(&self, context: &Context<'_>, of_stage: &User) -> Result<Vec<Step>, PlanError> {
        let mut steps = Vec::new();
        for action in &self.actions {
            match action {
                Action::Run(run) => {
                    let user = run.user.clone().map(|user| User {
                        allowed: of_stage.allowed.clone(),
                        ..user
                    });
                    let own = [epoch(context)];
                    let given = [&own[..], &run.env, &context.build_env, &context.env];
                    steps.push(Step::Run(Run {
                        env: environment::merge(given),
                        // They do the work of `assemble`.
                        secrets: secret_names(context),
                        user: user.filter(|user| user.name != of_stage.name),
                        ..run.clone()
                    }));
                }
                Action::Copy(copying) => {
                    let copies = self.copies(copying, context.facts)?;
                    steps.extend(copies.into_iter().map(Step::Copy));
                }
            }
        }
        Ok(steps)
    }

    /// Returns the steps for the scripts that are not in the image, and for `assemble` with the source.
    fn assemble(
        &self,
        context: &Context<'_>,
        scripts: &ScriptPaths<'_>,
        of_stage: &User,
    ) -> Result<Vec<Step>, PlanError> {
        let layout = scripts.layout;
        let label = scripts.labels.assemble_user.clone();
        let mut user = user::of_script(Script::Assemble, context.request, &self.image, label);
        if user.origin == UserOrigin::Image && self.sets_user {
            user.origin = UserOrigin::Trigger;
        }
        let is_other = user.name != of_stage.name;
        let owner = is_other.then(|| user.name.clone());
        let copy = |from, into| {
            Step::Copy(Copy {
                owner: owner.clone(),
                ..Copy::new(from, into)
            })
        };
        let own = scripts.copied(&SCRIPTS).into_iter();
        let mut steps: Vec<_> = own.map(|own| copy(own, layout.scripts())).collect();
        let argv = if scripts.has(Script::Assemble)? {
            vec![scripts.find(Script::Assemble)?.to_string()]
        } else if has_file(context.facts, Script::Assemble.file_name()) {
            let path = layout.source().join(Script::Assemble.file_name());
            let path = path.expect("a plain name");
            vec![SHELL[0].into(), path.to_string()]
        } else {
            return Ok(steps);
        };
        if !self.copy_into(&layout.source()) {
            steps.insert(0, copy(CopySource::Source, layout.source()));
        }
        let extra = environment::merge([&self.env[..], &context.build_env]);
        let path = layout.script(Script::Assemble);
        let run = program(context, Script::Assemble, &self.image, &path, &extra)?;
        steps.push(Step::Run(Run {
            argv,
            secrets: secret_names(context),
            user: Some(user).filter(|_| is_other),
            ..run
        }));
        Ok(steps)
    }

    /// Returns the changes of the config with the command of the result, and the programs that it needs: the script
    /// `run`, or the image's own command, or an executable file of the source with one of the usual names.
    pub(super) fn command(
        &self,
        context: &Context<'_>,
        scripts: &ScriptPaths<'_>,
    ) -> Result<(ConfigChanges, Vec<ContainerPath>), PlanError> {
        let changes = |path: &ContainerPath| {
            Ok::<_, PlanError>(ConfigChanges {
                entrypoint: Entrypoint::Drop,
                ..output::config(context, &self.image, path)?
            })
        };
        if scripts.has(Script::Run)? {
            let path = scripts.find(Script::Run)?;
            return Ok((changes(&path)?, vec![path]));
        }
        let config = &self.image.config;
        if !config.cmd.is_empty() || !config.entrypoint.is_empty() {
            let own = ConfigChanges {
                entrypoint: Entrypoint::Keep,
                cmd: config.cmd.clone(),
                ..changes(&ContainerPath::root())?
            };
            return Ok((own, Vec::new()));
        }
        let mut guesses = GUESSES.iter();
        let guess = guesses.find(|name| {
            let found = context.facts.trigger_files.get(**name);
            found.is_some_and(|found| found.iter().any(|found| found.is_executable))
        });
        let guess = guess.ok_or_else(|| PlanError::NoCommand(self.image.name.clone()))?;
        let path = working_dir(&self.image)?.join(guess);
        let path = path.expect("a plain name");
        Ok((changes(&path)?, vec![path]))
    }

    /// Returns whether the result needs the directory: a trigger copies into it, or it is where the command starts.
    pub(super) fn use_directory(&self, directory: &ContainerPath) -> bool {
        let starts_there = working_dir(&self.image).is_ok_and(|dir| directory.contains(&dir));
        starts_there || self.copy_into(directory)
    }

    /// Returns whether one of them copies into the directory, or into one below it.
    fn copy_into(&self, directory: &ContainerPath) -> bool {
        self.actions.iter().any(|action| match action {
            Action::Copy(Copying { copy, cwd, .. }) => {
                let into = cwd.join(&copy.destination);
                into.is_ok_and(|into| directory.contains(&into))
            }
            Action::Run(_) => false,
        })
    }
}

/// Returns whether the source has a file of this name at its top.
fn has_file(facts: &Facts, name: &str) -> bool {
    let found = facts.trigger_files.get(name);
    found.is_some_and(|found| found.iter().any(|found| !found.is_dir))
}

/// Returns the paths and patterns of the source that the triggers of the builder copy; none if the triggers are refused.
pub(crate) fn patterns(request: &BuildRequest, facts: &Facts) -> Vec<String> {
    if request.on_build == OnBuild::Refuse {
        return Vec::new();
    }
    let labels = labels_of(&facts.builder);
    let given = Variables::new(&facts.source, request, &labels.build_variables).kept;
    let Ok(Some(triggers)) = Triggers::of(&facts.builder, &given) else {
        return Vec::new();
    };
    let actions = triggers.actions.into_iter();
    let sources = actions.flat_map(|action| match action {
        Action::Copy(copying) => copying.copy.sources,
        Action::Run(_) => Vec::new(),
    });
    let files = GUESSES.into_iter().chain([Script::Assemble.file_name()]);
    sources.chain(files.map(str::to_owned)).collect()
}
