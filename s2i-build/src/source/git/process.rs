//! Git as a process: the settings and the environment that it runs with, its end and its messages.

use std::{
    ffi::OsString,
    io::{self, ErrorKind, Read},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    process::{Child, ChildStdout, Command, Stdio},
    thread::{self, JoinHandle},
    time::Duration,
};

use rustix::{
    fs::{Access, access},
    process::{Pid, Signal, kill_process_group},
};
use s2i_core::bounds;

use super::{Git, Remote};
use crate::source::{SourceError, directory::handle_path, location::without_credentials};

/// Overrides of all settings that could run a program or write outside of the checkout. The filter of Git LFS is off,
/// because it needs a remote.
const SAFE_CONFIG: [&str; 10] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "protocol.ext.allow=never",
    "transfer.bundleURI=false",
    "log.showSignature=false",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "filter.lfs.process=",
    "filter.lfs.required=false",
    "filter.lfs.smudge=",
];

/// The rule for directories of this machine that the user named. For those that a repository names, the rule of the
/// user's configuration decides, which Git's default is to refuse.
const FILES_OF_USER: &str = "protocol.file.allow=user";

/// The program that serves a local repository whose owner was checked.
const UPLOAD_PACK: &str = "--upload-pack=git -c 'safe.directory=*' upload-pack";

/// The `PATH` for Git when the environment has none.
const USUAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Variables that would make Git use other repositories or programs, or take patterns of paths for names.
const UNSET_VARIABLES: [&str; 9] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_EXTERNAL_DIFF",
    "GIT_TEMPLATE_DIR",
    "GIT_LITERAL_PATHSPECS",
];

impl Git<'_> {
    /// Runs a command of Git in the checkout.
    pub(in crate::source) fn run(
        &self,
        operation: &'static str,
        args: &[&str],
    ) -> Result<String, SourceError> {
        let args: Vec<_> = [operation].iter().chain(args).copied().collect();
        self.run_with(operation, &args)
    }

    /// Runs Git with these arguments in the checkout.
    pub(in crate::source) fn run_with(
        &self,
        operation: &'static str,
        args: &[&str],
    ) -> Result<String, SourceError> {
        let mut command = self.command(args);
        command.current_dir(self.checkout);
        self.finish(operation, command)
    }

    /// Runs a command of Git for the checkout, in the directory for which the URL of the repository is valid.
    pub(super) fn ask(
        &self,
        operation: &'static str,
        args: &[&str],
    ) -> Result<String, SourceError> {
        let Remote::Local(repository) = self.remote else {
            return self.run(operation, args);
        };
        let mut command = self.command(&[operation, UPLOAD_PACK]);
        command.args(args);
        command.env("GIT_DIR", self.checkout.join(".git"));
        command.env("GIT_WORK_TREE", self.checkout);
        command.current_dir(handle_path(repository));
        self.finish(operation, command)
    }

    /// Lets Git refuse a directory of another user that `safe.directory` of the caller does not name. Git compares the
    /// usual paths only in this call.
    pub(super) fn check_owner(&self) -> Result<(), SourceError> {
        let Remote::Local(repository) = self.remote else {
            return Ok(());
        };
        let operation = "rev-parse";
        // The user names a bare repository explicitly here, which Git can't know.
        let bare = "safe.bareRepository=all";
        let mut command = self.command(&["-c", bare, operation, "--git-dir"]);
        command.current_dir(handle_path(repository));
        self.finish(operation, command).map(drop)
    }

    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = (self.program)();
        for setting in SAFE_CONFIG {
            command.args(["-c", setting]);
        }
        if self.is_submodule {
            command.env("GIT_PROTOCOL_FROM_USER", "0");
        } else {
            command.args(["-c", FILES_OF_USER]);
        }
        for variable in UNSET_VARIABLES {
            command.env_remove(variable);
        }
        command.args(args);
        command.env("PATH", absolute(std::env::var_os("PATH")));
        // Its own process group, so that its helpers end with it.
        command.process_group(0);
        // A prompt would hang the build.
        command.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
        command.env("SSH_ASKPASS_REQUIRE", "force");
        // The other kinds of storage for branches are not read here.
        command.env("GIT_DEFAULT_REF_FORMAT", "files");
        // A partial clone names the server to fetch from itself.
        command.env("GIT_NO_LAZY_FETCH", "1");
        command
    }

    pub(super) fn finish(
        &self,
        operation: &'static str,
        command: Command,
    ) -> Result<String, SourceError> {
        self.finish_with(operation, command, |stream| {
            bounds::read(stream, bounds::ANSWER)
        })
    }

    /// Runs a command, whose output `read` reads.
    pub(super) fn finish_with(
        &self,
        operation: &'static str,
        mut command: Command,
        read: fn(ChildStdout) -> io::Result<Vec<u8>>,
    ) -> Result<String, SourceError> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command.spawn().map_err(|err| match err.kind() {
            ErrorKind::NotFound => SourceError::NoGit(self.location.into()),
            _ => self.error(operation, &err.to_string()),
        })?;
        self.wait(operation, child, read)
    }

    fn wait(
        &self,
        operation: &'static str,
        mut child: Child,
        read: fn(ChildStdout) -> io::Result<Vec<u8>>,
    ) -> Result<String, SourceError> {
        let stdout = collect(child.stdout.take(), read);
        let stderr = collect(child.stderr.take(), messages);
        let mut pause = Duration::from_millis(1);
        let status = loop {
            if let Some(reason) = self.cancel.reason() {
                end_group(&child);
                let _ = child.wait();
                return Err(SourceError::Interrupted(reason));
            }
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) => thread::sleep(pause),
                Err(err) => return Err(self.error(operation, &err.to_string())),
            }
            pause = (pause * 2).min(Duration::from_millis(20));
        };
        if status.signal().is_some() {
            // Its helpers hold the other ends.
            end_group(&child);
        }
        // A helper that continues may hold the other ends, as a shared connection of SSH does.
        while !(stdout.is_finished() && stderr.is_finished()) {
            if let Some(reason) = self.cancel.reason() {
                end_group(&child);
                return Err(SourceError::Interrupted(reason));
            }
            thread::sleep(pause);
        }
        let (stdout, stderr) = (finished(stdout), finished(stderr));
        match (stdout, stderr) {
            (Err(err), _) if err.kind() == ErrorKind::FileTooLarge => {
                Err(self.error(operation, &format!("its answer is too long: {err}")))
            }
            (Ok(stdout), _) if status.success() => Ok(stdout),
            (Err(err), _) if status.success() => Err(self.error(operation, &err.to_string())),
            (_, stderr) => Err(self.error(operation, &stderr.unwrap_or_default())),
        }
    }

    pub(super) fn error(&self, operation: &'static str, text: &str) -> SourceError {
        let text = text.replace(self.remote.url(), self.location);
        let words = text
            .split_whitespace()
            .map(without_credentials)
            .collect::<Vec<_>>()
            .join(" ");
        let words: String = words.chars().filter(|c| !c.is_control()).collect();
        let message = bounds::end_of(&words, bounds::SHOWN);
        SourceError::Git {
            location: self.location.into(),
            operation,
            message,
        }
    }
}

