//! `tar`, as scripts use it, over the archives of `s2i-core`.
//!
//! It reads what nothing escapes from: an archive with an entry that leads out of the directory, or that
//! other readers could understand in another way, is refused.

mod arguments;
mod create;
mod exclude;
mod extract;

use std::{
    ffi::OsString,
    io::{self, Write},
};

use self::arguments::{Arguments, Mode};

/// The status of everything that goes wrong.
const FAILED: u8 = 2;

const USAGE: &str = "\
usage: tar -c|-x|-t [-zvhpo] [-f FILE] [-C DIRECTORY] [NAME...]
  --exclude=PATTERN  --strip-components=NUMBER  --no-same-owner  --same-owner
  --owner=NUMBER  --group=NUMBER  --mtime=@SECONDS  --sort=name
";

/// Runs it; the first of `args` is its name.
pub(crate) fn run(args: Vec<OsString>) -> u8 {
    if args.iter().any(|arg| arg == "--help") {
        let _ = io::stdout().write_all(USAGE.as_bytes());
        return 0;
    }
    let done = Arguments::parse(args.into_iter().skip(1)).and_then(|args| match args.mode {
        Mode::Create => create::run(&args),
        Mode::Extract | Mode::List => extract::run(&args),
    });
    match done {
        Ok(()) => 0,
        Err(problem) => {
            tell(&problem);
            FAILED
        }
    }
}

/// Says something on standard error.
fn tell(text: &str) {
    // There is nobody to tell when standard error is gone.
    let _ = writeln!(io::stderr(), "tar: {text}");
}

/// An error with everything that caused it, as one text.
fn chain(err: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(err.source(), |err| err.source());
    causes.fold(err.to_string(), |text, cause| format!("{text}: {cause}"))
}
