//! The scripts as a program; see the crate's documentation.

use std::{env, io, process::ExitCode};

fn main() -> ExitCode {
    let (mut out, mut err) = (io::stdout(), io::stderr());
    let mut host = s2i_scripts::Host::new(env::args_os(), env::vars_os(), &mut out, &mut err);
    ExitCode::from(s2i_scripts::dispatch(&mut host))
}
