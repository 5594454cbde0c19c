//! What makes turns alike, whoever had the one before.

use std::{fs, hint::black_box, io, path::Path};

use anyhow::{Context, Result};

/// About what a large build needs, all that the kernel keeps of its files included, in bytes.
const MEMORY: usize = 3 << 30;

/// Before each turn: nothing is left to write, the source is in memory, and more memory is there. A virtual
/// machine gets back only in the moment of use what it has returned to its host.
pub(crate) fn settle(source: &Path) -> Result<()> {
    rustix::fs::sync();
    read_all(source).with_context(|| format!("can't read {}", source.display()))?;
    black_box(vec![1_u8; MEMORY.min(available()? / 2)]);
    Ok(())
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

/// The memory that can be had, in bytes.
fn available() -> Result<usize> {
    const FILE: &str = "/proc/meminfo";
    let text = fs::read_to_string(FILE).with_context(|| format!("can't read {FILE}"))?;
    let kilobytes = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<usize>().ok());
    Ok(kilobytes.with_context(|| format!("{FILE} does not say MemAvailable"))? * 1024)
}
