//! `cargo xtask engine`, and the engine of other tasks.

mod choice;
mod target;

use anyhow::Result;
use s2i_test_engines::{Kind, check_programs, down, endpoint, print_list, up};

pub(crate) use self::{
    choice::{Choice, Otherwise},
    target::Target,
};

/// Arguments of `cargo xtask engine`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Start engines, wait until they respond, and print the commands that select them.
    Up {
        /// Engines to start.
        #[arg(required = true, value_enum)]
        kinds: Vec<Kind>,
        /// Install missing Debian packages first.
        #[arg(long)]
        install: bool,
    },
    /// Stop engines and remove everything that they left.
    Down {
        /// Engines to stop; by default, all.
        #[arg(value_enum)]
        kinds: Vec<Kind>,
    },
    /// List engines with their state, version and the command that selects them.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// `cargo xtask engine`.
pub(crate) fn run(args: &Args) -> Result<()> {
    match &args.action {
        Action::Up { kinds, install } => {
            let down = kinds
                .iter()
                .copied()
                .filter(|kind| endpoint(*kind).is_none());
            check_programs(&down.collect::<Vec<_>>(), *install)?;
            for kind in kinds {
                println!("{}", up(*kind)?.selecting());
            }
            Ok(())
        }
        Action::Down { kinds } if kinds.is_empty() => {
            Kind::ALL.iter().try_for_each(|kind| down(*kind))
        }
        Action::Down { kinds } => kinds.iter().try_for_each(|kind| down(*kind)),
        Action::List { json } => print_list(*json),
    }
}
