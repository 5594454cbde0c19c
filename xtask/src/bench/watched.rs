//! The time and the memory of a process.

use std::{
    fs,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::Turn;

/// Runs a command without its output, and returns its time and memory.
pub(crate) fn measure(command: &mut Command) -> Result<Turn> {
    command.stdout(Stdio::null());
    let start = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("can't start {command:?}"))?;
    let watched = Watched::new(&child);
    let status = child.wait()?;
    let wall = start.elapsed();
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(Turn {
        wall,
        memory: watched.most_memory(),
        phases: Vec::new(),
    })
}

/// The peak memory of a process, sampled during its life.
pub(crate) struct Watched(Arc<AtomicU64>);

impl Watched {
    /// Starts to sample the process.
    pub(crate) fn new(child: &Child) -> Self {
        let most = Arc::new(AtomicU64::new(0));
        let (status, watched) = (format!("/proc/{}/status", child.id()), Arc::clone(&most));
        thread::spawn(move || {
            // The line disappears when the process ends.
            while let Some(bytes) = high_water_mark(&status) {
                watched.fetch_max(bytes, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(5));
            }
        });
        Self(most)
    }

    /// Returns the maximum of all samples, in bytes.
    pub(crate) fn most_memory(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

fn high_water_mark(status: &str) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
