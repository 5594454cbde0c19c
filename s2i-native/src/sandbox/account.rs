//! Who an image's command runs as, from the user tables of the image.

use std::{fs::OpenOptions, io::Read as _, os::unix::fs::OpenOptionsExt as _};

use rustix::fs::OFlags;

use super::fault::Fault;

/// More than any table has, and less than would hurt.
const MOST_BYTES: u64 = 1 << 20;

/// A user with its groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) groups: Vec<u32>,
    /// The home directory; `/` for users that nobody has heard of.
    pub(super) home: String,
}

impl Account {
    /// Finds who `user[:group]` is in the root of this process: names or numbers, empty for root.
    pub(super) fn find(user: &str) -> Result<Self, Fault> {
        Self::find_in(user, &read("/etc/passwd"), &read("/etc/group"))
    }

    fn find_in(user: &str, passwd: &str, group: &str) -> Result<Self, Fault> {
        let (user, wanted_group) = user.split_once(':').unwrap_or((user, ""));
        let user = if user.is_empty() { "0" } else { user };
        let entry = entries(passwd)
            .find(|entry| entry.first() == Some(&user) || entry.get(2) == Some(&user))
            .unwrap_or_default();
        let number = |index: usize| entry.get(index).and_then(|text| text.parse().ok());
        let uid = number(2).or_else(|| user.parse().ok());
        let (gid, groups) = if wanted_group.is_empty() {
            (
                Some(number(3).unwrap_or(0)),
                groups_of(entry.first(), group),
            )
        } else {
            (find_group(wanted_group, group), Vec::new())
        };
        // To the kernel, this number means "as it is", and as it is would be root.
        let known = |id: Option<u32>| id.filter(|id| *id != u32::MAX);
        let home = entry.get(5).filter(|home| home.starts_with('/'));
        Ok(Self {
            uid: known(uid).ok_or_else(|| no_such("user", user))?,
            gid: known(gid).ok_or_else(|| no_such("group", wanted_group))?,
            groups,
            home: home.map_or("/", |home| home).into(),
        })
    }
}

/// What an image has in such a place may be anything; opening a pipe would wait for its other end.
fn read(path: &str) -> String {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let mut bytes = Vec::new();
    if let Ok(file) = file {
        let _ = file.take(MOST_BYTES).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn entries(table: &str) -> impl Iterator<Item = Vec<&str>> {
    table.lines().map(|line| line.split(':').collect())
}

fn find_group(wanted: &str, group: &str) -> Option<u32> {
    let entry = entries(group).find(|entry| entry.first() == Some(&wanted));
    let named = entry.and_then(|entry| entry.get(2)?.parse().ok());
    named.or_else(|| wanted.parse().ok())
}

fn groups_of(name: Option<&&str>, group: &str) -> Vec<u32> {
    let Some(name) = name else { return Vec::new() };
    entries(group)
        .filter(|entry| {
            entry
                .get(3)
                .is_some_and(|members| members.split(',').any(|m| m == *name))
        })
        .filter_map(|entry| entry.get(2)?.parse().ok())
        .collect()
}

fn no_such(what: &str, name: &str) -> Fault {
    Fault::new(format!("the image has no {what} `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/sh\ndefault:x:1001:0::/opt/app-root/src:/sbin/nologin\n";
    const GROUP: &str = "root:x:0:\nbuild:x:7:default,other\nwheel:x:10:root\n";

    #[track_caller]
    fn check(user: &str, expected: &str) {
        let shown = match Account::find_in(user, PASSWD, GROUP) {
            Ok(a) => format!("{}:{} {:?} {}", a.uid, a.gid, a.groups, a.home),
            Err(fault) => format!("{fault:?}"),
        };
        assert!(shown.contains(expected), "{user}: {shown}");
    }

    #[test]
    fn names_numbers_and_strangers() {
        check("", "0:0 [10] /root");
        check("root", "0:0 [10] /root");
        check("default", "1001:0 [7] /opt/app-root/src");
        check("1001", "1001:0 [7] /opt/app-root/src");
        check("1001:", "1001:0 [7] /opt/app-root/src");
        check("1001:build", "1001:7 [] /opt/app-root/src");
        check("1000620000", "1000620000:0 [] /");
        check("1000620000:0", "1000620000:0 [] /");
        check("nobody", "the image has no user `nobody`");
        check("4294967295", "the image has no user `4294967295`");
        check("1:4294967295", "the image has no group `4294967295`");
        check("1001:staff", "the image has no group `staff`");
    }
}
