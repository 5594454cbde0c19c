//! The agents in the directory of the crate that is packaged with them.

use std::{fmt::Write as _, fs, path::PathBuf};

use anyhow::{Context, Result};
use s2i_core::image::Digest;
use s2i_test_engines::paths;

use crate::dist::Arch;

/// Copies the agents, and writes the list of their digests. They replace those that are there, and stay for
/// `cargo publish`; in a checkout, the crate itself does not use them.
pub(super) fn stage(programs: &[(Arch, PathBuf)]) -> Result<()> {
    let staged = paths::root().join("s2i-agent-bin/agents");
    if staged.exists() {
        fs::remove_dir_all(&staged)
            .with_context(|| format!("can't remove {}", staged.display()))?;
    }
    let mut sums = String::new();
    for (arch, program) in programs {
        let dir = staged.join(arch.rust());
        fs::create_dir_all(&dir).with_context(|| format!("can't make {}", dir.display()))?;
        let bytes =
            fs::read(program).with_context(|| format!("can't read {}", program.display()))?;
        let agent = dir.join("s2i-agent");
        fs::write(&agent, &bytes).with_context(|| format!("can't write {}", agent.display()))?;
        let digest = Digest::of(&bytes).hex();
        let _ = writeln!(sums, "{digest}  {}/s2i-agent", arch.rust());
    }
    let list = staged.join("SHA256SUMS");
    fs::write(&list, sums).with_context(|| format!("can't write {}", list.display()))
}
