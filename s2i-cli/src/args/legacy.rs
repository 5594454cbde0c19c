//! Options of the Go `s2i` that are deprecated there or have no effect here. Scripts still use them, so they are
//! accepted, and no help shows them.

use std::{ffi::OsString, path::PathBuf};

use clap::Args;
use s2i_build::request::PullPolicy;
use s2i_core::{ContainerPath, Diagnostic};

/// The options of `s2i build`.
#[derive(Debug, Args)]
pub(crate) struct LegacyOptions {
    /// The old name of `--destination`
    #[arg(short, long, hide = true, value_name = "PATH")]
    location: Option<ContainerPath>,
    /// Links are always kept
    #[arg(long, hide = true)]
    keep_symlinks: bool,
    /// There is no temporary directory to keep
    #[arg(long, hide = true)]
    save_temp_dir: bool,
    /// Names after the third, which the Go tool ignores
    #[arg(hide = true, value_name = "IGNORED")]
    ignored: Vec<OsString>,
}

impl LegacyOptions {
    /// Returns the destination of the deprecated option, or else this one.
    pub(crate) fn destination(&self, current: Option<&ContainerPath>) -> Option<ContainerPath> {
        self.location.as_ref().or(current).cloned()
    }

    /// Returns the warnings about options that are deprecated or have no effect.
    pub(crate) fn warnings(&self) -> Vec<Diagnostic> {
        let destination = (
            self.location.is_some(),
            "--location",
            "it is deprecated; use --destination",
        );
        let temp_dir = (
            self.save_temp_dir,
            "--save-temp-dir",
            "it has no effect: builds have no temporary directory",
        );
        let warnings = [destination, temp_dir].into_iter();
        warnings
            .filter(|(is_given, _, _)| *is_given)
            .map(|(_, option, message)| Diagnostic::new(option, message))
            .collect()
    }
}

/// The options of `s2i usage` that the Go tool shares with `s2i build`, and that concern builds alone.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct IgnoredOptions {
    #[arg(short, long, hide = true)]
    quiet: bool,
    #[arg(long, hide = true)]
    incremental: bool,
    #[arg(long, hide = true)]
    rm: bool,
    #[arg(long, hide = true)]
    save_temp_dir: bool,
    #[arg(long, hide = true)]
    callback_url: Option<String>,
    #[arg(long, hide = true)]
    incremental_pull_policy: Option<PullPolicy>,
    #[arg(long, hide = true)]
    runtime_pull_policy: Option<PullPolicy>,
    #[arg(short, long, hide = true)]
    destination: Option<PathBuf>,
    #[arg(short, long, hide = true)]
    location: Option<String>,
}
