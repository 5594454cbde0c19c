//! What makes turns alike, whoever had the one before.

use std::{fs, hint::black_box, io, path::Path};

use anyhow::{Context, Result};

/// About what a large build needs, in bytes.
const MEMORY: usize = 1 << 30;

/// What makes the kernel forget, where it is written to.
const DROP_CACHES: &str = "/proc/sys/vm/drop_caches";

/// What can't be helped here, and who could.
pub(crate) fn disturbance() -> Option<&'static str> {
    let is_open = fs::OpenOptions::new().write(true).open(DROP_CACHES).is_ok();
    (!is_open).then_some(
        "the kernel can't be made to forget removed files here, so sides slow each other down; run it as root",
    )
}

/// Before each turn: nothing is left to write, and memory is there. A virtual machine gets back only in
/// the moment of use what it has returned to its host.
pub(crate) fn settle() {
    rustix::fs::sync();
    black_box(vec![1_u8; MEMORY]);
}

/// Before a turn with many files: the kernel knows nothing of those that turns before have removed, and
/// has the source in memory.
///
/// ext4 looks for minutes at each removed file again for every file that is made near it, so a side would
/// pay for what another has removed. Only root can make the kernel forget; for others that is a
/// [`disturbance`].
pub(crate) fn forget_files(tree: &Path) -> Result<()> {
    rustix::fs::sync();
    let _ = fs::write(DROP_CACHES, "3");
    read_all(tree).with_context(|| format!("can't read {}", tree.display()))
}

fn read_all(tree: &Path) -> io::Result<()> {
    for entry in fs::read_dir(tree)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            read_all(&entry.path())?;
        } else {
            black_box(fs::read(entry.path())?);
        }
    }
    Ok(())
}
