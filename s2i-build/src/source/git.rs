//! Fetches one commit with the `git` command, so that its configured credentials, SSH agents and proxies work, but no
//! setting of a repository can run a program.

use std::{
    ffi::OsString,
    io::{self, ErrorKind, Read},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::Path,
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use s2i_core::{OpenDir, bounds};

use super::{SourceError, directory::handle_path, location::without_credentials};
use crate::{cancel::CancelToken, facts::CommitFacts};

/// Overrides of all settings that could run a program or write outside of the checkout.
const SAFE_CONFIG: [&str; 8] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "protocol.ext.allow=never",
    "protocol.file.allow=user",
    "transfer.bundleURI=false",
    "log.showSignature=false",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
];

/// The program that serves a local repository whose owner was checked.
const UPLOAD_PACK: &str = "--upload-pack=git -c 'safe.directory=*' upload-pack";

/// The `PATH` for Git when the environment has none.
const USUAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Variables that would make Git use other repositories or programs.
const UNSET_VARIABLES: [&str; 8] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_EXTERNAL_DIFF",
    "GIT_TEMPLATE_DIR",
];

/// The repository that Git fetches from.
pub(super) enum Remote<'a> {
    /// A URL that Git can fetch over a network.
    Url(&'a str),
    /// A directory of this machine. Git is started in it, so that a replaced path does not matter.
    Local(&'a OpenDir),
}

impl Remote<'_> {
    /// Returns the name of the repository for Git.
    pub(super) fn url(&self) -> &str {
        match self {
            Self::Url(url) => url,
            // `.` would be the repository that Git fetches into.
            Self::Local(_) => "/proc/self/cwd",
        }
    }
}

/// One repository and its checkout.
pub(super) struct Git<'a> {
    /// Returns the command that starts Git.
    pub(super) program: fn() -> Command,
    /// The repository that it fetches from.
    pub(super) remote: &'a Remote<'a>,
    /// The URL for Git.
    pub(super) url: &'a str,
    /// The location for messages, without credentials.
    pub(super) location: &'a str,
    /// The directory of the checkout, which is empty.
    pub(super) checkout: &'a Path,
    pub(super) cancel: &'a CancelToken,
}

/// Fetches `reference`, or the remote's `HEAD`, and checks it out. The owner of a local repository is checked before
/// and afterwards.
pub(super) fn fetch(git: &Git<'_>, reference: Option<&str>) -> Result<CommitFacts, SourceError> {
    if let Some(reference) = reference {
        check_ref(reference)?;
    }
    git.check_owner()?;
    git.run("init", &["--quiet", "--template=", "."])?;
    let shallow = git.ask(
        "fetch",
        &[
            "--quiet",
            "--depth=1",
            "--no-tags",
            "--end-of-options",
            git.url,
            reference.unwrap_or("HEAD"),
        ],
    );
    let commit = match shallow {
        Ok(_) => "FETCH_HEAD".to_owned(),
        Err(_) if git.may_need_everything(reference) => git.fetch_everything(reference)?,
        Err(err) => return Err(err),
    };
    git.run("checkout", &["--quiet", "--detach", &commit])?;
    let facts = git.facts(reference)?;
    // The process that served the repository did not check it, and it may have been replaced.
    git.check_owner()?;
    Ok(facts)
}

