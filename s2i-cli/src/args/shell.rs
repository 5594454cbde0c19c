//! The command lines of the commands that integrate s2i into a shell.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

/// Print a completion script.
#[derive(Debug, Args)]
pub(crate) struct Completion {
    // An error for a missing argument shows only the name of the value.
    /// Shell of the script
    #[arg(
        value_name = "bash|elvish|fish|powershell|zsh",
        hide_possible_values = true
    )]
    pub(crate) shell: Shell,
}

/// Write the manual pages.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Directory for the pages, such as /usr/local/share/man/man1; it is created if it is missing
    pub(crate) directory: PathBuf,
}
