//! A plan as a Dockerfile, for builders with their scripts in the image.
//!
//! The source comes from the build's context by a mount, and is copied, used and removed in one instruction, so that
//! no layer has it. BuildKit and Buildah have such mounts.

use std::fmt::Write as _;

use s2i_core::{Account, ContainerPath, EnvVar, wire::Removal};
use serde_json::json;
use thiserror::Error;

use crate::{
    plan::{
        BuildPlan, ConfigChanges, Copy, CopySource, ImageRole, Output, Run, Stage, StageName, Step,
    },
    request::Network,
};

/// The directory of the source in the context of a Dockerfile.
pub const DOCKERFILE_SOURCE_DIR: &str = "upload/src";

/// The place at which the source is mounted in the container.
const MOUNT: &str = "/run/s2i/src";

/// A part of a plan that has no form in a Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DockerfileError {
    /// A stage beside that of `assemble`.
    #[error("a Dockerfile can't have the stage `{0}` of this plan yet")]
    Stage(StageName),
    /// Files that are neither the source nor in the image.
    #[error("a Dockerfile can't copy {0} yet")]
    Copy(String),
    /// More than one image, or none.
    #[error("a Dockerfile makes one image, and this plan has {0} outputs")]
    Outputs(usize),
    /// A network that a Dockerfile can't select.
    #[error("a Dockerfile can't select the network `{0}`")]
    Network(Network),
    /// Limits, which belong to the command that builds a Dockerfile.
    #[error("a Dockerfile can't limit memory, processors or processes")]
    Limits,
    /// Options of containers, which belong to that command too.
    #[error("a Dockerfile can't have volumes, names of hosts, capabilities or security options")]
    Options,
    /// A list of allowed users, and a user whose number only the image knows.
    #[error("a Dockerfile can't check that the number of the user `{0}` is an allowed one")]
    User(String),
    /// A name of a variable or a secret that shells don't have.
    #[error("`{0}` can't be the name of a variable in a Dockerfile")]
    Name(String),
    /// A control character, which Dockerfiles can't quote.
    #[error("the value of `{0}` has a control character, which a Dockerfile can't have")]
    Control(String),
}

impl BuildPlan {
    /// Returns the plan as a Dockerfile. The source has to be in the directory [`DOCKERFILE_SOURCE_DIR`] of the build's
    /// context.
    ///
    /// # Errors
    /// [`DockerfileError`] names the first part that has no form in a Dockerfile.
    pub fn to_dockerfile(&self) -> Result<String, DockerfileError> {
        let ([stage], [output]) = (&self.stages[..], &self.outputs[..]) else {
            let other = |stage: &&Stage| stage.name != StageName::Build;
            return Err(match self.stages.iter().find(other) {
                Some(stage) => DockerfileError::Stage(stage.name),
                None => DockerfileError::Outputs(self.outputs.len()),
            });
        };
        check_stage(stage)?;
        let mut text = format!("FROM {}\n", self.inputs.images.builder.reference);
        config(&output.config, &mut text)?;
        let own = self.inputs.images.builder.config.as_ref();
        let own = own.map(|config| config.user.as_str());
        let is_other = !stage.user.name.is_empty() && own != Some(&stage.user.name);
        if is_other {
            line(&mut text, &format!("USER {}", word(&stage.user.name)?));
        }
        line(&mut text, &run(stage, output)?);
        if let (true, Some(own)) = (is_other, own) {
            let own = if own.is_empty() { "root" } else { own };
            line(&mut text, &format!("USER {own}"));
        }
        line(&mut text, &format!("CMD {}", json!(output.config.cmd)));
        Ok(text)
    }
}

/// Refuses a stage that would be another one in a Dockerfile.
fn check_stage(stage: &Stage) -> Result<(), DockerfileError> {
    if stage.from != ImageRole::Builder {
        return Err(DockerfileError::Stage(stage.name));
    }
    if !matches!(stage.network, Network::Default | Network::None) {
        return Err(DockerfileError::Network(stage.network.clone()));
    }
    if !stage.limits.is_empty() {
        return Err(DockerfileError::Limits);
    }
    if !stage.options.is_empty() {
        return Err(DockerfileError::Options);
    }
    // The planner has checked the numbers.
    let user = &stage.user;
    if !user.allowed.is_empty() && Account::uid_of(&user.name).is_none() {
        return Err(DockerfileError::User(user.name.clone()));
    }
    Ok(())
}

fn line(text: &mut String, instruction: &str) {
    writeln!(text, "{instruction}").expect("memory takes everything");
}

