//! What makes turns alike, whoever had the one before.

use std::{fs, hint::black_box, io, path::Path, thread, time::Duration};

use anyhow::{Context, Result};

/// About what a large build needs, all that the kernel keeps of its files included, in bytes.
const MEMORY: usize = 3 << 30;

/// How long it takes a virtual machine to begin with giving free memory back to its host, and a bit more. Linux
/// waits for two seconds (`mm/page_reporting.c`).
const GIVING_BACK: Duration = Duration::from_secs(3);

/// Before each turn: nothing is left to write, the source is in memory, and more memory is there. A virtual
/// machine gives back what is free, and gets it again only in the moment of use.
pub(crate) fn settle(source: &Path) -> Result<()> {
    rustix::fs::sync();
    // What was freed before is given back now, and not in the middle of the turn.
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