/// Returns whether there is a Git to start.
pub(in crate::source) fn is_installed(program: fn() -> Command) -> bool {
    let command = program();
    let name = command.get_program();
    let places = absolute(std::env::var_os("PATH"));
    // An absolute name replaces the directory.
    let mut paths = std::env::split_paths(&places).map(|place| place.join(name));
    paths.any(|path| path.is_file() && access(&path, Access::EXEC_OK).is_ok())
}

/// Returns the absolute directories of `PATH`. Relative ones would depend on the working directory, which is that of
/// the repository.
fn absolute(path: Option<OsString>) -> OsString {
    let path = path.unwrap_or_default();
    let places = std::env::split_paths(&path).filter(|place| place.is_absolute());
    let path = std::env::join_paths(places).unwrap_or_default();
    if path.is_empty() {
        USUAL_PATH.into()
    } else {
        path
    }
}

/// Kills Git and the helpers that it started, which would continue to write into the checkout.
fn end_group(child: &Child) {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(group) = group {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// Reads the output of a program on its own thread.
fn collect<S: Read + Send + 'static>(
    stream: Option<S>,
    read: impl FnOnce(S) -> io::Result<Vec<u8>> + Send + 'static,
) -> JoinHandle<io::Result<Vec<u8>>> {
    thread::spawn(move || stream.map_or_else(|| Ok(Vec::new()), read))
}

fn finished(collecting: JoinHandle<io::Result<Vec<u8>>>) -> io::Result<String> {
    let bytes = collecting.join().unwrap_or_else(|_| Ok(Vec::new()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Returns the end of a program's messages, from a whole word on: a truncated address could hide that it contains a
/// password.
fn messages(stream: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = bounds::tail(stream, bounds::MESSAGES)?;
    if bytes.len() == bounds::MESSAGES {
        let space = bytes.iter().position(u8::is_ascii_whitespace);
        bytes.drain(..space.unwrap_or(bytes.len()));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_keep_whole_words_of_their_end() {
        let line = "remote: https://me:password@example.org/x\n";
        let all = line.repeat(10_000);
        let kept = messages(all.as_bytes()).unwrap();
        assert!(kept.len() <= bounds::MESSAGES && kept.len() > bounds::MESSAGES - 100);
        let kept = String::from_utf8(kept).unwrap();
        let first = kept.split_whitespace().next().unwrap();
        assert!(line.split_whitespace().any(|word| word == first), "{first}");
        assert_eq!(messages(line.as_bytes()).unwrap(), line.as_bytes());
    }
}
