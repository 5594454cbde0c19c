//! The accounts of the container, and work with the rights of one of them.

use std::{collections::BTreeMap, io};

use rustix::{process::geteuid, thread::set_no_new_privs};
use s2i_core::{
    Account,
    wire::{Failure, FailureKind},
};

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
        let account = Account::find_in_root(user)
            .map_err(|err| Failure::new(FailureKind::NoSuchUser, err.to_string()))?;
        self.0.insert(user.into(), account.clone());
        Ok(account)
    }
}

/// Runs `work` on a thread that has this account's rights and can't gain others.
///
/// On Linux every thread has credentials of its own, and what it spawns inherits them.
pub(crate) fn act<T: Send>(account: &Account, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let done = scope.spawn(|| confine(account).map(|()| work())).join();
        done.unwrap_or_else(|_| Err(io::Error::other("a thread of the agent panicked")))
    })
}

fn confine(account: &Account) -> io::Result<()> {
    set_no_new_privs(true)?;
    match geteuid() {
        uid if uid.is_root() => account.assume(),
        // A process without root's rights can't change its account.
        uid if uid.as_raw() == account.uid => Ok(()),
        _ => Err(io::ErrorKind::PermissionDenied.into()),
    }
}
