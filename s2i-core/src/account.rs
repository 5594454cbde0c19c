//! The account `user[:group]` of an image's config, from the user tables of that image.

use std::path::Path;

use thiserror::Error;

use crate::bounds;

/// A user with its groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user's number.
    pub uid: u32,
    /// The number of its group.
    pub gid: u32,
    /// The numbers of the other groups that it is in.
    pub groups: Vec<u32>,
    /// The home directory; `/` for unknown users.
    pub home: String,
}

/// A user or group that the image lacks by this name, and that is not a valid number.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AccountError {
    /// The user.
    #[error("the image has no user `{0}`")]
    User(String),
    /// The group.
    #[error("the image has no group `{0}`")]
    Group(String),
}

impl Account {
    /// Returns the number of the user of `user[:group]`, if it is a number or empty (0). A name can only be looked up
    /// in the tables of the image.
    ///
    /// ```
    /// use s2i_core::Account;
    ///
    /// assert_eq!(Account::uid_of("1001:build"), Some(1001));
    /// assert_eq!(Account::uid_of(":"), Some(0));
    /// assert_eq!(Account::uid_of("root"), None);
    /// ```
    #[must_use]
    pub fn uid_of(user: &str) -> Option<u32> {
        match user.split_once(':').map_or(user, |(user, _)| user) {
            "" => Some(0),
            user => user.parse().ok(),
        }
    }

    /// Gives the ids and groups of this account to the calling thread, which must have the right to change them.
    /// Threads and processes that it starts inherit them.
    ///
    /// A user namespace with a single user may fix the groups of its processes. They are kept there.
    ///
    /// # Errors
    /// The kernel refuses, because the thread lacks the right or the namespace lacks an id.
    #[cfg(target_os = "linux")]
    pub fn assume(&self) -> std::io::Result<()> {
        use rustix::{
            io::Errno,
            process::{Gid, Uid},
            thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid},
        };
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        let groups: Vec<Gid> = self.groups.iter().copied().map(Gid::from_raw).collect();
        // The groups first: without its user id, the thread loses the right to change them.
        match set_thread_groups(&groups) {
            Err(Errno::PERM) if are_groups_fixed() => {}
            done => done?,
        }
        set_thread_res_gid(gid, gid, gid)?;
        Ok(set_thread_res_uid(uid, uid, uid)?)
    }

    /// [Finds](Self::find) an account in the user tables below the root of this process, which may be those of an image.
    /// A table that can't be read is empty.
    ///
    /// # Errors
    /// [`AccountError`].
    pub fn find_in_root(user: &str) -> Result<Self, AccountError> {
        let read = |path: &str| {
            let table = bounds::head_of_file(Path::new(path), bounds::FILE).unwrap_or_default();
            String::from_utf8_lossy(&table).into_owned()
        };
        Self::find(user, &read("/etc/passwd"), &read("/etc/group"))
    }

    /// Finds an account: names or numbers, empty for root. `passwd` and `group` are the contents of these files of the
    /// image. A number stays a number even if the image has another user of that name, so that [`uid_of`](Self::uid_of)
    /// holds. With a group in `user`, the account has no other groups.
    ///
    /// # Errors
    /// [`AccountError`].
    ///
    /// ```
    /// use s2i_core::Account;
    ///
    /// let account = Account::find("app", "app:x:1001:0::/app:/bin/sh\n", "").unwrap();
    /// assert_eq!((account.uid, account.gid, &*account.home), (1001, 0, "/app"));
    /// ```
    pub fn find(user: &str, passwd: &str, group: &str) -> Result<Self, AccountError> {
        let typed = Self::uid_of(user);
        let (user, wanted_group) = user.split_once(':').unwrap_or((user, ""));
        let number =
            |entry: &[&str], index: usize| -> Option<u32> { entry.get(index)?.parse().ok() };
        let is_it = |entry: &Vec<&str>| match typed {
            Some(uid) => number(entry, 2) == Some(uid),
            None => entry.first() == Some(&user),
        };
        let entry = entries(passwd).find(is_it).unwrap_or_default();
        let uid = typed.or_else(|| number(&entry, 2));
        let (gid, groups) = if wanted_group.is_empty() {
            let own = number(&entry, 3).unwrap_or(0);
            (Some(own), groups_of(entry.first(), group))
        } else {
            (find_group(wanted_group, group), Vec::new())
        };
        // The kernel takes this number as "leave unchanged", and unchanged would be root.
        let known = |id: Option<u32>| id.filter(|id| *id != u32::MAX);
        let home = entry.get(5).filter(|home| home.starts_with('/'));
        Ok(Self {
            uid: known(uid).ok_or_else(|| AccountError::User(user.into()))?,
            gid: known(gid).ok_or_else(|| AccountError::Group(wanted_group.into()))?,
            groups,
            home: home.map_or("/", |home| home).into(),
        })
    }
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
    let is_member = |entry: &Vec<&str>| {
        let members = entry.get(3).copied().unwrap_or_default();
        members.split(',').any(|member| member == *name)
    };
    entries(group)
        .filter(is_member)
        .filter_map(|entry| entry.get(2)?.parse().ok())
        .collect()
}

#[cfg(target_os = "linux")]
fn are_groups_fixed() -> bool {
    let path = Path::new("/proc/self/setgroups");
    let setting = bounds::read_text_file(path, bounds::FILE);
    setting.is_ok_and(|setting| setting.trim() == "deny")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/sh\ndefault:x:1001:0::/opt/app-root/src:/sbin/nologin\n";
    const GROUP: &str = "root:x:0:\nbuild:x:7:default,other\nwheel:x:10:root\n";

    #[track_caller]
    fn check(user: &str, expected: &str) {
        let shown = match Account::find(user, PASSWD, GROUP) {
            Ok(a) => format!("{}:{} {:?} {}", a.uid, a.gid, a.groups, a.home),
            Err(err) => err.to_string(),
        };
        assert_eq!(shown, expected, "{user}");
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
        check(":", "0:0 [10] /root");
        check("00", "0:0 [10] /root");
        check("+0", "0:0 [10] /root");
        check(" 0", "the image has no user ` 0`");
        check("-1", "the image has no user `-1`");
    }

    /// An image must not make root of a number that is not root's.
    #[test]
    fn a_number_is_not_the_name_of_another_user() {
        let passwd = "1001:x:0:0::/root:/none\napp:x:1001:5::/app:/none\ntoor:x:0:7::/:/none\nbad:x:-1:0::/:/none\n";
        for (user, expected) in [
            ("1001", Some((1001, 5))),
            ("1001:0", Some((1001, 0))),
            ("0", Some((0, 0))),
            ("toor", Some((0, 7))),
            ("bad", None),
        ] {
            let found = Account::find(user, passwd, "").ok();
            assert_eq!(
                found.map(|account| (account.uid, account.gid)),
                expected,
                "{user}"
            );
        }
    }
}
