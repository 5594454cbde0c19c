//! The modification times of files that a build uploads or makes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// The rule for modification times, in seconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Times {
    /// The time of everything that a program makes, and of uploaded directories and links.
    pub new: u64,
    /// The latest time that any other file may have; one that is later gets this time. Without it, files keep their own
    /// times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<u64>,
}

impl Times {
    /// Returns the time that a file gets in place of its own time; `None` if it keeps that. A file is new if its time
    /// is later than the start of the work that is `started`.
    #[must_use]
    pub fn replacement(&self, own: SystemTime, started: Option<SystemTime>) -> Option<u64> {
        if started.is_some_and(|started| own > started) {
            return Some(self.new);
        }
        let is_late = |latest: &u64| {
            let latest = UNIX_EPOCH.checked_add(Duration::from_secs(*latest));
            latest.is_some_and(|latest| own > latest)
        };
        self.latest.filter(is_late)
    }

    /// Returns the time of a file with this rule in whole seconds, at least 0.
    #[must_use]
    pub fn of(&self, own: SystemTime, started: Option<SystemTime>) -> u64 {
        let replacement = self.replacement(own, started);
        replacement.unwrap_or_else(|| seconds(own))
    }
}

/// Returns the whole seconds of a time since 1970; 0 for an earlier time.
#[must_use]
pub fn seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn new_files_get_the_new_time_and_others_at_most_the_latest() {
        let started = Some(at(100));
        let clamped = Times {
            new: 40,
            latest: Some(50),
        };
        let free = Times {
            latest: None,
            ..clamped
        };
        let half = at(50) + Duration::from_millis(500);
        for (times, own, replacement, time) in [
            (clamped, at(101), Some(40), 40),
            (clamped, at(100), Some(50), 50),
            (clamped, half, Some(50), 50),
            (clamped, at(50), None, 50),
            (clamped, at(7), None, 7),
            (free, at(101), Some(40), 40),
            (free, half, None, 50),
            (free, UNIX_EPOCH - Duration::from_secs(1), None, 0),
        ] {
            assert_eq!(times.replacement(own, started), replacement, "{own:?}");
            assert_eq!(times.of(own, started), time, "{own:?}");
        }
        assert_eq!(free.of(at(101), None), 101);
        assert_eq!(clamped.of(at(101), None), 50);
    }
}
