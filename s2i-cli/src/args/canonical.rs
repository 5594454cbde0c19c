//! The options of a build in one form, for a process that does the build elsewhere.

use std::ffi::OsString;

use clap::{ArgMatches, Command, CommandFactory as _, parser::ValueSource};

use super::{
    Args,
    parse::{with_command_first, with_go_forms},
};

/// Returns the options of `s2i build` in the words of a command line, each as `--name=value` and sorted by name, without
/// those with the identifiers in `left_out`. Options that come from the environment are left out too.
pub(crate) fn build_options(words: &[OsString], left_out: &[&str]) -> Vec<String> {
    let mut command = with_go_forms(Args::command());
    command.build();
    let words = with_command_first(&command, words.to_vec());
    let Ok(matches) = command.try_get_matches_from_mut(&words) else {
        return Vec::new();
    };
    let (Some(build), Some(matches)) = (
        command.find_subcommand("build"),
        matches.subcommand_matches("build"),
    ) else {
        return Vec::new();
    };
    options(build, matches, left_out)
}

/// Returns the options of a command that were given, in the same form. The matches may lack some of them.
pub(super) fn options(command: &Command, matches: &ArgMatches, left_out: &[&str]) -> Vec<String> {
    let given = command.get_arguments().filter(|arg| {
        let id = arg.get_id().as_str();
        !arg.is_positional()
            && !left_out.contains(&id)
            && matches.try_contains_id(id).unwrap_or_default()
            && matches.value_source(id) == Some(ValueSource::CommandLine)
    });
    let options = given.flat_map(|arg| {
        let name = arg.get_long().unwrap_or_default();
        let values = matches.get_raw(arg.get_id().as_str());
        let values = values.into_iter().flatten();
        values.map(move |value| format!("--{name}={}", value.to_string_lossy()))
    });
    let mut options: Vec<_> = options.collect();
    // The order of one option's values counts, and a stable sort by the name keeps it.
    options.sort_by(|a, b| name_of(a).cmp(name_of(b)));
    options
}

fn name_of(option: &str) -> &str {
    option.split('=').next().unwrap_or(option)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(words: &str, left_out: &[&str]) -> Vec<String> {
        let words = words.split(' ').map(OsString::from);
        build_options(&words.collect::<Vec<_>>(), left_out)
    }

    #[test]
    fn options_are_in_one_form() {
        let line = "s2i --tls-verify=false build -e B=2 . s2i/go app --incremental -e A=1 --copy=true -r HEAD~1";
        assert_eq!(
            options(line, &["copy", "git_ref"]),
            [
                "--env=B=2",
                "--env=A=1",
                "--incremental=true",
                "--tls-verify=false"
            ]
        );
    }

    #[test]
    fn options_are_parsed_again() {
        let line = "s2i build . s2i/go app -e A=1 --incremental --runtime-image s2i/scratch";
        let options = options(line, &[]);
        let again = ["s2i", "build", ".", "s2i/go", "app"];
        let again = again.into_iter().map(str::to_owned).chain(options.clone());
        let again: Vec<_> = again.map(OsString::from).collect();
        assert_eq!(build_options(&again, &[]), options);
    }
}
