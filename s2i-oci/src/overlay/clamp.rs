//! Modification times of new files, and the latest one of others.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::Timespec;
use s2i_core::Times;

/// The modification times of the files of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clamp {
    /// The latest modification time of a file that is not new. File systems take the time from a clock that may lag
    /// some milliseconds: use the modification time of a file that was written at the start, not [`SystemTime::now`].
    pub after: SystemTime,
    /// The time of new files, and the latest one of others.
    pub times: Times,
}

impl Clamp {
    /// Returns the time that a file gets in place of this modification time; `None` if it keeps that.
    pub(super) fn clamped(&self, mtime: Timespec) -> Option<Timespec> {
        let time = self
            .times
            .replacement(system_time(mtime)?, Some(self.after))?;
        Some(Timespec {
            tv_sec: i64::try_from(time).unwrap_or(i64::MAX),
            tv_nsec: 0,
        })
    }
}

fn system_time(time: Timespec) -> Option<SystemTime> {
    let seconds = Duration::from_secs(time.tv_sec.unsigned_abs());
    let start = match time.tv_sec {
        0.. => UNIX_EPOCH.checked_add(seconds),
        _ => UNIX_EPOCH.checked_sub(seconds),
    };
    let fraction = u64::try_from(time.tv_nsec).ok()?;
    start?.checked_add(Duration::from_nanos(fraction))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(after: SystemTime, mtime: (i64, i64), is_new: bool) {
        let times = Times {
            new: 7,
            latest: None,
        };
        let clamped = Clamp { after, times }.clamped(Timespec {
            tv_sec: mtime.0,
            tv_nsec: mtime.1,
        });
        let expected = Timespec {
            tv_sec: 7,
            tv_nsec: 0,
        };
        assert_eq!(clamped, is_new.then_some(expected));
    }

    #[test]
    fn mtime_after_start_counts_as_new() {
        let after = UNIX_EPOCH + Duration::new(10, 5);
        check(after, (10, 5), false);
        check(after, (10, 6), true);
        check(after, (11, 0), true);
        check(after, (9, 999_999_999), false);
        check(after, (-1, 0), false);
        let before = UNIX_EPOCH - Duration::from_secs(10);
        check(before, (-10, 0), false);
        check(before, (-9, 0), true);
        check(before, (0, 0), true);
    }
}
