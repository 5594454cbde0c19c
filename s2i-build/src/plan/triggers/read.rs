//! Reads triggers one after another, each with the variables and settings that those before it leave.

use s2i_core::{
    ContainerPath, EnvVar, UidRanges, bounds, environment,
    image::ContainerConfig,
    instruction::{self, Instruction, InstructionError},
};

use super::{Action, Copying, SHELL, Triggers};
use crate::{
    facts::{ImageFacts, variables_of},
    plan::{
        Command, PlanError, Run, User, UserOrigin,
        common::{checked_dir, working_dir},
        counts,
    },
};

/// The state between two triggers.
struct Interpreter<'a> {
    builder: &'a ImageFacts,
    /// The variables of the source and the user, which are the values of `ARG`.
    given: &'a [EnvVar],
    config: ContainerConfig,
    cwd: ContainerPath,
    shell: Vec<String>,
    env: Vec<EnvVar>,
    arguments: Vec<EnvVar>,
    sets_user: bool,
    sets_cmd: bool,
    actions: Vec<Action>,
}

impl Triggers {
    /// Reads the triggers of the builder.
    pub(super) fn read(builder: &ImageFacts, given: &[EnvVar]) -> Result<Self, PlanError> {
        let triggers = &builder.config.on_build;
        if triggers.len() > bounds::TRIGGERS {
            return Err(PlanError::TooManyTriggers(builder.name.clone()));
        }
        let mut interpreter = Interpreter {
            builder,
            given,
            config: ContainerConfig {
                on_build: Vec::new(),
                ..builder.config.clone()
            },
            cwd: working_dir(builder)?,
            shell: SHELL.map(str::to_owned).to_vec(),
            env: Vec::new(),
            arguments: Vec::new(),
            sets_user: false,
            sets_cmd: false,
            actions: Vec::new(),
        };
        for text in triggers {
            interpreter.trigger(text)?;
        }
        let Interpreter {
            config,
            env,
            sets_user,
            actions,
            ..
        } = interpreter;
        let image = ImageFacts {
            config,
            ..builder.clone()
        };
        counts::check_image(&image)?;
        Ok(Self {
            image,
            env,
            sets_user,
            actions,
        })
    }
}

impl Interpreter<'_> {
    /// Returns the value of a variable, as Docker looks it up.
    fn variable(&self, name: &str) -> Option<String> {
        let prefix = format!("{name}=");
        let entries = self.config.env.iter().rev();
        let mut values = entries.filter_map(|entry| entry.strip_prefix(&prefix));
        values.next().map(str::to_owned).or_else(|| {
            let mut arguments = self.arguments.iter().rev();
            let argument = arguments.find(|argument| argument.name() == name);
            argument.map(|argument| argument.value().to_owned())
        })
    }

    fn trigger(&mut self, text: &str) -> Result<(), PlanError> {
        let name = Command::trigger(text);
        let image = &self.builder.name;
        let refused = |source| PlanError::Trigger {
            trigger: name.to_string(),
            image: image.clone(),
            source,
        };
        let instruction = Instruction::parse(text, &|name| self.variable(name)).map_err(refused)?;
        match instruction {
            Instruction::Run(command) => {
                let action = self.run(name, &command);
                self.actions.push(action);
            }
            Instruction::Copy(copy) => {
                let cwd = self.cwd.clone();
                self.actions.push(Action::Copy(Copying { name, copy, cwd }));
            }
            Instruction::Workdir(directory) => {
                let bad = |source| PlanError::TriggerPath {
                    trigger: name.to_string(),
                    image: image.clone(),
                    source,
                };
                let directory = self.cwd.join(&directory).map_err(bad)?;
                self.cwd = checked_dir(self.builder, directory)?;
                self.config.working_dir = self.cwd.to_string();
            }
            Instruction::Env(pairs) => {
                let set = pairs.iter().map(|(name, value)| EnvVar::new(name, value));
                let invalid = |_| InstructionError::Word("has a NUL");
                let set: Vec<_> = set
                    .collect::<Result<_, _>>()
                    .map_err(invalid)
                    .map_err(refused)?;
                self.env = environment::merge([&self.env[..], &set[..]]);
                let all = environment::merge([&variables_of(&self.config)[..], &set[..]]);
                self.config.env = all.iter().map(EnvVar::to_entry).collect();
            }
            Instruction::Arg(arguments) => {
                for (name, default) in arguments {
                    let mut given = self.given.iter().rev();
                    let given = given.find(|variable| variable.name() == name);
                    let value = given.map(|given| given.value().to_owned()).or(default);
                    let argument = value.map(|value| EnvVar::new(&name, &value));
                    self.arguments.extend(argument.and_then(Result::ok));
                }
            }
            other => self.set(other),
        }
        Ok(())
    }

    /// Changes a setting of the image.
    fn set(&mut self, instruction: Instruction) {
        let config = &mut self.config;
        match instruction {
            Instruction::User(user) => {
                config.user = user;
                self.sets_user = true;
            }
            Instruction::Label(pairs) => config.labels.extend(pairs),
            Instruction::Expose(ports) => config.exposed_ports.extend(ports),
            Instruction::Volume(paths) => config.volumes.extend(paths),
            Instruction::StopSignal(signal) => config.stop_signal = signal,
            Instruction::Shell(shell) => self.shell = shell,
            Instruction::HealthCheck(check) => config.healthcheck = check,
            Instruction::Cmd(command) => {
                config.cmd = command.argv(&self.shell);
                self.sets_cmd = true;
            }
            Instruction::Entrypoint(command) => {
                config.entrypoint = command.argv(&self.shell);
                if !self.sets_cmd {
                    // The command of the image was for its own entry point.
                    config.cmd = Vec::new();
                }
            }
            Instruction::Run(_)
            | Instruction::Copy(_)
            | Instruction::Env(_)
            | Instruction::Arg(_)
            | Instruction::Workdir(_)
            | Instruction::Maintainer => {}
        }
    }

    fn run(&self, name: Command, command: &instruction::Command) -> Action {
        let is_set = |argument: &&EnvVar| {
            let prefix = format!("{}=", argument.name());
            !self
                .config
                .env
                .iter()
                .any(|entry| entry.starts_with(&prefix))
        };
        let arguments: Vec<_> = self.arguments.iter().filter(is_set).cloned().collect();
        let origin = if self.sets_user {
            UserOrigin::Trigger
        } else {
            UserOrigin::Image
        };
        Action::Run(Run {
            script: name,
            argv: command.argv(&self.shell),
            env: environment::merge([&arguments[..], &self.env[..]]),
            secrets: Vec::new(),
            cwd: self.cwd.clone(),
            user: Some(User {
                name: self.config.user.clone(),
                origin,
                allowed: UidRanges::default(),
            }),
            optional: false,
        })
    }
}
