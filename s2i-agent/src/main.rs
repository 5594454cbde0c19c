//! The first process of every build container.
//!
//! s2i puts this static program into a container of the builder image and starts it there. It takes
//! [requests](s2i_core::wire) from its standard input, one after another: unpack this, run that,
//! stream these files out, clean up. So a builder image needs neither a shell nor `tar`, the source
//! belongs to the user who builds it, secrets reach the script without being written down anywhere,
//! and the exit status that s2i sees is the script's own.
//!
//! It starts as root of the container, with few capabilities, and does for a user what the user could
//! do: every account [acts](account::act) on a thread of its own that has given up the rest.
//! When its standard input ends, whoever started it is gone: it then ends every process and itself,
//! and the engine removes the container.
//!
//! ```text
//! printf '' | s2i-agent | od -c | head -n 1      # says hello in a frame, then ends
//! ```

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod account;
mod exec;
mod files;
mod finish;
mod input;
mod output;
mod processes;
mod read;
mod session;
mod unpack;

use std::process::ExitCode;

fn main() -> ExitCode {
    // Nobody in the container may look into the memory that the secrets pass through.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    let Ok(output) = output::Output::new() else {
        return ExitCode::FAILURE;
    };
    session::Session::new(input::start(), output, finish::remove_own_file()).serve();
    ExitCode::SUCCESS
}
