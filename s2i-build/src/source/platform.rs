//! The checkout of a CI platform, as the variables of its jobs describe it.

use std::{os::unix::fs::MetadataExt as _, path::PathBuf};

use gix_object::date;
use s2i_core::{OpenDir, image::parse_timestamp};

use super::{directory::handle_path, location::public_url, repository::shorten};
use crate::facts::CommitFacts;

/// A job of a CI platform, and the commit that the platform has checked out for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// The name of the platform.
    pub name: &'static str,
    /// The directory of the checkout.
    pub workspace: PathBuf,
    /// The commit. What the platform does not have in variables is empty.
    pub commit: CommitFacts,
    /// The address of the repository, without credentials.
    pub repository: Option<String>,
}

/// The variables of one platform.
struct Variables<'a> {
    get: &'a dyn Fn(&str) -> Option<String>,
}

impl Variables<'_> {
    /// Returns the value of a variable that is not empty.
    fn get(&self, name: &str) -> Option<String> {
        (self.get)(name).filter(|value| !value.is_empty())
    }

    /// Returns the value of the first of these variables that has one, or nothing.
    fn first(&self, names: &[&str]) -> String {
        names
            .iter()
            .find_map(|name| self.get(name))
            .unwrap_or_default()
    }

    fn gitlab(&self) -> Option<Platform> {
        let time = self.get("CI_COMMIT_TIMESTAMP").unwrap_or_default();
        Some(Platform {
            name: "GitLab",
            workspace: self.get("CI_PROJECT_DIR")?.into(),
            commit: CommitFacts {
                id: self.get("CI_COMMIT_SHA")?,
                reference: self.first(&["CI_COMMIT_REF_NAME"]),
                author: self.first(&["CI_COMMIT_AUTHOR"]),
                date: date_of(&time),
                tag: self.get("CI_COMMIT_TAG"),
                subject: subject(&self.first(&["CI_COMMIT_MESSAGE", "CI_COMMIT_TITLE"])),
                time: seconds(&time),
            },
            repository: self.get("CI_PROJECT_URL"),
        })
    }

    fn github(&self) -> Option<Platform> {
        let is_tag = self.first(&["GITHUB_REF_TYPE"]) == "tag";
        let repository = self
            .get("GITHUB_SERVER_URL")
            .zip(self.get("GITHUB_REPOSITORY"));
        Some(Platform {
            name: "GitHub",
            workspace: self.get("GITHUB_WORKSPACE")?.into(),
            // `GITHUB_ACTOR` started the job, and need not be the author.
            commit: CommitFacts {
                id: self.get("GITHUB_SHA")?,
                reference: self.first(&["GITHUB_HEAD_REF", "GITHUB_REF_NAME"]),
                tag: self.get("GITHUB_REF_NAME").filter(|_| is_tag),
                ..CommitFacts::default()
            },
            repository: repository.map(|(server, name)| format!("{server}/{name}")),
        })
    }

    fn jenkins(&self) -> Option<Platform> {
        let branch = self.first(&["BRANCH_NAME", "GIT_BRANCH"]);
        Some(Platform {
            name: "Jenkins",
            workspace: self.get("WORKSPACE")?.into(),
            commit: CommitFacts {
                id: self.get("GIT_COMMIT")?,
                reference: branch.strip_prefix("origin/").unwrap_or(&branch).into(),
                tag: self.get("TAG_NAME"),
                ..CommitFacts::default()
            },
            repository: self.get("GIT_URL"),
        })
    }

    fn woodpecker(&self) -> Option<Platform> {
        let author = self.first(&["CI_COMMIT_AUTHOR"]);
        let email = self.get("CI_COMMIT_AUTHOR_EMAIL");
        Some(Platform {
            name: "Woodpecker",
            workspace: self.get("CI_WORKSPACE")?.into(),
            commit: CommitFacts {
                id: self.get("CI_COMMIT_SHA")?,
                reference: self.first(&["CI_COMMIT_BRANCH", "CI_COMMIT_TAG"]),
                author: email.map_or_else(|| author.clone(), |email| format!("{author} <{email}>")),
                tag: self.get("CI_COMMIT_TAG"),
                subject: subject(&self.first(&["CI_COMMIT_MESSAGE"])),
                ..CommitFacts::default()
            },
            repository: self.get("CI_REPO_URL"),
        })
    }
}

impl Platform {
    /// Reads the variables of GitLab, GitHub, Jenkins or Woodpecker. Returns `None` outside of a job, and where the
    /// platform does not name a checkout and a commit.
    #[must_use]
    pub fn from_variables(get: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let variables = Variables { get: &get };
        let is = |name, value: &str| variables.get(name).is_some_and(|found| found == value);
        let found = if is("GITLAB_CI", "true") {
            variables.gitlab()
        } else if is("GITHUB_ACTIONS", "true") {
            variables.github()
        } else if is("CI", "woodpecker") {
            variables.woodpecker()
        } else if variables.get("JENKINS_URL").is_some() {
            variables.jenkins()
        } else {
            None
        };
        let mut platform = found.filter(|platform| is_id(&platform.commit.id))?;
        platform.repository = platform.repository.and_then(|url| public_url(&url));
        Some(platform)
    }

