//! Who does something: users and groups of the container, and acting as one of them.

use std::io;

use rustix::{
    io::Errno,
    process::{Gid, Uid, geteuid},
    thread::{set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid},
};
use s2i_core::wire::{Failure, FailureKind};

/// A user of the container with its groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    groups: Vec<u32>,
    /// The home directory; `/` for users that nobody has heard of.
    pub(crate) home: String,
}

impl Account {
    /// Finds who `user[:group]` is, as image configs write it: names or numbers, empty for root.
    pub(crate) fn find(user: &str) -> Result<Self, Failure> {
        let read =
            |path| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
        Self::find_in(user, &read("/etc/passwd"), &read("/etc/group"))
    }

    fn find_in(user: &str, passwd: &str, group: &str) -> Result<Self, Failure> {
        let (user, wanted_group) = match user.split_once(':') {
            Some((user, group)) => (user, Some(group).filter(|group| !group.is_empty())),
            None => (user, None),
        };
        let user = if user.is_empty() { "0" } else { user };
        let entry = passwd
            .lines()
            .map(fields)
            .find(|entry| entry.first() == Some(&user) || entry.get(2) == Some(&user));
        let number =
            |entry: &[&str], index: usize| entry.get(index).and_then(|text| text.parse().ok());
        let uid = entry
            .as_deref()
            .and_then(|entry| number(entry, 2))
            .or_else(|| user.parse().ok());
        let uid = uid.ok_or_else(|| no_such("user", user))?;
        let name = entry.as_ref().and_then(|entry| entry.first().copied());
        let (gid, groups) = if let Some(wanted) = wanted_group {
            (find_group(wanted, group)?, Vec::new())
        } else {
            let own = entry.as_deref().and_then(|entry| number(entry, 3));
            let groups = name.map(|name| groups_of(name, group));
            (own.unwrap_or(0), groups.unwrap_or_default())
        };
        // To the kernel, this number means "as it is", and as it is would be root.
        if uid == u32::MAX || gid == u32::MAX {
            return Err(no_such("user", user));
        }
        let home = entry
            .as_ref()
            .and_then(|entry| entry.get(5).copied())
            .filter(|home| home.starts_with('/'));
        Ok(Self {
            uid,
            gid,
            groups,
            home: home.unwrap_or("/").into(),
        })
    }

    /// Does `work` on a thread that has this account's rights and can't get others.
    ///
    /// On Linux every thread has credentials of its own, and what it spawns inherits them.
    pub(crate) fn act<T: Send>(&self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| self.become_it().map(|()| work()));
            thread
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("a thread of the agent panicked")))
        })
    }

    fn become_it(&self) -> io::Result<()> {
        set_no_new_privs(true)?;
        if !geteuid().is_root() {
            // Already nobody special: what is asked for must be what there is.
            let same = geteuid().as_raw() == self.uid;
            return if same {
                Ok(())
            } else {
                Err(io::ErrorKind::PermissionDenied.into())
            };
        }
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        let groups: Vec<Gid> = self.groups.iter().copied().map(Gid::from_raw).collect();
        match set_thread_groups(&groups) {
            // Where this namespace has one user alone, nobody's groups can be changed.
            Err(Errno::PERM) if are_groups_fixed() => {}
            done => done?,
        }
        set_thread_res_gid(gid, gid, gid)?;
        set_thread_res_uid(uid, uid, uid)?;
        Ok(())
    }
}

fn are_groups_fixed() -> bool {
    std::fs::read_to_string("/proc/self/setgroups").is_ok_and(|text| text.trim() == "deny")
}

fn fields(line: &str) -> Vec<&str> {
    line.split(':').collect()
}

fn find_group(wanted: &str, group: &str) -> Result<u32, Failure> {
    let entry = group
        .lines()
        .map(fields)
        .find(|entry| entry.first() == Some(&wanted));
    let named = entry.and_then(|entry| entry.get(2)?.parse().ok());
    named
        .or_else(|| wanted.parse().ok())
        .ok_or_else(|| no_such("group", wanted))
}

fn groups_of(name: &str, group: &str) -> Vec<u32> {
    let is_member = |entry: &Vec<&str>| {
        entry
            .get(3)
            .is_some_and(|members| members.split(',').any(|m| m == name))
    };
    group
        .lines()
        .map(fields)
        .filter(is_member)
        .filter_map(|entry| entry.get(2)?.parse().ok())
        .collect()
}

fn no_such(what: &str, name: &str) -> Failure {
    Failure {
        kind: FailureKind::NoSuchUser,
        message: format!("the image has no {what} `{name}`"),
    }
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
            Err(failure) => failure.message,
        };
        assert_eq!(shown, expected, "{user}");
    }

    #[test]
    fn names_numbers_and_strangers() {
        check("", "0:0 [10] /root");
        check("root", "0:0 [10] /root");
        check("default", "1001:0 [7] /opt/app-root/src");
        check("1001", "1001:0 [7] /opt/app-root/src");
        check("1001:build", "1001:7 [] /opt/app-root/src");
        check("1000620000", "1000620000:0 [] /");
        check("1000620000:0", "1000620000:0 [] /");
        check("nobody", "the image has no user `nobody`");
        check("4294967295", "the image has no user `4294967295`");
        check("1:4294967295", "the image has no user `1`");
        check("1001:staff", "the image has no group `staff`");
    }
}
