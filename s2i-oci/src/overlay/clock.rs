//! Finds new files, in the units in which the file system counts time.

use std::time::{Duration, UNIX_EPOCH};

use rustix::fs::Timespec;

use super::Clamp;

/// A [`Clamp`] in the units of the file system.
pub(super) struct Clock {
    after: (i64, i64),
    mtime: i64,
}

impl Clock {
    pub(super) fn of(clamp: &Clamp) -> Self {
        let parts = |time: Duration| {
            let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
            (seconds, i64::from(time.subsec_nanos()))
        };
        let after = match clamp.after.duration_since(UNIX_EPOCH) {
            Ok(after) => parts(after),
            // So long ago that the fraction does not matter.
            Err(before) => (-parts(before.duration()).0, 0),
        };
        let mtime = i64::try_from(clamp.mtime).unwrap_or(i64::MAX);
        Self { after, mtime }
    }

    /// Returns the clamped time of a file with this modification time; `None` if the file is not new.
    pub(super) fn clamped(&self, mtime: Timespec) -> Option<Timespec> {
        let is_new = (mtime.tv_sec, mtime.tv_nsec) > self.after;
        is_new.then_some(Timespec {
            tv_sec: self.mtime,
            tv_nsec: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[track_caller]
    fn check(after: SystemTime, mtime: (i64, i64), is_new: bool) {
        let clock = Clock::of(&Clamp { after, mtime: 7 });
        let clamped = clock.clamped(Timespec {
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
    fn what_is_later_is_new() {
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