    /// Returns the platform whose job this process belongs to.
    #[must_use]
    pub fn from_env() -> Option<Self> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// Returns whether a directory is the root of the checkout.
    pub(super) fn is_checkout(&self, dir: &OpenDir) -> bool {
        let [workspace, dir] = [self.workspace.as_path(), &handle_path(dir)].map(|path| {
            let found = path.metadata().ok()?;
            Some((found.dev(), found.ino()))
        });
        workspace.is_some() && workspace == dir
    }
}

/// Returns whether a text is the full ID of a commit.
fn is_id(text: &str) -> bool {
    [40, 64].contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn subject(message: &str) -> String {
    shorten(
        message
            .trim_start()
            .lines()
            .next()
            .unwrap_or_default()
            .trim_end(),
    )
}

/// Returns the seconds since 1970 of a time by RFC 3339.
fn seconds(time: &str) -> Option<u64> {
    parse_timestamp(time).and_then(|time| u64::try_from(time).ok())
}

/// Returns a time by RFC 3339 in Git's default format; nothing for another text.
fn date_of(time: &str) -> String {
    let time = date::parse(time, None).ok();
    let time = time.map(|time| time.format_or_unix(date::time::format::DEFAULT));
    time.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    fn platform(variables: &[(&str, &str)]) -> Option<Platform> {
        Platform::from_variables(|name| {
            let found = variables.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn gitlab_describes_the_whole_commit() {
        let variables = [
            ("GITLAB_CI", "true"),
            ("CI_PROJECT_DIR", "/builds/team/app"),
            ("CI_COMMIT_SHA", ID),
            ("CI_COMMIT_REF_NAME", "main"),
            ("CI_COMMIT_AUTHOR", "A <a@example.org>"),
            ("CI_COMMIT_MESSAGE", "A subject\n\nA body\n"),
            ("CI_COMMIT_TIMESTAMP", "2024-01-01T01:00:00+01:00"),
            ("CI_PROJECT_URL", "https://me:secret@example.org/team/app"),
        ];
        let found = platform(&variables).unwrap();
        assert_eq!(found.workspace, PathBuf::from("/builds/team/app"));
        assert_eq!(
            found.repository.as_deref(),
            Some("https://example.org/team/app")
        );
        let expected = CommitFacts {
            id: ID.into(),
            reference: "main".into(),
            author: "A <a@example.org>".into(),
            date: "Mon Jan 1 01:00:00 2024 +0100".into(),
            tag: None,
            subject: "A subject".into(),
            time: Some(1_704_067_200),
        };
        assert_eq!(found.commit, expected);
    }

    #[test]
    fn github_names_branch_or_tag() {
        let common = [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_WORKSPACE", "/github/workspace"),
            ("GITHUB_SHA", ID),
            ("GITHUB_SERVER_URL", "https://example.org"),
            ("GITHUB_REPOSITORY", "team/app"),
            ("GITHUB_REF_NAME", "v1"),
        ];
        let found = platform(&common).unwrap();
        assert_eq!(
            found.repository.as_deref(),
            Some("https://example.org/team/app")
        );
        assert_eq!(
            (found.commit.reference.as_str(), found.commit.tag),
            ("v1", None)
        );
        let of_tag = [&common[..], &[("GITHUB_REF_TYPE", "tag")]].concat();
        assert_eq!(platform(&of_tag).unwrap().commit.tag.as_deref(), Some("v1"));
        let of_pull_request = [&[("GITHUB_HEAD_REF", "side")], &common[..]].concat();
        assert_eq!(platform(&of_pull_request).unwrap().commit.reference, "side");
    }

    #[test]
    fn jenkins_and_woodpecker_name_their_branches() {
        let jenkins = [
            ("JENKINS_URL", "https://ci.example.org/"),
            ("WORKSPACE", "/work"),
            ("GIT_COMMIT", ID),
            ("GIT_BRANCH", "origin/main"),
        ];
        assert_eq!(platform(&jenkins).unwrap().commit.reference, "main");
        let woodpecker = [
            ("CI", "woodpecker"),
            ("CI_WORKSPACE", "/woodpecker/src"),
            ("CI_COMMIT_SHA", ID),
            ("CI_COMMIT_BRANCH", "main"),
            ("CI_COMMIT_AUTHOR", "a"),
            ("CI_COMMIT_AUTHOR_EMAIL", "a@example.org"),
        ];
        let found = platform(&woodpecker).unwrap();
        assert_eq!(found.commit.author, "a <a@example.org>");
        assert_eq!(found.repository, None);
    }

    #[test]
    fn incomplete_variables_are_no_platform() {
        let variables = |sha| {
            [
                ("GITLAB_CI", "true"),
                ("CI_PROJECT_DIR", "/builds/app"),
                ("CI_COMMIT_SHA", sha),
            ]
        };
        assert!(platform(&variables(ID)).is_some());
        assert_eq!(platform(&variables("main")), None);
        assert_eq!(platform(&variables(ID)[1..]), None);
        assert_eq!(platform(&variables(ID)[..2]), None);
    }
}
