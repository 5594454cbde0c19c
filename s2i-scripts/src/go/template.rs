//! The templates about the source in `GO_LDFLAGS`: `{{.Version}}`, `{{.Commit}}`, `{{.Date}}`.

use std::{fs, path::Path};

use crate::Host;

/// The origin of a source, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The branch or tag.
    pub version: Option<String>,
    /// The commit.
    pub commit: Option<String>,
    /// The time of what is made, in seconds since 1970.
    pub epoch: u64,
}

/// The text for an unknown value.
const UNKNOWN: &str = "unknown";

impl Origin {
    /// Asks the variables that builds on `OpenShift` have, and the repository if it came along.
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

    /// The text with what is known in the places of what stands for it.
    #[must_use]
    pub fn fill(&self, text: &str) -> String {
        let known = |value: &Option<String>| value.clone().unwrap_or_else(|| UNKNOWN.into());
        text.replace("{{.Version}}", &known(&self.version))
            .replace("{{.Commit}}", &known(&self.commit))
            .replace("{{.Date}}", &date(self.epoch))
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

/// A time as RFC 3339 has it.
fn date(epoch: u64) -> String {
    let (days, seconds) = (epoch / 86400, epoch % 86400);
    // Counted from the first of March of the year 0, so that leap days come last.
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (epoch, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (4_102_444_800, "2100-01-01T00:00:00Z"),
        ] {
            assert_eq!(date(epoch), expected);
        }
    }

    #[test]
    fn the_repository_or_the_platform_names_version_and_commit() {
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
