//! The five scripts, and the choice of the one that this process is.

mod assemble;
mod assemble_runtime;
mod run;
mod save_artifacts;
mod start;
mod usage;

use std::{borrow::Cow, ffi::OsString};

use s2i_core::Script;

use crate::{Error, Host, exit};

/// Runs the script that the host's arguments name, and returns the code to exit with.
///
/// The file name of the first argument names it; where that is not a script, the second argument does.
pub fn dispatch(host: &mut Host<'_>) -> u8 {
    let args = host.args().to_vec();
    let (name, result) = match script_of(&args) {
        Ok((script, args)) => (script.file_name(), run_script(script, args, host)),
        Err(err) => ("s2i-scripts", Err(err)),
    };
    result.unwrap_or_else(|err| {
        host.console.note(err.render(name));
        err.explain().code
    })
}

/// Returns the script, and the arguments that remain for it.
fn script_of(args: &[OsString]) -> Result<(Script, &[OsString]), Error> {
    for (index, name) in args.iter().take(2).enumerate() {
        let name = name.to_string_lossy();
        let script = if index == 0 {
            Script::from_arg0(&name)
        } else {
            Script::from_file_name(&name)
        };
        if let Some(script) = script {
            return Ok((script, &args[index + 1..]));
        }
    }
    let name = args.get(1).or(args.first()).cloned().unwrap_or_default();
    let name = name.to_string_lossy().into_owned();
    Err(Error::UnknownScript { name })
}

/// Runs a script, and returns the code to exit with.
fn run_script(script: Script, args: &[OsString], host: &mut Host<'_>) -> Result<u8, Error> {
    if matches!(script, Script::Run | Script::Assemble) {
        host.identify();
    }
    // Its arguments belong to the application, whatever they look like.
    if script == Script::Run {
        return run::run(args, host);
    }
    let args: Vec<_> = args.iter().map(|arg| arg.to_string_lossy()).collect();
    let args: Vec<&str> = args.iter().map(Cow::as_ref).collect();
    match (script, args.as_slice()) {
        (_, ["-h" | "--help"]) | (Script::Usage, []) => usage::print(host),
        (Script::Assemble, []) => assemble::assemble(host)?,
        (Script::Assemble, ["--plan"]) => assemble::print_plan(host)?,
        (Script::SaveArtifacts, []) => save_artifacts::save_artifacts(host)?,
        (Script::AssembleRuntime, []) => assemble_runtime::assemble_runtime(host)?,
        (Script::Usage, ["--json"]) => usage::print_json(host),
        (_, args) => return Err(unknown(script, args)),
    }
    Ok(exit::OK)
}

fn unknown(script: Script, args: &[&str]) -> Error {
    let is_unknown = |arg: &&&str| !matches!(**arg, "-h" | "--help" | "--plan" | "--json");
    let argument = args.iter().find(is_unknown).or(args.last()).copied();
    let argument = argument.unwrap_or_default().to_owned();
    Error::Argument { script, argument }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(args: &[&str], expected: Result<(Script, usize), &str>) {
        let args: Vec<_> = args.iter().map(OsString::from).collect();
        let actual = script_of(&args)
            .map(|(script, rest)| (script, rest.len()))
            .map_err(|err| err.to_string());
        assert_eq!(
            actual,
            expected.map_err(|name| format!("`{name}` is not a script of an image"))
        );
    }

    #[test]
    fn script_is_named_by_the_program_or_else_by_the_first_argument() {
        check(&["/x/assemble"], Ok((Script::Assemble, 0)));
        check(
            &["/x/s2i-scripts", "assemble", "-h"],
            Ok((Script::Assemble, 1)),
        );
        check(&["/x/run", "assemble"], Ok((Script::Run, 1)));
        check(&["/x/s2i-scripts", "/x/run"], Err("/x/run"));
        check(&["/x/s2i-scripts"], Err("/x/s2i-scripts"));
        check(&[], Err(""));
    }

    #[test]
    fn unknown_argument_is_named() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut host = Host::new(
            ["assemble", "--plan", "now"],
            [("A", "b")],
            &mut out,
            &mut err,
        );
        assert_eq!(dispatch(&mut host), exit::USAGE);
        assert_eq!(
            String::from_utf8(err).unwrap(),
            "assemble: unknown argument `now`\n  try: `assemble -h` lists the arguments\n"
        );
    }
}
