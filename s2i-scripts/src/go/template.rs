//! The templates about the source in `GO_LDFLAGS`: `{{.Version}}`, `{{.Commit}}`, `{{.Date}}`.

use std::{fs, path::Path};

use s2i_core::image::format_timestamp;

use crate::Host;

/// The origin of a source, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The branch or tag.
    pub(crate) version: Option<String>,
    pub(crate) commit: Option<String>,
    /// The time of the files that are made, in seconds since 1970.
    pub(crate) epoch: u64,
}

/// The text for an unknown value.
const UNKNOWN: &str = "unknown";

impl Origin {
    /// Reads the variables that builds on `OpenShift` have, and the repository if it is in the source.
    pub(super) fn find(source: &Path, epoch: u64, host: &Host<'_>) -> Self {
        let value = |name| host.value(name).filter(|value| !value.is_empty());
        let head = fs::read_to_string(source.join(".git/HEAD")).unwrap_or_default();
        let branch = head.trim().strip_prefix("ref: ");
        let commit = match branch {
            Some(name) => commit_of(source, name),
            None => Some(head.trim().to_owned()).filter(|head| !head.is_empty()),
        };
        let branch = branch.and_then(|name| name.strip_prefix("refs/heads/"));
        Self {
            version: value("OPENSHIFT_BUILD_REFERENCE").or_else(|| branch.map(str::to_owned)),
            commit: value("OPENSHIFT_BUILD_COMMIT").or(commit),
            epoch,
        }
    }

    /// Returns a text with the values in place of their templates.
    pub(crate) fn fill(&self, text: &str) -> String {
        text.replace("{{.Version}}", self.version.as_deref().unwrap_or(UNKNOWN))
            .replace("{{.Commit}}", self.commit.as_deref().unwrap_or(UNKNOWN))
            .replace("{{.Date}}", &format_timestamp(self.epoch))
    }
}

fn commit_of(source: &Path, name: &str) -> Option<String> {
    if name.contains("..") || name.starts_with('/') {
        return None;
    }
    let git = source.join(".git");
    let loose = fs::read_to_string(git.join(name)).ok();
    let packed = || {
        let list = fs::read_to_string(git.join("packed-refs")).ok()?;
        list.lines().find_map(|line| {
            let (commit, known) = line.split_once(' ')?;
            (known == name).then(|| commit.to_owned())
        })
    };
    loose.map(|commit| commit.trim().to_owned()).or_else(packed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repository_or_platform_provides_version_and_commit() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = root.path().join(".git").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let host = Host::new(["assemble"], [("A", "b")], &mut out, &mut err);
        let fill = |host: &Host<'_>| {
            Origin::find(root.path(), 0, host).fill("-X v={{.Version}} -X c={{.Commit}} {{.Date}}")
        };
        assert_eq!(
            fill(&host),
            "-X v=unknown -X c=unknown 1970-01-01T00:00:00Z"
        );
        write("HEAD", "ref: refs/heads/main\n");
        write("packed-refs", "# pack\nabc refs/heads/main\n");
        assert_eq!(fill(&host), "-X v=main -X c=abc 1970-01-01T00:00:00Z");
        write("refs/heads/main", "def\n");
        assert_eq!(fill(&host), "-X v=main -X c=def 1970-01-01T00:00:00Z");
        write("HEAD", "123\n");
        let platform = [("OPENSHIFT_BUILD_REFERENCE", "v1.2")];
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let host = Host::new(["assemble"], platform, &mut out, &mut err);
        assert_eq!(fill(&host), "-X v=v1.2 -X c=123 1970-01-01T00:00:00Z");
    }
}
