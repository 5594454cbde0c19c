//! The start of an engine: its processes, and the wait until it responds.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{
    kind::Kind,
    process,
    state::{Endpoint, Record},
    version::version,
};

/// The time that an engine has until it responds.
const PATIENCE: Duration = Duration::from_secs(60);
const LOG_LINES: usize = 15;

/// An engine that is being started. All its parts are recorded before they exist, so that they can be removed.
pub(crate) struct Starting {
    kind: Kind,
    dir: PathBuf,
    pub(crate) record: Record,
    children: Vec<Child>,
}

impl Starting {
    /// Creates an empty folder and an empty record.
    pub(crate) fn new(kind: Kind) -> Result<Self> {
        let dir = kind.dir();
        fs::create_dir(&dir).with_context(|| format!("can't create `{}`", dir.display()))?;
        let starting = Self {
            kind,
            dir,
            record: Record::default(),
            children: Vec::new(),
        };
        starting.save()?;
        Ok(starting)
    }

    /// Returns the kind of the engine.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns a path in the engine's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Returns the same path as text for configuration files.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Writes a file into the engine's folder.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path(name);
        fs::write(&path, text).with_context(|| format!("can't write `{}`", path.display()))?;
        Ok(path)
    }

    /// Saves the current state of the record.
    pub(crate) fn save(&self) -> Result<()> {
        self.record.save(self.kind)
    }

    /// Starts a process with the log `NAME.log`.
    pub(crate) fn spawn(&mut self, name: &str, command: &mut Command) -> Result<()> {
        let (process, child) = process::spawn(command, &self.path(&format!("{name}.log")))?;
        self.record.processes.push(process);
        self.children.push(child);
        self.save()
    }

    /// Waits until a file, for example a socket, exists.
    pub(crate) fn wait_for_file(&mut self, name: &str) -> Result<()> {
        let path = self.path(name);
        self.wait_until(|| {
            if path.exists() {
                Ok(())
            } else {
                bail!("there is no `{}`", path.display())
            }
        })
    }

    /// Waits until the engine reports its version, and records its endpoint.
    pub(crate) fn wait_for_answer(
        &mut self,
        url: String,
        user: Option<String>,
    ) -> Result<Endpoint> {
        let mut endpoint = Endpoint {
            kind: self.kind,
            url,
            user,
            version: String::new(),
        };
        endpoint.version = self.wait_until(|| version(&endpoint))?;
        self.record.endpoint = Some(endpoint.clone());
        self.save()?;
        Ok(endpoint)
    }

    /// Returns the last lines of all logs.
    pub(crate) fn log_tail(&self) -> String {
        let processes = self.record.processes.iter();
        let logs = processes.map(|process| self.path(&format!("{}.log", process.name())));
        let texts = logs.map(|log| fs::read_to_string(log).unwrap_or_default());
        let lines = texts.flat_map(|text| last_lines(&text));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Repeats an attempt until it succeeds, a process ends, or the time is over.
    pub(crate) fn wait_until<T>(&mut self, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
        let until = Instant::now() + PATIENCE;
        loop {
            let err = match attempt() {
                Ok(done) => return Ok(done),
                Err(err) => err,
            };
            for child in &mut self.children {
                if let Some(status) = child.try_wait().context("can't wait for a process")? {
                    bail!("process {} ended with {status}", child.id());
                }
            }
            if Instant::now() > until {
                return Err(err.context("it does not answer"));
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

fn last_lines(text: &str) -> Vec<String> {
    let skipped = text.lines().count().saturating_sub(LOG_LINES);
    let lines = text.lines().skip(skipped);
    lines.map(|line| format!("  {line}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_cut_to_its_end() {
        let text = (1..=20)
            .map(|n| n.to_string())
            .collect::<Vec<_>>()
            .join("\n");
        assert_eq!(last_lines(&text).first().map(String::as_str), Some("  6"));
        assert_eq!(last_lines(&text).len(), LOG_LINES);
        assert_eq!(last_lines("one"), ["  one"]);
    }
}
