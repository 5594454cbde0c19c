//! Equal conditions for all turns, regardless of the previous one.

use std::{fs, hint::black_box, io, path::Path, thread, time::Duration};

use anyhow::{Context, Result};

/// The approximate memory of a large build, including the kernel's cache of its files, in bytes.
const MEMORY: usize = 3 << 30;

/// The delay until a virtual machine starts to return free memory to its host, and a bit more. Linux waits for
/// two seconds (`mm/page_reporting.c`).
const GIVING_BACK: Duration = Duration::from_secs(3);

/// Prepares a turn: all data is written, the source is in memory, and more memory is present. A virtual machine
/// returns free memory to its host and gets it back only when it is used.
pub(crate) fn settle(source: &Path) -> Result<()> {
    rustix::fs::sync();
    // Memory that was freed before is returned now, and not during the turn.
    thread::sleep(GIVING_BACK);
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

/// Returns the available memory in bytes.
fn available() -> Result<usize> {
    const FILE: &str = "/proc/meminfo";
    let text = fs::read_to_string(FILE).with_context(|| format!("can't read {FILE}"))?;
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"));
    let kilobytes = value.and_then(|value| value.trim().strip_suffix(" kB")?.parse::<usize>().ok());
    Ok(kilobytes.with_context(|| format!("{FILE} has no `MemAvailable`"))? * 1024)
}
