//! The instructions of Dockerfiles that images have as `ONBUILD` triggers.
//!
//! A trigger is one line, which another image wrote. What can't be done by a build of s2i is an error here, before
//! anything starts.

mod health;
mod words;

use std::cell::Cell;

use thiserror::Error;

use crate::{bounds, image::HealthCheck};
use words::{Fault, expanded, pairs, split};

/// One instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instruction {
    /// `RUN`.
    Run(Command),
    /// `COPY`, and `ADD` of files.
    Copy(CopyInstruction),
    /// `ENV`: names and values.
    Env(Vec<(String, String)>),
    /// `ARG`: names and defaults.
    Arg(Vec<(String, Option<String>)>),
    /// `LABEL`: names and values.
    Label(Vec<(String, String)>),
    /// `WORKDIR`.
    Workdir(String),
    /// `USER`.
    User(String),
    /// `EXPOSE`: each port with its protocol.
    Expose(Vec<String>),
    /// `VOLUME`.
    Volume(Vec<String>),
    /// `STOPSIGNAL`.
    StopSignal(String),
    /// `CMD`.
    Cmd(Command),
    /// `ENTRYPOINT`.
    Entrypoint(Command),
    /// `SHELL`.
    Shell(Vec<String>),
    /// `HEALTHCHECK`; `None` for `HEALTHCHECK NONE`.
    HealthCheck(Option<HealthCheck>),
    /// `MAINTAINER`, which has no effect on containers.
    Maintainer,
}

/// A command in one of its two forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A line for the shell.
    Shell(String),
    /// Program and arguments.
    Exec(Vec<String>),
}

impl Command {
    /// Returns program and arguments; `shell` are those of the shell.
    #[must_use]
    pub fn argv(&self, shell: &[String]) -> Vec<String> {
        match self {
            Self::Shell(line) => shell.iter().cloned().chain([line.clone()]).collect(),
            Self::Exec(argv) => argv.clone(),
        }
    }
}

/// `COPY`, or `ADD` of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyInstruction {
    /// The paths in the context, which may be patterns.
    pub sources: Vec<String>,
    /// The path in the image; a `/` at the end makes it a directory.
    pub destination: String,
    /// The owner, in the notation of image configs; root by default.
    pub owner: Option<String>,
    /// True for `ADD`, which unpacks archives.
    pub unpacks: bool,
}

/// The reason why an instruction can't be read or done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InstructionError {
    /// An unknown name.
    #[error("`{0}` is not an instruction that a trigger can be")]
    Unknown(String),
    /// A form that s2i does not support.
    #[error("s2i does not support {0}")]
    Unsupported(String),
    /// An invalid form.
    #[error("`{name}` {fault}")]
    Malformed {
        /// The instruction.
        name: &'static str,
        /// The fault, as the rest of a sentence.
        fault: &'static str,
    },
    /// An invalid word.
    #[error("a word {0}")]
    Word(&'static str),
    /// Too long, as it is or with the values of variables.
    #[error("it has more than {} bytes", bounds::TRIGGER)]
    TooLong,
    /// More than one line.
    #[error("it has more than one line")]
    Lines,
}

impl From<Fault> for InstructionError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Word(fault) => Self::Word(fault),
            Fault::TooLong => Self::TooLong,
            Fault::Operator(text) => Self::Unsupported(format!("`{text}`")),
        }
    }
}

type Parsed<T> = Result<T, InstructionError>;

/// Returns the value of a variable, if it is set.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The line of an instruction without its name.
struct Line<'a> {
    name: &'static str,
    rest: &'a str,
    variables: Lookup<'a>,
    /// The bytes that its words may still have.
    left: Cell<usize>,
}