/// `LABEL` and `ENV`.
fn config(changes: &ConfigChanges, text: &mut String) -> Result<(), DockerfileError> {
    let label = |(name, value): (&String, &String)| {
        Ok(format!("{}={}", quoted(name, name)?, quoted(name, value)?))
    };
    let labels = changes.labels.iter().map(label);
    instruction("LABEL", &labels.collect::<Result<Vec<_>, _>>()?, text);
    let variable = |variable: &EnvVar| {
        let name = name(variable.name())?;
        Ok(format!("{name}={}", quoted(name, variable.value())?))
    };
    let variables = changes.env.iter().map(variable);
    instruction("ENV", &variables.collect::<Result<Vec<_>, _>>()?, text);
    Ok(())
}

/// An instruction with a pair on each line; none without pairs.
fn instruction(name: &str, pairs: &[String], text: &mut String) {
    if pairs.is_empty() {
        return;
    }
    line(text, &format!("{name} {}", pairs.join(" \\\n    ")));
}

/// Returns the one instruction that copies the source, runs the script and removes the paths of the output.
fn run(stage: &Stage, output: &Output) -> Result<String, DockerfileError> {
    let mut options = Vec::new();
    if stage.network == Network::None {
        options.push("--network=none".to_owned());
    }
    let mut commands = Vec::new();
    for step in &stage.steps {
        match step {
            Step::Copy(Copy {
                from: CopySource::Source,
                into,
            }) => {
                options.push(format!(
                    "--mount=type=bind,source={DOCKERFILE_SOURCE_DIR},target={MOUNT}"
                ));
                let into = word(into.as_str())?;
                commands.push(format!("mkdir -p {into} && cp -RP {MOUNT}/. {into}/"));
            }
            Step::Copy(Copy { from, .. }) => return Err(DockerfileError::Copy(from.to_string())),
            Step::Inject(inject) => {
                let what = format!("the injected `{}`", inject.source);
                return Err(DockerfileError::Copy(what));
            }
            Step::Run(run) => {
                for id in &run.secrets {
                    let id = name(id)?;
                    options.push(format!("--mount=type=secret,id={id},mode=0444"));
                }
                commands.push(command(run, output)?);
            }
        }
    }
    commands.extend(removals(&output.remove)?);
    for path in &output.require {
        commands.push(format!("test -x {}", word(path.as_str())?));
    }
    options.push(commands.join(" && \\\n    "));
    Ok(format!("RUN {}", options.join(" \\\n    ")))
}

/// The commands that remove paths, one for all with the same condition.
fn removals(removals: &[Removal]) -> Result<Vec<String>, DockerfileError> {
    let mut conditions: Vec<Option<&ContainerPath>> = Vec::new();
    for removal in removals {
        let unless = removal.unless.as_ref();
        if !conditions.contains(&unless) {
            conditions.push(unless);
        }
    }
    let command = |unless: Option<&ContainerPath>| {
        let paths = removals.iter();
        let paths = paths.filter(|removal| removal.unless.as_ref() == unless);
        let paths = paths.map(|removal| word(removal.path.as_str()));
        let paths = paths.collect::<Result<Vec<_>, _>>()?.join(" ");
        Ok(match unless {
            Some(program) => {
                let program = word(program.as_str())?;
                format!("{{ test -x {program} || rm -rf {paths}; }}")
            }
            None => format!("rm -rf {paths}"),
        })
    };
    conditions.into_iter().map(command).collect()
}

/// A script with the variables that are for it alone.
fn command(run: &Run, output: &Output) -> Result<String, DockerfileError> {
    let mut words = Vec::new();
    for variable in &run.env {
        if !output.config.env.contains(variable) {
            let name = name(variable.name())?;
            words.push(format!("{name}={}", word(variable.value())?));
        }
    }
    for id in &run.secrets {
        words.push(format!("{id}=\"$(cat /run/secrets/{id})\""));
    }
    for argument in &run.argv {
        words.push(word(argument)?);
    }
    Ok(words.join(" "))
}

/// A name of a variable, as shells have them. One of the source could be anything.
fn name(name: &str) -> Result<&str, DockerfileError> {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_name =
        name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c.is_ascii_digit());
    if is_name {
        Ok(name)
    } else {
        Err(DockerfileError::Name(name.into()))
    }
}

/// A word of a shell.
fn word(text: &str) -> Result<String, DockerfileError> {
    check(text, text)?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@=,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return Ok(text.into());
    }
    Ok(format!("'{}'", text.replace('\'', "'\\''")))
}

/// A value in the quotes of a Dockerfile.
fn quoted(name: &str, value: &str) -> Result<String, DockerfileError> {
    check(name, value)?;
    let escaped = value.chars().flat_map(|c| {
        let escape = matches!(c, '$' | '"' | '\\').then_some('\\');
        escape.into_iter().chain([c])
    });
    Ok(format!("\"{}\"", escaped.collect::<String>()))
}

fn check(name: &str, value: &str) -> Result<(), DockerfileError> {
    if value.chars().any(char::is_control) {
        return Err(DockerfileError::Control(name.into()));
    }
    Ok(())
}
