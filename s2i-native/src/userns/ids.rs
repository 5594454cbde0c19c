//! The ids of a user namespace, and the tables that they come from.

use rustix::process::{getegid, geteuid};
use serde::{Deserialize, Serialize};

use crate::{files::host_text, programs};

/// A range of user or group ids that belongs to a user, as `/etc/subuid` and `/etc/subgid` have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// The first id, outside of any namespace.
    pub first: u32,
    /// The number of ids.
    pub count: u32,
}

/// The way in which this process gets root's rights in a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Plan {
    /// It is root already, of the machine or of a namespace.
    Nothing,
    /// With ids for other users as well.
    Ranges {
        /// The ranges of user ids.
        uids: Vec<Range>,
        /// The ranges of group ids.
        gids: Vec<Range>,
    },
    /// With its own id alone. Images with another user than root can't be used.
    Single {
        /// The reason why there are no others.
        why: String,
    },
}

impl Plan {
    /// Determines the plan, without side effects.
    #[must_use]
    pub fn make() -> Self {
        if geteuid().is_root() {
            return Self::Nothing;
        }
        let [uids, gids] = ["/etc/subuid", "/etc/subgid"].map(ranges);
        let missing = [
            (uids.is_empty(), "no range for this user in `/etc/subuid`"),
            (gids.is_empty(), "no range for this user in `/etc/subgid`"),
            (
                programs::find("newuidmap").is_none(),
                "no program `newuidmap`",
            ),
            (
                programs::find("newgidmap").is_none(),
                "no program `newgidmap`",
            ),
        ];
        match missing.iter().find(|(is_missing, _)| *is_missing) {
            Some((_, why)) => Self::Single {
                why: (*why).to_owned(),
            },
            None => Self::Ranges { uids, gids },
        }
    }
}

/// Returns the ranges that a table gives to the user of this process.
pub(super) fn ranges(table: &str) -> Vec<Range> {
    let read = |path: &str| host_text(path).unwrap_or_default();
    let uid = geteuid().as_raw();
    ranges_in(&read(table), &read("/etc/passwd"), uid)
}

fn ranges_in(table: &str, passwd: &str, uid: u32) -> Vec<Range> {
    let uid = uid.to_string();
    let entries = passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>());
    let mine = entries.filter(|entry| entry.get(2) == Some(&uid.as_str()));
    let names: Vec<_> = mine.filter_map(|entry| entry.first().copied()).collect();
    let range = |line: &str| {
        let mut fields = line.split(':');
        let owner = fields.next()?;
        let is_mine = owner == uid || names.contains(&owner);
        let mut number = || fields.next()?.trim().parse().ok();
        let (first, count) = (number()?, number()?);
        (is_mine && count > 0).then_some(Range { first, count })
    };
    table.lines().filter_map(range).collect()
}

/// Returns the arguments of `newuidmap` and `newgidmap`: `own` outside is root inside, and the ranges follow from 1 on.
pub(super) fn mapping(own: u32, ranges: &[Range]) -> Vec<String> {
    let mut mapping = vec![[0, own, 1]];
    let mut next = 1;
    for range in ranges {
        mapping.push([next, range.first, range.count]);
        next += range.count;
    }
    mapping.concat().iter().map(u32::to_string).collect()
}

/// Returns the user and group id of this process.
pub(super) fn own() -> (u32, u32) {
    (geteuid().as_raw(), getegid().as_raw())
}

/// Returns whether this process is root of a user namespace that is not the machine's own.
#[must_use]
pub fn is_inside() -> bool {
    geteuid().is_root() && !is_outermost()
}

fn is_outermost() -> bool {
    let map = host_text("/proc/self/uid_map").unwrap_or_default();
    // A kernel without user namespaces has no such file.
    map.is_empty() || map.split_whitespace().eq(["0", "0", "4294967295"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_found_by_name_and_by_id() {
        let passwd = "root:x:0:0::/:\nme:x:1000:1000::/:\n";
        let table = "you:1:1\nme:100000:65536\n1000:300000:10\nme:5:0\nme:broken\nme2:7:7\n";
        let expected = [(100_000, 65536), (300_000, 10)];
        let expected = expected.map(|(first, count)| Range { first, count });
        assert_eq!(ranges_in(table, passwd, 1000), expected);
        assert_eq!(ranges_in(table, "", 1000), expected[1..]);
    }

    #[test]
    fn ranges_are_mapped_one_after_another() {
        let range = |first, count| Range { first, count };
        let mapping = mapping(1000, &[range(100_000, 65536), range(300_000, 10)]);
        assert_eq!(mapping.join(" "), "0 1000 1 1 100000 65536 65537 300000 10");
    }
}
