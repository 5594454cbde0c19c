//! The accounts of the container, and work with the rights of one of them.

use std::{
    collections::BTreeMap,
    io,
    os::fd::AsFd,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use rustix::{
    fs::{AtFlags, Gid, Uid, chownat},
    io::Errno,
    process::geteuid,
    thread::set_no_new_privs,
};
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

/// True if the work of every account is done with the rights of this process, as far as it can't have those of the
/// account.
static KEEPS_OWN: AtomicBool = AtomicBool::new(false);

/// Makes work for accounts possible without the right to change into them.
pub(crate) fn keep_own() {
    KEEPS_OWN.store(true, Ordering::Relaxed);
}

/// Returns whether work for accounts is done with the rights of this process.
pub(crate) fn keeps_own() -> bool {
    KEEPS_OWN.load(Ordering::Relaxed)
}

/// Makes the account the owner of a file, which may be a link. A process that works for accounts with its own rights
/// owns it already, and may have no right to change that.
pub(crate) fn give(dir: &impl AsFd, path: &Path, account: &Account) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
    match chownat(dir, path, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::PERM) if keeps_own() => Ok(()),
        done => Ok(done?),
    }
}

fn confine(account: &Account) -> io::Result<()> {
    set_no_new_privs(true)?;
    match geteuid() {
        uid if uid.is_root() => match account.assume() {
            Err(err) if err.kind() == io::ErrorKind::PermissionDenied && keeps_own() => Ok(()),
            done => done,
        },
        _ if keeps_own() => Ok(()),
        // A process without root's rights can't change its account.
        uid if uid.as_raw() == account.uid => Ok(()),
        _ => Err(io::ErrorKind::PermissionDenied.into()),
    }
}
