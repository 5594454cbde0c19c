//! Fetches one commit with the `git` command, so that its configured credentials, SSH agents and proxies work, but no
//! setting of a repository can run a program.

mod process;

use std::{
    io::{self, BufRead as _, BufReader, ErrorKind, Read},
    path::Path,
    process::Command,
};

pub(super) use process::is_installed;
use s2i_core::{OpenDir, bounds};

use super::{SourceError, directory::handle_path, reference::Reference, repository::Repository};
use crate::{cancel::CancelToken, facts::CommitFacts};

/// The mode of a submodule in a tree.
const SUBMODULE_MODE: &str = "160000";

/// The file that has the addresses of submodules.
const MODULES_FILE: &str = ".gitmodules";

/// The file that has the filters of files.
const ATTRIBUTES_FILE: &str = ".gitattributes";

/// The maximal length of a list of files, in bytes.
const LISTING: u64 = 64 << 20;

/// All branches and tags of a remote.
const EVERYTHING: [&str; 2] = [
    "+refs/heads/*:refs/remotes/origin/*",
    "+refs/tags/*:refs/tags/*",
];

/// The name of the fetched commit in the checkout.
const FETCHED: &str = "refs/s2i/fetched";

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

/// A submodule as a tree records it.
pub(super) struct ModuleLink {
    pub(super) commit: String,
    pub(super) path: String,
}

/// The entries of a tree that need more than a checkout.
#[derive(Default)]
pub(super) struct SpecialEntries {
    pub(super) modules: Vec<ModuleLink>,
    pub(super) has_modules_file: bool,
    /// True if `.gitmodules` is a link.
    pub(super) has_bad_modules_file: bool,
    /// True if files may have filters.
    pub(super) has_attributes: bool,
}

/// One repository and its checkout.
#[derive(Clone, Copy)]
pub(super) struct Git<'a> {
    /// Returns the command that starts Git.
    pub(super) program: fn() -> Command,
    /// The repository that it fetches from.
    pub(super) remote: &'a Remote<'a>,
    /// The location for messages, without credentials.
    pub(super) location: &'a str,
    /// The directory of the checkout, which is empty.
    pub(super) checkout: &'a Path,
    /// True if another repository named this one, so that Git's rules for submodules apply.
    pub(super) is_submodule: bool,
    /// The address without credentials that the checkout keeps as its remote, if it is a clone with history and tags.
    pub(super) clone_url: Option<&'a str>,
    pub(super) cancel: &'a CancelToken,
}

/// Fetches `reference`, or the remote's `HEAD`, and checks it out. The owner of a local repository is checked before
/// and afterwards.
pub(super) fn fetch(git: &Git<'_>, reference: Option<&str>) -> Result<CommitFacts, SourceError> {
    let wanted = Reference::parse(reference.unwrap_or("HEAD"))?;
    git.check_owner()?;
    git.run("init", &["--quiet", "--template=", "."])?;
    let is_whole = git.clone_url.is_some() || !wanted.ancestor.is_empty();
    let shallow = if is_whole {
        None
    } else {
        Some(git.fetch_one(&wanted))
    };
    let commit = match shallow {
        None => match git.fetch_everything(&wanted) {
            // A commit that no branch and no tag has.
            Err(_) if wanted.ancestor.is_empty() && git.fetch_one(&wanted).is_ok() => {
                "FETCH_HEAD".to_owned()
            }
            commit => commit?,
        },
        Some(Ok(())) => "FETCH_HEAD".to_owned(),
        Some(Err(_)) if git.may_need_everything(&wanted) => git.fetch_everything(&wanted)?,
        Some(Err(err)) => return Err(err),
    };
    git.check_out(&wanted, &commit)?;
    let facts = git.facts(reference)?;
    // The process that served the repository did not check it, and it may have been replaced.
    git.check_owner()?;
    Ok(facts)
}

