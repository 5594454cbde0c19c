//! What makes turns alike, whoever had the one before.

use std::{fs, hint::black_box, io, path::Path};

use anyhow::{Context, Result};

/// About what a large build needs, in bytes.
const MEMORY: usize = 1 << 30;

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
/// pay for what another has removed. Only root can make the kernel forget.
pub(crate) fn forget_files(tree: &Path) -> Result<()> {
    rustix::fs::sync();
    let forget = fs::write("/proc/sys/vm/drop_caches", "3");
    forget.context("can't make the kernel forget removed files; only root can")?;
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
