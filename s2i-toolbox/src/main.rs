//! A shell and the usual tools in one program, for builder images that have no distribution.
//!
//! It is called by the name of a tool, through a link, or as `s2i-toolbox NAME ARGUMENT...`. The shell
//! is brush, the tools are those of uutils, and `tar` is made of the archives of `s2i-core`.

mod shell;
mod tar;
mod tools;
mod which;

use std::{
    ffi::OsString,
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

/// How the program is called when it is not called by the name of a tool.
const OWN_NAME: &str = "s2i-toolbox";

/// What shells say of a program that is not there.
const NOT_FOUND: u8 = 127;

fn main() -> ExitCode {
    let mut args: Vec<OsString> = std::env::args_os().collect();
    let mut name = args.first().map(name_of).unwrap_or_default();
    if name == OWN_NAME && args.len() > 1 {
        args.remove(0);
        name = name_of(&args[0]);
        uucore::set_utility_is_second_arg();
    }
    // Login shells are called `-sh`.
    let status = match name.trim_start_matches('-') {
        "sh" => shell::run(shell::Flavour::Posix, &args),
        "bash" => shell::run(shell::Flavour::Bash, &args),
        "tar" => tar::run(args),
        "which" => which::run(&args),
        name => match tools::find(name) {
            Some(tool) => u8::try_from(tools::run(name, tool, args)).unwrap_or(u8::MAX),
            None => unknown(name),
        },
    };
    let _ = io::stdout().flush();
    ExitCode::from(status)
}

fn name_of(arg: &OsString) -> String {
    let name = Path::new(arg).file_name().unwrap_or(arg);
    name.to_string_lossy().into_owned()
}

fn unknown(name: &str) -> u8 {
    let names = tools::LINKS
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let text = if name == OWN_NAME {
        format!("usage: {OWN_NAME} NAME ARGUMENT...\nnames: {names}\n")
    } else {
        format!("{OWN_NAME}: there is no tool `{name}` in it\nnames: {names}\n")
    };
    // There is nobody to tell when standard error is gone.
    let _ = io::stderr().write_all(text.as_bytes());
    if name == OWN_NAME { 0 } else { NOT_FOUND }
}