impl Instruction {
    /// Reads an instruction, with the values of variables in place of `$NAME` and `${NAME}` where Docker replaces them.
    ///
    /// # Errors
    /// [`InstructionError`] for an instruction that is invalid or that s2i does not support.
    pub fn parse(text: &str, variables: Lookup<'_>) -> Result<Self, InstructionError> {
        let text = text.trim();
        if text.len() > bounds::TRIGGER {
            return Err(InstructionError::TooLong);
        }
        if text.contains('\n') {
            return Err(InstructionError::Lines);
        }
        let (name, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let name = name.to_ascii_uppercase();
        let line = |name| Line {
            name,
            rest: rest.trim(),
            variables,
            left: Cell::new(bounds::TRIGGER),
        };
        match name.as_str() {
            "RUN" => line("RUN").run(),
            "COPY" => line("COPY").copy(false),
            "ADD" => line("ADD").copy(true),
            "ENV" => Ok(Self::Env(line("ENV").pairs()?)),
            "LABEL" => Ok(Self::Label(line("LABEL").pairs()?)),
            "ARG" => line("ARG").arguments(),
            "WORKDIR" => Ok(Self::Workdir(line("WORKDIR").text()?)),
            "USER" => Ok(Self::User(line("USER").text()?)),
            "STOPSIGNAL" => Ok(Self::StopSignal(line("STOPSIGNAL").text()?)),
            "EXPOSE" => line("EXPOSE").ports(),
            "VOLUME" => Ok(Self::Volume(line("VOLUME").list()?)),
            "CMD" => Ok(Self::Cmd(line("CMD").command())),
            "ENTRYPOINT" => Ok(Self::Entrypoint(line("ENTRYPOINT").command())),
            "SHELL" => match line("SHELL").command() {
                Command::Exec(argv) if !argv.is_empty() => Ok(Self::Shell(argv)),
                _ => Err(line("SHELL").fault("needs a list in JSON")),
            },
            "HEALTHCHECK" => line("HEALTHCHECK").health_check(),
            "MAINTAINER" => Ok(Self::Maintainer),
            _ => Err(InstructionError::Unknown(name)),
        }
    }
}

impl<'a> Line<'a> {
    fn fault(&self, fault: &'static str) -> InstructionError {
        let name = self.name;
        InstructionError::Malformed { name, fault }
    }

    fn unsupported(&self, part: &str) -> InstructionError {
        InstructionError::Unsupported(format!("`{} {part}`", self.name))
    }

    /// Returns the options at the start, without their dashes, and the rest.
    fn options(&self) -> (Vec<(&'a str, &'a str)>, &'a str) {
        let (mut options, mut rest) = (Vec::new(), self.rest);
        while let Some(option) = rest.strip_prefix("--") {
            let end = option.find(char::is_whitespace).unwrap_or(option.len());
            rest = option[end..].trim_start();
            if end > 0 {
                options.push(
                    option[..end]
                        .split_once('=')
                        .unwrap_or((&option[..end], "")),
                );
            }
        }
        (options, rest)
    }

    fn expanded(&self, word: &str) -> Parsed<String> {
        let word = expanded(word, self.variables)?;
        let left = self.left.get().checked_sub(word.len());
        self.left.set(left.ok_or(InstructionError::TooLong)?);
        Ok(word)
    }

    /// Returns the whole line as one text.
    fn text(&self) -> Parsed<String> {
        match self.expanded(self.rest)? {
            text if text.is_empty() => Err(self.fault("needs an argument")),
            text => Ok(text),
        }
    }

    /// Returns the list in JSON, or else the words.
    fn list(&self) -> Parsed<Vec<String>> {
        self.list_of(self.rest)
    }

    fn list_of(&self, rest: &str) -> Parsed<Vec<String>> {
        let words = match exec_form(rest) {
            Some(words) => words,
            None => split(rest)?.into_iter().map(str::to_owned).collect(),
        };
        let words = words.iter().map(|word| self.expanded(word));
        let words = words.collect::<Parsed<Vec<_>>>()?;
        if words.is_empty() || words.iter().any(String::is_empty) {
            return Err(self.fault("needs arguments that are not empty"));
        }
        Ok(words)
    }

