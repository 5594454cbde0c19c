//! The numbers that a user may have, as `--allowed-uids` of the Go `s2i` writes it.

use std::{fmt, ops::RangeInclusive, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Ranges of user numbers, such as `1-` or `1000-1999,65534`. Without a range every number is allowed.
///
/// The text is a list with commas between its items: `n`, `n-m`, `n-` (from `n` on) or `-m` (up to `m`). White space
/// around an item, and items without text, are passed over.
///
/// ```
/// use s2i_core::UidRanges;
///
/// let ranges: UidRanges = "1-, ".parse().unwrap();
/// assert!(ranges.allow(1001) && !ranges.allow(0));
/// assert!(UidRanges::default().allow(0));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UidRanges(Vec<RangeInclusive<u32>>);

/// A part of a text that is no range of user numbers.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{item}` is not a range of user numbers: {reason}")]
pub struct UidRangeError {
    item: String,
    reason: &'static str,
}

impl UidRanges {
    /// Returns whether there is no range, so that every number is allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether a user with this number is allowed.
    #[must_use]
    pub fn allow(&self, uid: u32) -> bool {
        self.is_empty() || self.0.iter().any(|range| range.contains(&uid))
    }
}

impl FromStr for UidRanges {
    type Err = UidRangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let items = text.split(',').map(str::trim);
        let ranges = items.filter(|item| !item.is_empty()).map(range);
        ranges.collect::<Result<_, _>>().map(Self)
    }
}

fn range(item: &str) -> Result<RangeInclusive<u32>, UidRangeError> {
    let error = |reason| UidRangeError {
        item: item.into(),
        reason,
    };
    let number = |text: &str| {
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(error("write n, n-m, n- or -m with decimal numbers"));
        }
        text.parse()
            .map_err(|_| error("the highest number is 4294967295"))
    };
    match item.split_once('-') {
        None => number(item).map(|only| only..=only),
        Some(("", "")) => Err(error("it has neither a first nor a last number")),
        Some((first, "")) => Ok(number(first)?..=u32::MAX),
        Some(("", last)) => Ok(0..=number(last)?),
        Some((first, last)) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return Err(error("the last number is below the first"));
            }
            Ok(first..=last)
        }
    }
}

impl fmt::Display for UidRanges {
    /// The text that parses to the same ranges.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            match (*range.start(), *range.end()) {
                (first, last) if first == last => write!(f, "{first}")?,
                (first, u32::MAX) => write!(f, "{first}-")?,
                (first, last) => write!(f, "{first}-{last}")?,
            }
        }
        Ok(())
    }
}

impl TryFrom<String> for UidRanges {
    type Error = UidRangeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<UidRanges> for String {
    fn from(ranges: UidRanges) -> Self {
        ranges.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_what_they_allow() {
        for (text, shown, allowed, refused) in [
            ("", "", &[0, u32::MAX][..], &[][..]),
            (" , ,", "", &[0, 1001], &[]),
            ("0", "0", &[0], &[1, u32::MAX]),
            ("1-", "1-", &[1, 1001, u32::MAX], &[0]),
            ("-10", "0-10", &[0, 10], &[11]),
            ("5-5", "5", &[5], &[4, 6]),
            (
                "1000-1999, 65534,",
                "1000-1999,65534",
                &[1000, 1999, 65534],
                &[0, 999, 2000],
            ),
            ("007", "7", &[7], &[0]),
            ("0-4294967295", "0-", &[0, u32::MAX], &[]),
        ] {
            let ranges: UidRanges = text.parse().unwrap();
            assert_eq!(ranges.to_string(), shown, "{text}");
            assert_eq!(ranges.to_string().parse(), Ok(ranges.clone()), "{text}");
            for uid in allowed {
                assert!(ranges.allow(*uid), "{text}: {uid}");
            }
            for uid in refused {
                assert!(!ranges.allow(*uid), "{text}: {uid}");
            }
        }
    }

    #[test]
    fn texts_that_are_no_ranges_are_refused() {
        for text in [
            "-",
            "1-2-3",
            "--1",
            "2-1",
            "root",
            "1,root",
            "+1",
            "1 - 2",
            "0x1",
            "1;2",
            "4294967296",
        ] {
            assert!(text.parse::<UidRanges>().is_err(), "{text}");
        }
        let error = "1-,5-3".parse::<UidRanges>().unwrap_err();
        let expected = "`5-3` is not a range of user numbers: the last number is below the first";
        assert_eq!(error.to_string(), expected);
    }
}
