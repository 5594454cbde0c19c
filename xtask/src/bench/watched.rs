//! The memory of a process.

use std::{
    fs,
    process::Child,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

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
