//! The first process of every build container.
//!
//! s2i uploads this static program into a container of the builder image and starts it there. It reads
//! [requests](s2i_core::wire) from its standard input, one after another: unpack an archive, run a program,
//! stream files out, clean up. So a builder image needs neither a shell nor `tar`, the source
//! belongs to the user who builds it, secrets reach the script without being written to a file,
//! and s2i gets the exit status of the script itself.
//!
//! It starts as root of the container, with few capabilities, and does for a user only what the user could
//! do: the work of every account [runs](account::act) on its own thread, which has given up all other rights.
//! When its standard input ends, the host is gone: it then ends every process and itself, and the engine removes the
//! container.
//!
//! With the argument [`IN_PLACE`](s2i_core::wire::IN_PLACE) it is an ordinary process of a container that it has not set
//! up: it then acts for every account as what it is, and ends only the processes that it has started.
//!
//! ```text
//! printf '' | s2i-agent | od -c | head -n 1      # sends a hello frame, then ends
//! ```

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod account;
mod exec;
mod finish;
mod inject;
mod input;
mod output;
mod processes;
mod read;
mod session;
mod unpack;

use std::process::ExitCode;

fn main() -> ExitCode {
    // No process in the container may read the memory that the secrets pass through.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    if std::env::args_os()
        .nth(1)
        .is_some_and(|mode| mode == s2i_core::wire::IN_PLACE)
    {
        account::keep_own();
        // Modes of files must not depend on the umask of the job.
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
        if processes::adopt_orphans().is_err() {
            return ExitCode::FAILURE;
        }
    }
    let Ok(output) = output::Output::new() else {
        return ExitCode::FAILURE;
    };
    session::Session::new(input::start(), output, finish::remove_own_file()).serve();
    ExitCode::SUCCESS
}
