//! The agents in the directory of the crate that is packaged with them.

use std::{fmt::Write as _, fs, path::PathBuf};

use anyhow::{Context, Result};
use s2i_core::image::Digest;
use s2i_test_engines::paths;

use crate::dist::Arch;

/// The agents in the directory of the crate, until this is dropped: in a checkout, nothing uses them there.
pub(super) struct Staged(PathBuf);

impl Drop for Staged {
    fn drop(&mut self) {
        if let Err(err) = fs::remove_dir_all(&self.0) {
            eprintln!("warning: can't remove {}: {err}", self.0.display());
        }
    }
}

/// Copies the agents, and writes the list of their digests.
pub(super) fn stage(programs: &[(Arch, PathBuf)]) -> Result<Staged> {
    let staged = Staged(paths::root().join("s2i-agent-bin/agents"));
    let mut sums = String::new();
    for (arch, program) in programs {
        let dir = staged.0.join(arch.rust());
        fs::create_dir_all(&dir).with_context(|| format!("can't make {}", dir.display()))?;
        let bytes =
            fs::read(program).with_context(|| format!("can't read {}", program.display()))?;
        let agent = dir.join("s2i-agent");
        fs::write(&agent, &bytes).with_context(|| format!("can't write {}", agent.display()))?;
        let digest = Digest::of(&bytes).hex();
        let _ = writeln!(sums, "{digest}  {}/s2i-agent", arch.rust());
    }
    let list = staged.0.join("SHA256SUMS");
    fs::write(&list, sums).with_context(|| format!("can't write {}", list.display()))?;
    Ok(staged)
}