impl Git<'_> {
    /// Returns whether all refs may have to be fetched. Servers of plain files do not support shallow fetches, and
    /// not all servers allow a fetch by commit ID.
    fn may_need_everything(&self, reference: Option<&str>) -> bool {
        let is_id =
            |r: &str| (4..=40).contains(&r.len()) && r.chars().all(|c| c.is_ascii_hexdigit());
        self.cancel.reason().is_none()
            && (self.url.starts_with("http") || reference.is_some_and(is_id))
    }

    /// Fetches all branches and tags, and returns the revision to check out.
    fn fetch_everything(&self, reference: Option<&str>) -> Result<String, SourceError> {
        let Some(reference) = reference else {
            self.ask(
                "fetch",
                &["--quiet", "--no-tags", "--end-of-options", self.url, "HEAD"],
            )?;
            return Ok("FETCH_HEAD".into());
        };
        let all = [
            "+refs/heads/*:refs/remotes/origin/*",
            "+refs/tags/*:refs/tags/*",
        ];
        self.ask(
            "fetch",
            &["--quiet", "--end-of-options", self.url, all[0], all[1]],
        )?;
        let candidates = [
            format!("refs/remotes/origin/{reference}"),
            format!("refs/tags/{reference}"),
            reference.to_owned(),
        ];
        let known = candidates.iter().find_map(|name| {
            let commit = format!("{name}^{{commit}}");
            self.run(
                "rev-parse",
                &["--verify", "--quiet", "--end-of-options", &commit],
            )
            .ok()
        });
        self.cancel.check().map_err(SourceError::Interrupted)?;
        let id = known.and_then(|output| output.lines().last().map(str::to_owned));
        id.ok_or_else(|| self.error("rev-parse", &format!("there is no `{reference}`")))
    }

    fn facts(&self, reference: Option<&str>) -> Result<CommitFacts, SourceError> {
        let format = "--format=%H%x00%an <%ae>%x00%ad%x00%ct%x00%s";
        let text = self.run("log", &["-1", "--date=default", format])?;
        let mut fields = text.trim_end_matches('\n').split('\0').map(str::to_owned);
        let mut next = || fields.next().unwrap_or_default();
        let (id, author, date, time, subject) = (next(), next(), next(), next(), next());
        Ok(CommitFacts {
            id,
            reference: reference.map_or_else(|| self.remote_branch(), str::to_owned),
            author,
            date,
            subject: shorten(&subject),
            time: time.parse().unwrap_or_default(),
        })
    }

    /// Returns the branch of the remote's `HEAD`, or `HEAD`.
    fn remote_branch(&self) -> String {
        let listed = self.ask(
            "ls-remote",
            &["--symref", "--end-of-options", self.url, "HEAD"],
        );
        let branch = listed.ok().and_then(|text| {
            let target = text.lines().find_map(|line| line.strip_prefix("ref: "))?;
            Some(
                target
                    .split('\t')
                    .next()?
                    .strip_prefix("refs/heads/")?
                    .to_owned(),
            )
        });
        branch.unwrap_or_else(|| "HEAD".into())
    }

    /// Runs a command of Git in the checkout.
    fn run(&self, operation: &'static str, args: &[&str]) -> Result<String, SourceError> {
        let mut command = self.command(&[operation]);
        command.args(args).current_dir(self.checkout);
        self.finish(operation, command)
    }

    /// Runs a command of Git for the checkout, in the directory for which the URL of the repository is valid.
    fn ask(&self, operation: &'static str, args: &[&str]) -> Result<String, SourceError> {
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
    fn check_owner(&self) -> Result<(), SourceError> {
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

    fn command(&self, args: &[&str]) -> Command {
        let mut command = (self.program)();
        for setting in SAFE_CONFIG {
            command.args(["-c", setting]);
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
        // A partial clone names the server to fetch from itself.
        command.env("GIT_NO_LAZY_FETCH", "1");
        command
    }

    fn finish(&self, operation: &'static str, mut command: Command) -> Result<String, SourceError> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command.spawn().map_err(|err| match err.kind() {
            ErrorKind::NotFound => SourceError::NoGit(self.location.into()),
            _ => self.error(operation, &err.to_string()),
        })?;
        self.wait(operation, child)
    }

    fn wait(&self, operation: &'static str, mut child: Child) -> Result<String, SourceError> {
        let stdout = collect(child.stdout.take(), |stream| {
            bounds::read(stream, bounds::ANSWER)
        });
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

    fn error(&self, operation: &'static str, text: &str) -> SourceError {
        let text = text.replace(self.url, self.location);
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

/// Checks the rules of `git check-ref-format` that keep a name from being an option or an expression.
fn check_ref(reference: &str) -> Result<(), SourceError> {
    let is_bad_char = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
    let is_bad = reference.is_empty()
        || reference.starts_with(['-', '/'])
        || reference.ends_with(['/', '.'])
        || reference.contains("..")
        || reference.contains("@{")
        || reference.contains(is_bad_char);
    if is_bad {
        Err(SourceError::BadRef(reference.into()))
    } else {
        Ok(())
    }
}

/// Shortens a text to 80 characters. The last two are `..` when it was truncated.
fn shorten(subject: &str) -> String {
    match subject.chars().count() {
        0..=80 => subject.into(),
        _ => subject.chars().take(78).chain("..".chars()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refs_that_could_be_options_are_refused() {
        for bad in [
            "",
            "-h",
            "--upload-pack=x",
            "a b",
            "a..b",
            "a@{1}",
            "a~1",
            "x:y",
            "/a",
            "a.",
        ] {
            assert!(check_ref(bad).is_err(), "{bad}");
        }
        for good in ["main", "v1.2.3", "feature/x-y", "0123abc"] {
            assert!(check_ref(good).is_ok(), "{good}");
        }
    }

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

    #[test]
    fn long_subjects_are_truncated() {
        assert_eq!(shorten("short"), "short");
        assert_eq!(shorten(&"é".repeat(81)).chars().count(), 80);
    }
}
