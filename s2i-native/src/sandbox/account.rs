//! The account of an image's command, from the user tables of the image.

use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt as _};

use rustix::fs::OFlags;
use s2i_core::{Account, bounds};

use super::fault::Fault;

/// Finds the account `user[:group]` in the root of this process: names or numbers, empty for root.
pub(super) fn find(user: &str) -> Result<Account, Fault> {
    Account::find(user, &read("/etc/passwd"), &read("/etc/group"))
        .map_err(|err| Fault::new(err.to_string()))
}

/// Reads a file of the image, which may be of any type: opening a named pipe would wait for its other end.
fn read(path: &str) -> String {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let bytes = file.and_then(|file| bounds::head(file, bounds::FILE));
    let bytes = bytes.unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
