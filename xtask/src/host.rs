//! Running programs of the host, and naming those that are missing.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};

/// Where `program` is on `PATH`.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    find_all(program).next()
}

/// Everywhere that `program` is on `PATH`, in its order.
pub(crate) fn find_all(program: &str) -> impl Iterator<Item = PathBuf> + use<'_> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    dirs.into_iter()
        .map(move |dir| dir.join(program))
        .filter(|file| file.is_file())
}

/// Fails with the line that installs `program` when it is not there.
pub(crate) fn require(program: &str, install: &str) -> Result<PathBuf> {
    find(program)
        .with_context(|| format!("`{program}` is not on this machine; install it with: {install}"))
}

/// Runs a command, its output on this terminal, and fails when it does.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("can't start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}

/// Runs a command and returns its standard output; its errors go to this terminal.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.stderr(std::process::Stdio::inherit()).output();
    let output = output.with_context(|| format!("can't start {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} ended with {}", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

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

    /// The most that it had while somebody looked, in bytes.
    pub(crate) fn most_memory(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

fn high_water_mark(status: &str) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
