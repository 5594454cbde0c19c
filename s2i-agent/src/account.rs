//! The accounts of the container, and work with the rights of one of them.

use std::{collections::BTreeMap, io};

use rustix::{process::geteuid, thread::set_no_new_privs};
use s2i_core::{
    Account, bounds,
    wire::{Failure, FailureKind},
};

use crate::files::head;

/// The accounts that were found so far. Each is looked up once: files that come into the container later may change its
/// tables, and must not turn a user that the host has checked into another.
#[derive(Default)]
pub(crate) struct Accounts(BTreeMap<String, Account>);

impl Accounts {
    /// Finds the account `user[:group]`, as image configs write it: names or numbers, empty for root.
    pub(crate) fn find(&mut self, user: &str) -> Result<Account, Failure> {
        if let Some(account) = self.0.get(user) {
            return Ok(account.clone());
        }
        let found = Account::find(user, &read("/etc/passwd"), &read("/etc/group"));
        let account = found.map_err(|err| Failure {
            kind: FailureKind::NoSuchUser,
            message: err.to_string(),
        })?;
        self.0.insert(user.into(), account.clone());
        Ok(account)
    }
}

/// Returns the text of a file of the image. The file may be of any type.
fn read(path: &str) -> String {
    let bytes = head(path, bounds::FILE).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Runs `work` on a thread that has this account's rights and can't gain others.
///
/// On Linux every thread has credentials of its own, and what it spawns inherits them.
pub(crate) fn act<T: Send>(account: &Account, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| confine(account).map(|()| work()));
        thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("a thread of the agent panicked")))
    })
}

fn confine(account: &Account) -> io::Result<()> {
    set_no_new_privs(true)?;
    if !geteuid().is_root() {
        // A process without root's rights can't change its account.
        let same = geteuid().as_raw() == account.uid;
        return if same {
            Ok(())
        } else {
            Err(io::ErrorKind::PermissionDenied.into())
        };
    }
    account.assume()
}