    fn command(&self) -> Command {
        exec_form(self.rest).map_or_else(|| Command::Shell(self.rest.into()), Command::Exec)
    }

    fn run(&self) -> Parsed<Instruction> {
        if let Some((option, _)) = self.options().0.first() {
            return Err(self.unsupported(&format!("--{option}")));
        }
        match self.command() {
            Command::Shell(line) if line.is_empty() => Err(self.fault("needs a command")),
            Command::Exec(argv) if argv.first().is_none_or(String::is_empty) => {
                Err(self.fault("needs a command"))
            }
            command => Ok(Instruction::Run(command)),
        }
    }

    fn copy(&self, unpacks: bool) -> Parsed<Instruction> {
        let (options, rest) = self.options();
        let mut owner = None;
        for (option, value) in options {
            match option {
                "chown" if !value.is_empty() => owner = Some(self.expanded(value)?),
                _ => return Err(self.unsupported(&format!("--{option}"))),
            }
        }
        let mut sources = self.list_of(rest)?;
        let destination = sources.pop().filter(|_| !sources.is_empty());
        let destination =
            destination.ok_or_else(|| self.fault("needs a source and a destination"))?;
        for source in &sources {
            if unpacks && (source.contains("://") || source.starts_with("git@")) {
                return Err(self.unsupported("of an address"));
            }
            if source.starts_with("<<") {
                return Err(self.unsupported("<<"));
            }
        }
        Ok(Instruction::Copy(CopyInstruction {
            sources,
            destination,
            owner,
            unpacks,
        }))
    }

    fn pairs(&self) -> Parsed<Vec<(String, String)>> {
        let raw = pairs(self.rest)?;
        let raw = raw.ok_or_else(|| self.fault("needs NAME=VALUE"))?;
        let pairs = raw.into_iter().map(|(name, value)| {
            let name = self.expanded(name)?;
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(self.fault("has an invalid name"));
            }
            Ok((name, self.expanded(value)?))
        });
        pairs.collect()
    }

    fn arguments(&self) -> Parsed<Instruction> {
        let mut arguments = Vec::new();
        for word in split(self.rest)? {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name, Some(self.expanded(value)?)),
                None => (word, None),
            };
            match self.expanded(name)? {
                name if name.is_empty() => return Err(self.fault("has an invalid name")),
                name => arguments.push((name, value)),
            }
        }
        if arguments.is_empty() {
            return Err(self.fault("needs a name"));
        }
        Ok(Instruction::Arg(arguments))
    }

    fn ports(&self) -> Parsed<Instruction> {
        let bad = || self.fault("needs ports such as 8080, 53/udp or 8000-8010");
        let mut ports = Vec::new();
        for word in self.list()?.iter().flat_map(|text| text.split_whitespace()) {
            let (range, protocol) = word.split_once('/').unwrap_or((word, "tcp"));
            let protocol = protocol.to_ascii_lowercase();
            if !["tcp", "udp", "sctp"].contains(&protocol.as_str()) {
                return Err(bad());
            }
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let number = |text: &str| text.parse::<u16>().ok().filter(|number| *number > 0);
            let (first, last) = (
                number(first).ok_or_else(bad)?,
                number(last).ok_or_else(bad)?,
            );
            if last < first || usize::from(last - first) >= bounds::VARIABLES - ports.len() {
                return Err(bad());
            }
            ports.extend((first..=last).map(|port| format!("{port}/{protocol}")));
        }
        Ok(Instruction::Expose(ports))
    }
}

/// Returns the list, if the text is a list of texts in JSON.
fn exec_form(text: &str) -> Option<Vec<String>> {
    text.starts_with('[')
        .then(|| serde_json::from_str(text).ok())
        .flatten()
}

#[cfg(test)]
mod tests;