impl Git<'_> {
    /// Returns whether all refs may have to be fetched. Servers of plain files do not support shallow fetches, and
    /// not all servers allow a fetch by commit ID.
    fn may_need_everything(&self, wanted: &Reference<'_>) -> bool {
        let id = wanted.base;
        let is_id = (4..=64).contains(&id.len()) && id.chars().all(|c| c.is_ascii_hexdigit());
        self.cancel.reason().is_none() && (self.remote.url().starts_with("http") || is_id)
    }

    /// Fetches one commit without its history. The tags of a source are fetched with it, as Git does for a commit that
    /// gets a name in the checkout.
    fn fetch_one(&self, wanted: &Reference<'_>) -> Result<(), SourceError> {
        let mut first = None;
        for name in wanted.names() {
            let named = format!("+{name}:{FETCHED}");
            let mut args = vec!["--quiet", "--depth=1"];
            if self.is_submodule || self.clone_url.is_some() {
                args.extend(["--no-tags", "--end-of-options", self.remote.url(), name]);
            } else {
                args.extend(["--end-of-options", self.remote.url(), &named]);
            }
            match self.ask("fetch", &args) {
                Ok(_) => return Ok(()),
                Err(err) => first = first.or(Some(err)),
            }
        }
        first.map_or(Ok(()), Err)
    }

    /// Fetches all branches and tags with their history, and returns the revision to check out.
    fn fetch_everything(&self, wanted: &Reference<'_>) -> Result<String, SourceError> {
        let Reference { base, ancestor } = wanted;
        let mut args = vec!["--quiet", "--end-of-options", self.remote.url()];
        args.extend(EVERYTHING);
        if *base == "HEAD" {
            args.push("+HEAD:refs/remotes/origin/HEAD");
        }
        self.ask("fetch", &args)?;
        let names = wanted.names().flat_map(|name| {
            [
                format!("refs/remotes/origin/{name}"),
                format!("refs/tags/{name}"),
            ]
        });
        let known = names
            .chain([(*base).to_owned()])
            .find_map(|name| self.commit_of(&format!("{name}{ancestor}")));
        self.cancel.check().map_err(SourceError::Interrupted)?;
        known.ok_or_else(|| {
            let text = format!("there is no `{base}{ancestor}`");
            self.error("rev-parse", &text)
        })
    }

    /// Returns the ID of the commit of a revision that the checkout has.
    fn commit_of(&self, revision: &str) -> Option<String> {
        let commit = format!("{revision}^{{commit}}");
        let args = ["--verify", "--quiet", "--end-of-options", &commit];
        let output = self.run("rev-parse", &args).ok()?;
        output.lines().last().map(str::to_owned)
    }

    /// Checks a commit out: on a branch in a clone, otherwise without one.
    fn check_out(&self, wanted: &Reference<'_>, commit: &str) -> Result<(), SourceError> {
        let branch = match self.clone_url {
            Some(url) => {
                self.run("config", &["remote.origin.url", url])?;
                self.run("config", &["remote.origin.fetch", EVERYTHING[0]])?;
                self.branch_of(wanted)
            }
            None => None,
        };
        match branch {
            Some(branch) => self.run("checkout", &["--quiet", "-B", &branch, commit])?,
            None => self.run("checkout", &["--quiet", "--detach", commit])?,
        };
        Ok(())
    }

    /// Returns the branch of the remote that a reference names.
    fn branch_of(&self, wanted: &Reference<'_>) -> Option<String> {
        if !wanted.ancestor.is_empty() {
            return None;
        }
        let branch = match wanted.base {
            "HEAD" => self.remote_branch(),
            _ => wanted.names().last()?.to_owned(),
        };
        // The remote chose the name of its branch.
        Reference::parse(&branch).ok()?;
        self.commit_of(&format!("refs/remotes/origin/{branch}"))?;
        Some(branch).filter(|branch| branch != "HEAD")
    }

    fn facts(&self, reference: Option<&str>) -> Result<CommitFacts, SourceError> {
        let default = reference.is_none().then(|| self.remote_branch());
        let reference = reference.or(default.as_deref());
        Repository::open(&self.checkout.join(".git"))?.commit(reference)
    }

    /// Returns the submodules of the checked out tree, and the files that it has about others.
    pub(super) fn special_entries(&self) -> Result<SpecialEntries, SourceError> {
        let mut command = self.command(&["ls-files"]);
        command.args(["--stage", "-z"]).current_dir(self.checkout);
        let text = self.finish_with("ls-files", command, only_special)?;
        let mut found = SpecialEntries::default();
        for record in text.split_terminator('\0') {
            let Some((entry, path)) = record.split_once('\t') else {
                continue;
            };
            let mut fields = entry.split(' ').map(str::to_owned);
            let (mode, commit) = (fields.next(), fields.next());
            if mode.as_deref() == Some(SUBMODULE_MODE) {
                found.modules.push(ModuleLink {
                    commit: commit.unwrap_or_default(),
                    path: path.into(),
                });
            } else if path == MODULES_FILE {
                found.has_modules_file = true;
                found.has_bad_modules_file = !entry.starts_with("100");
            } else {
                found.has_attributes = true;
            }
        }
        Ok(found)
    }

    /// Returns the keys and values of `.gitmodules`.
    pub(super) fn modules_file(&self) -> Result<String, SourceError> {
        self.settings_in(MODULES_FILE)
    }

    /// Returns the paths of the checked out files with a filter, each with a NUL byte at its end.
    pub(super) fn files_with_filter(&self, filter: &str) -> Result<String, SourceError> {
        let mut command = self.command(&["ls-files", "-z"]);
        command.arg(format!(":(attr:filter={filter})"));
        command.current_dir(self.checkout);
        self.finish_with("ls-files", command, |stream| bounds::read(stream, LISTING))
    }

    /// Returns the keys and values of a file in the commit that has the format of Git's configuration, as
    /// `git config --null --list` has them.
    pub(super) fn settings_in(&self, file: &str) -> Result<String, SourceError> {
        let blob = format!("--blob=HEAD:{file}");
        self.run("config", &["--no-includes", "--null", "--list", &blob])
    }

    /// Returns the URL of the remote `origin` in the configuration of a local repository.
    pub(super) fn origin_of(&self, repository: &OpenDir) -> Option<String> {
        self.setting_of(repository, "remote.origin.url")
    }

    /// Returns the value of a key in the configuration of a local repository.
    pub(super) fn setting_of(&self, repository: &OpenDir, key: &str) -> Option<String> {
        let bare = "safe.bareRepository=all";
        let mut command = self.command(&["-c", bare, "config", "--local", "--get", key]);
        command.current_dir(handle_path(repository));
        let value = self.finish("config", command).ok()?;
        Some(value.trim_end_matches('\n').to_owned()).filter(|value| !value.is_empty())
    }

    /// Returns the branch of the remote's `HEAD`, or `HEAD`.
    fn remote_branch(&self) -> String {
        let listed = self.ask(
            "ls-remote",
            &["--symref", "--end-of-options", self.remote.url(), "HEAD"],
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
}

/// Returns the records of `git ls-files --stage -z` for [`SpecialEntries`].
fn only_special(stream: impl Read) -> io::Result<Vec<u8>> {
    let mut records = BufReader::new(stream);
    let (mut kept, mut record) = (Vec::new(), Vec::new());
    let files = [
        format!("\t{MODULES_FILE}\0"),
        format!("\t{ATTRIBUTES_FILE}\0"),
        format!("/{ATTRIBUTES_FILE}\0"),
    ];
    let is_file = |record: &[u8]| files.iter().any(|file| record.ends_with(file.as_bytes()));
    loop {
        record.clear();
        let mut part = records.by_ref().take(bounds::ANSWER);
        if part.read_until(0, &mut record)? == 0 {
            return Ok(kept);
        }
        if record.starts_with(SUBMODULE_MODE.as_bytes()) || is_file(&record) {
            kept.extend_from_slice(&record);
        }
        if kept.len() as u64 > bounds::ANSWER {
            let text = "there are too many submodules and files of attributes";
            return Err(io::Error::new(ErrorKind::FileTooLarge, text));
        }
    }
}
