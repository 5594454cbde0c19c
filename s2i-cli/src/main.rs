//! `s2i`: source code in, runnable container image out.
//!
//! Arguments are read in two steps: [`args`] is what was typed, [`request`] is what it means. Whatever
//! happens is told as events, which [`render`] shows to people or machines, and every error ends in
//! [`error`], which knows its hint and its [exit code](exit).

mod agents;
mod args;
mod commands;
mod error;
mod exit;
mod host;
mod render;
mod request;
mod signals;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let args = match args::Args::try_parse() {
        Ok(args) => args,
        Err(err) => {
            let _ = err.print();
            return if err.use_stderr() {
                exit::USAGE.into()
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    render::trace(args.global.loglevel);
    let host = host::Host::read();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let done = match runtime {
        Ok(runtime) => {
            let done = runtime.block_on(commands::run(&args, &host));
            // A name look-up that hangs must not keep a finished program.
            runtime.shutdown_background();
            done
        }
        Err(err) => Err(error::Error::Runtime(err)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            render::error(&err, args.is_json());
            err.exit_code().into()
        }
    }
}
