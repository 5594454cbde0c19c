//! Ranges of versions, as `engines` of package.json has them.

use std::{fmt, str::FromStr};

/// A version of Node.js or of a package manager. What comes before a release is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The major number.
    pub major: u64,
    /// The minor number.
    pub minor: u64,
    /// The patch number.
    pub patch: u64,
}

impl FromStr for Version {
    type Err = ();

    /// Reads `v24.19.0`; `24` is 24.0.0, and what follows a `-` or `+` does not count.
    fn from_str(text: &str) -> Result<Self, ()> {
        let partial = Partial::parse(text.trim())?;
        partial.major.ok_or(())?;
        Ok(partial.floor())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A set of versions: all those between the limits of one of its spans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range(Vec<Span>);

/// From a version on, and up to one that is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    from: Version,
    to: Option<Version>,
}

/// How a version stands to a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It is in it.
    Inside,
    /// All of the range is newer.
    TooOld,
    /// The range has something older, and not this.
    TooNew,
}

impl Range {
    /// Where a version stands.
    #[must_use]
    pub fn fit(&self, version: Version) -> Fit {
        let is_in = |span: &Span| span.from <= version && span.to.is_none_or(|to| version < to);
        if self.0.iter().any(is_in) {
            Fit::Inside
        } else if self.0.iter().any(|span| span.from <= version) {
            Fit::TooNew
        } else {
            Fit::TooOld
        }
    }
}

impl FromStr for Range {
    type Err = ();

    /// Reads a range; an error where it is none that is known.
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut spans = Vec::new();
        for alternative in text.split("||") {
            spans.extend(span(alternative.trim())?);
        }
        Ok(Self(spans))
    }
}

/// The span that all comparators of a list have in common; `None` when it is empty.
fn span(list: &str) -> Result<Option<Span>, ()> {
    let mut span = Span {
        from: Version::default(),
        to: None,
    };
    if let Some((from, to)) = list.split_once(" - ") {
        let (from, to) = (Partial::parse(from.trim())?, Partial::parse(to.trim())?);
        span.from = from.floor();
        span.to = to.ceiling();
    } else {
        // An operator may stand apart from its version.
        let mut list = list.to_owned();
        for operator in [">=", "<=", ">", "<", "=", "^", "~"] {
            while list.contains(&format!("{operator} ")) {
                list = list.replace(&format!("{operator} "), operator);
            }
        }
        for comparator in list.split([' ', ',']).filter(|word| !word.is_empty()) {
            let other = compare(comparator)?;
            span.from = span.from.max(other.from);
            span.to = match (span.to, other.to) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
    }
    let is_empty = span.to.is_some_and(|to| to <= span.from);
    Ok((!is_empty).then_some(span))
}

fn compare(comparator: &str) -> Result<Span, ()> {
    let end = comparator
        .find(|c: char| !"<>=^~".contains(c))
        .unwrap_or(comparator.len());
    let (operator, version) = comparator.split_at(end);
    let partial = Partial::parse(version)?;
    let start = Version::default();
    let floor = partial.floor();
    let above = partial.ceiling();
    let span = |from, to| Span { from, to };
    Ok(match operator {
        "" | "=" => span(floor, above),
        ">=" => span(floor, None),
        "<=" => span(start, above),
        // Nothing is below a version that may be any.
        "<" => span(start, Some(floor)),
        ">" => match above {
            Some(above) => span(above, None),
            None => span(floor, Some(floor)),
        },
        "^" => span(floor, partial.caret()),
        "~" | "~>" => span(floor, partial.tilde()),
        _ => return Err(()),
    })
}

/// A version of which the end may be missing or `x`.
#[derive(Clone, Copy, Debug, Default)]
struct Partial {
    major: Option<u64>,
    minor: Option<u64>,
    patch: Option<u64>,
}

impl Partial {
    fn parse(text: &str) -> Result<Self, ()> {
        let text = text.strip_prefix(['v', '=']).unwrap_or(text);
        let text = text.split(['-', '+']).next().unwrap_or_default();
        let mut numbers = [None; 3];
        let mut is_open = false;
        for (index, part) in text.split('.').enumerate() {
            let number = match part {
                "x" | "X" | "*" => None,
                "" if index == 0 && text.is_empty() => None,
                digits => Some(digits.parse().map_err(|_| ())?),
            };
            is_open |= number.is_none();
            let place = numbers.get_mut(index).ok_or(())?;
            *place = number.filter(|_| !is_open);
        }
        let [major, minor, patch] = numbers;
        Ok(Self {
            major,
            minor,
            patch,
        })
    }

    fn floor(self) -> Version {
        Version {
            major: self.major.unwrap_or_default(),
            minor: self.minor.unwrap_or_default(),
            patch: self.patch.unwrap_or_default(),
        }
    }

    /// The first version that is not meant.
    fn ceiling(self) -> Option<Version> {
        match (self.major, self.minor, self.patch) {
            (Some(major), Some(minor), Some(patch)) => Some(version(major, minor, patch + 1)),
            (Some(major), Some(minor), None) => Some(version(major, minor + 1, 0)),
            (Some(major), None, _) => Some(version(major + 1, 0, 0)),
            (None, ..) => None,
        }
    }

    /// The first version that changes the leftmost number that is not zero.
    fn caret(self) -> Option<Version> {
        match (self.major?, self.minor, self.patch) {
            (0, Some(0), Some(patch)) => Some(version(0, 0, patch + 1)),
            (0, Some(minor), _) => Some(version(0, minor + 1, 0)),
            (major, ..) => Some(version(major + 1, 0, 0)),
        }
    }

    fn tilde(self) -> Option<Version> {
        match (self.major?, self.minor) {
            (major, Some(minor)) => Some(version(major, minor + 1, 0)),
            (major, None) => Some(version(major + 1, 0, 0)),
        }
    }
}

fn version(major: u64, minor: u64, patch: u64) -> Version {
    Version {
        major,
        minor,
        patch,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_in_a_range_or_on_one_side_of_it() {
        for (range, version, expected) in [
            (">=18", "20.20.2", Fit::Inside),
            (">= 18.0.0 < 21", "20.20.2", Fit::Inside),
            ("20", "20.20.2", Fit::Inside),
            ("20.x", "20.20.2", Fit::Inside),
            ("^20.1", "20.20.2", Fit::Inside),
            ("~20.20", "20.20.2", Fit::Inside),
            ("18 || 20 || >=22", "20.20.2", Fit::Inside),
            ("18 - 20", "20.20.2", Fit::Inside),
            ("*", "20.20.2", Fit::Inside),
            ("", "20.20.2", Fit::Inside),
            ("v20.20.2", "20.20.2", Fit::Inside),
            ("<=20", "20.20.2", Fit::Inside),
            (">=22", "20.20.2", Fit::TooOld),
            (">20", "20.20.2", Fit::TooOld),
            ("^20.21", "20.20.2", Fit::TooOld),
            ("18 || 22", "20.20.2", Fit::TooNew),
            ("16.x", "20.20.2", Fit::TooNew),
            ("<20", "20.20.2", Fit::TooNew),
            ("~20.19.0", "20.20.2", Fit::TooNew),
        ] {
            let fit = range
                .parse::<Range>()
                .unwrap()
                .fit(version.parse().unwrap());
            assert_eq!(fit, expected, "{range}");
        }
        for range in ["latest", "lts/*", "1.2.3.4", "=>18", ">=18.a"] {
            assert_eq!(range.parse::<Range>(), Err(()), "{range}");
        }
    }
}
