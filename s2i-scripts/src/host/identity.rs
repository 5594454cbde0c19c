//! The variables about the user that programs expect, for any number of a user.
//!
//! A cluster may run a container as a user that the image does not know. Such a user has no entry in `/etc/passwd`, and
//! none is written: a file of accounts that a group can write to is a known hole. So programs that look the number up,
//! such as `os.userInfo()` of Node.js, fail; those that read variables do not.

use std::{fs, path::Path};

use rustix::{
    fs::{Access, access},
    process::getuid,
};

use super::Host;
use crate::variables;

/// The name of a user without an account.
const NAME: &str = "default";

/// The file of accounts.
const ACCOUNTS: &str = "/etc/passwd";

/// The most bytes of it that are read.
const MAX_ACCOUNTS: usize = 1 << 20;

/// The variable of the home directory.
const HOME: &str = "HOME";

impl Host<'_> {
    /// Sets `HOME` to a directory that this user can write to, unless it is one, and `USER` and `LOGNAME` unless they
    /// are set.
    pub(crate) fn identify(&mut self) {
        if !self.value(HOME).is_some_and(|path| is_writable(&path)) {
            let candidates = [
                self.value(variables::APP_ROOT),
                self.value(variables::TMPDIR),
                Some("/tmp".to_owned()),
            ];
            let mut candidates = candidates.into_iter().flatten();
            if let Some(path) = candidates.find(|path| is_writable(path)) {
                self.set(HOME, &path);
            }
        }
        let is_unset = |name: &&&str| !self.has(name);
        let names: Vec<_> = ["USER", "LOGNAME"]
            .iter()
            .filter(is_unset)
            .copied()
            .collect();
        if names.is_empty() {
            return;
        }
        let accounts = fs::read(ACCOUNTS).unwrap_or_default();
        let accounts = &accounts[..accounts.len().min(MAX_ACCOUNTS)];
        let accounts = String::from_utf8_lossy(accounts);
        let name = account(&accounts, getuid().as_raw()).unwrap_or(NAME);
        for variable in names {
            self.set(variable, name);
        }
    }
}

/// Returns the name of the account with this number.
fn account(accounts: &str, user: u32) -> Option<&str> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let number = fields.nth(1)?.parse::<u32>().ok()?;
        (number == user).then_some(name)
    })
}

fn is_writable(path: &str) -> bool {
    let is_directory = Path::new(path).is_absolute() && Path::new(path).is_dir();
    is_directory && access(path, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_is_found_by_its_number() {
        let accounts =
            "root:x:0:0:root:/root:/bin/sh\nodd\n:x:7:\ndefault:x:1001:0::/opt:/bin/sh\n";
        for (user, expected) in [
            (0, Some("root")),
            (1001, Some("default")),
            (7, None),
            (1_000_620_000, None),
        ] {
            assert_eq!(account(accounts, user), expected, "{user}");
        }
    }

    #[test]
    fn home_that_cannot_be_written_to_is_replaced_and_names_that_are_set_stay() {
        let directory = tempfile::tempdir().unwrap();
        let good = directory.path().to_str().unwrap();
        for (home, expected) in [("/nonexistent", good), ("", good), (good, good)] {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let env = [("HOME", home), ("APP_ROOT", good), ("USER", "me")];
            let mut host = Host::new(["run"], env, &mut out, &mut err);
            host.identify();
            assert_eq!(host.value("HOME").as_deref(), Some(expected));
            assert_eq!(host.value("USER").as_deref(), Some("me"));
            assert!(host.has("LOGNAME"));
        }
    }
}
