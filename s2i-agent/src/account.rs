//! Who does something: users and groups of the container, and acting as one of them.

use std::{collections::BTreeMap, io};

use rustix::{
    io::Errno,
    process::{Gid, Uid, geteuid},
    thread::{set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid},
};
use s2i_core::{
    Account, bounds,
    wire::{Failure, FailureKind},
};

use crate::files::{head, kernel_text};

/// The users that were found so far. Each is looked for once: what goes into the container later may change its
/// tables, and must not make another user of one that the host has checked.
#[derive(Default)]
pub(crate) struct Accounts(BTreeMap<String, Account>);

impl Accounts {
    /// Finds who `user[:group]` is here, as image configs write it: names or numbers, empty for root.
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

/// Returns the text of a file of the image, which may be anything.
fn read(path: &str) -> String {
    let bytes = head(path, bounds::FILE).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Does `work` on a thread that has this account's rights and can't get others.
///
/// On Linux every thread has credentials of its own, and what it spawns inherits them.
pub(crate) fn act<T: Send>(account: &Account, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| become_it(account).map(|()| work()));
        thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("a thread of the agent panicked")))
    })
}

fn become_it(account: &Account) -> io::Result<()> {
    set_no_new_privs(true)?;
    if !geteuid().is_root() {
        // Already nobody special: what is asked for must be what there is.
        let same = geteuid().as_raw() == account.uid;
        return if same {
            Ok(())
        } else {
            Err(io::ErrorKind::PermissionDenied.into())
        };
    }
    let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
    let groups: Vec<Gid> = account.groups.iter().copied().map(Gid::from_raw).collect();
    match set_thread_groups(&groups) {
        // Where this namespace has one user alone, nobody's groups can be changed.
        Err(Errno::PERM) if are_groups_fixed() => {}
        done => done?,
    }
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)?;
    Ok(())
}

fn are_groups_fixed() -> bool {
    kernel_text("/proc/self/setgroups").is_ok_and(|text| text.trim() == "deny")
}
