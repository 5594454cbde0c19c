//! The memory that a process needs.

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

/// The memory of a process, looked at for as long as it lives.
pub(crate) struct Watched(Arc<AtomicU64>);

impl Watched {
    /// Starts to look at the process.
    pub(crate) fn new(child: &Child) -> Self {
        let most = Arc::new(AtomicU64::new(0));
        let (status, watched) = (format!("/proc/{}/status", child.id()), Arc::clone(&most));
        thread::spawn(move || {
            // The line is gone as soon as the process is.
            while let Some(bytes) = high_water_mark(&status) {
                watched.fetch_max(bytes, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(5));
            }
        });
        Self(most)
    }

    /// The most that it had at any look, in bytes.
    pub(crate) fn most_memory(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

fn high_water_mark(status: &str) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
