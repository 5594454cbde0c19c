//! `which`: where a program is. No crate of uutils has it, and many scripts ask with it.

use std::{
    ffi::{OsStr, OsString},
    io::{self, Write},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

/// Prints the place of each program, or with `-a` all its places; the status is 1 when one has none. The
/// first of `args` is the name of the tool.
pub(crate) fn run(args: &[OsString]) -> u8 {
    let (options, programs): (Vec<_>, Vec<_>) = args
        .iter()
        .skip(1)
        .partition(|arg| arg.as_bytes().starts_with(b"-"));
    let most = if options.iter().any(|option| *option == "-a") {
        usize::MAX
    } else {
        1
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut status = 0;
    for program in programs {
        let places = places(program, &path);
        status = status.max(u8::from(places.is_empty()));
        for place in places.iter().take(most) {
            // Who does not read the place wants the status.
            let _ = writeln!(io::stdout(), "{}", place.display());
        }
    }
    status
}

fn places(program: &OsStr, path: &OsStr) -> Vec<PathBuf> {
    let is_program = |place: &PathBuf| {
        let found = place.metadata();
        found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    if program.as_bytes().contains(&b'/') {
        return Some(Path::new(program).to_owned())
            .into_iter()
            .filter(is_program)
            .collect();
    }
    let places = std::env::split_paths(path).map(|directory| directory.join(program));
    places.filter(is_program).collect()
}
