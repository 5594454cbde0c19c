//! The comparison of a version with a range, as `engines` of package.json has them.

pub use js_semver::{Range, Version};

/// The position of a version relative to a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// The version is in the range.
    Inside,
    /// All of the range is newer than the version.
    TooOld,
    /// The range has an older version, and not this one.
    TooNew,
}

/// Compares a version with a range. A pre-release counts as the release that it precedes, for a nightly
/// build of Node.js 24 has what `>=24` asks for.
#[must_use]
pub fn fit(range: &Range, version: &Version) -> Fit {
    let release = Version::new(version.major, version.minor, version.patch);
    if range.satisfies(&release) {
        Fit::Inside
    } else if lowest(range).is_some_and(|lowest| lowest < release) {
        Fit::TooNew
    } else {
        Fit::TooOld
    }
}

/// Returns the lowest version in a range; `None` when the range is empty.
fn lowest(range: &Range) -> Option<Version> {
    // It is 0.0.0, or one that a comparator names, or the release after that one. The text
    // of a range has nothing but comparators.
    let text = range.to_string();
    let named = text.split([' ', '|']).filter_map(|comparator| {
        Version::parse(comparator.trim_start_matches(['<', '>', '='])).ok()
    });
    let candidates = named.flat_map(|version| {
        let (major, minor, patch) = (version.major, version.minor, version.patch);
        let releases = [patch, patch + 1].map(|patch| Version::new(major, minor, patch));
        releases.into_iter().chain([version])
    });
    candidates
        .chain([Version::new(0, 0, 0)])
        .filter(|version| range.satisfies(version))
        .min()
}

/// Returns the major number of a version of which the end may be missing, such as `10` or `10.2`; `None`
/// when the text is not a version.
pub(super) fn major(version: &str) -> Option<u64> {
    version.parse::<Range>().ok()?;
    let version = version.trim_start_matches('v');
    version.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_inside_a_range_or_on_one_side_of_it() {
        for (range, version, expected) in [
            (">= 18.0.0 < 21", "20.20.2", Fit::Inside),
            ("18 || 20 || >=22", "20.20.2", Fit::Inside),
            ("18 - 20", "20.20.2", Fit::Inside),
            ("", "20.20.2", Fit::Inside),
            (">=22", "20.20.2", Fit::TooOld),
            (">20", "20.20.2", Fit::TooOld),
            ("^20.21", "20.20.2", Fit::TooOld),
            (">22 <20", "20.20.2", Fit::TooOld),
            ("18 || 22", "20.20.2", Fit::TooNew),
            ("16.x", "20.20.2", Fit::TooNew),
            ("<20", "20.20.2", Fit::TooNew),
            (">20.20.2-rc.1 <20.20.2", "20.20.2", Fit::TooOld),
            ("20.20.2-rc.1", "20.20.2", Fit::TooNew),
            (">=24", "24.0.0-nightly2026", Fit::Inside),
            ("<24", "24.0.0-nightly2026", Fit::TooNew),
            (">=24.1", "24.0.0-nightly2026", Fit::TooOld),
        ] {
            let fit = fit(&range.parse().unwrap(), &version.parse().unwrap());
            assert_eq!(fit, expected, "{range}");
        }
        for range in ["latest", "lts/*", "1.2.3.4", "=>18", ">=18.a", ">=18, <21"] {
            assert!(range.parse::<Range>().is_err(), "{range}");
        }
    }

    #[test]
    fn major_number_of_a_partial_version_is_known() {
        for (version, expected) in [
            ("10", Some(10)),
            ("v4.5", Some(4)),
            ("10.2.0-rc.1", Some(10)),
            ("9.x", Some(9)),
            ("latest", None),
            (">=9", None),
            ("https://example.org/x.tgz", None),
            ("", None),
        ] {
            assert_eq!(major(version), expected, "{version}");
        }
    }
}
