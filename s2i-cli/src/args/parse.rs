//! Parsing of a command line in the forms that the Go `s2i` accepts: `--flag=true`, options that are given more than
//! once, and options of a command before its name.

use std::ffi::OsString;

use clap::{
    Arg, ArgAction, Command, CommandFactory as _, Error, FromArgMatches as _, error::ErrorKind,
};

use super::Args;

/// Parses the words of a command line, of which the first is the name of the program.
///
/// # Errors
/// Those of clap, which include the requests for help and for the version.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Args, Error> {
    let mut command = with_go_forms(Args::command());
    command.build();
    let words = with_command_first(&command, words.into_iter().collect());
    let parsed = command.try_get_matches_from_mut(&words);
    match parsed.and_then(|matches| Args::from_arg_matches(&matches)) {
        // The help shows flags without their values.
        Err(err) if err.kind() == ErrorKind::DisplayHelp => Err(Args::command()
            .try_get_matches_from(words)
            .err()
            .unwrap_or(err)),
        parsed => parsed,
    }
}

/// Lets all flags have values, and the last one of several values count.
pub(crate) fn with_go_forms(command: Command) -> Command {
    let with_value = |arg: Arg| match arg.get_action() {
        ArgAction::SetTrue => arg
            .action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .default_value("false")
            .value_parser(boolean),
        _ => arg,
    };
    let command = command.args_override_self(true).mut_args(with_value);
    command.mut_subcommands(with_go_forms)
}

/// Parses a boolean in the notations of Go.
pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "True" | "TRUE" => Ok(true),
        "0" | "f" | "F" | "false" | "False" | "FALSE" => Ok(false),
        _ => Err("use true or false".into()),
    }
}

/// Moves the name of the command before its options. The name is the first one of a command before which there are only
/// complete options of this command.
pub(crate) fn with_command_first(cli: &Command, mut words: Vec<OsString>) -> Vec<OsString> {
    let position = (1..words.len()).find(|&index| {
        let command = cli.find_subcommand(&words[index]);
        command.is_some_and(|command| are_options(command, &words[1..index]))
    });
    if let Some(position) = position {
        words[1..=position].rotate_right(1);
    }
    words
}

/// Returns whether all words are options of the command or values of these.
fn are_options(command: &Command, words: &[OsString]) -> bool {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match value(command, word) {
            Some(Value::Here) => {}
            Some(Value::Next) if words.next().is_some() => {}
            _ => return false,
        }
    }
    true
}

/// The place of the value of an option.
enum Value {
    /// In the same word, or nowhere.
    Here,
    /// In the next word.
    Next,
}

/// Returns the place of the value of an option, if the command has the option.
fn value(command: &Command, word: &OsString) -> Option<Value> {
    let word = word.to_str()?;
    if let Some(long) = word.strip_prefix("--") {
        let (name, attached) = long
            .split_once('=')
            .map_or((long, None), |(name, value)| (name, Some(value)));
        let is_named = |arg: &&Arg| {
            let names = arg.get_long_and_visible_aliases().unwrap_or_default();
            names.contains(&name)
        };
        let arg = command.get_arguments().find(is_named)?;
        return Some(if attached.is_none() && takes_next(arg) {
            Value::Next
        } else {
            Value::Here
        });
    }
    // Several flags may share a word.
    let flags = word.strip_prefix('-').filter(|flags| !flags.is_empty())?;
    for (index, short) in flags.char_indices() {
        let mut arguments = command.get_arguments();
        let arg = arguments.find(|arg| arg.get_short() == Some(short))?;
        let rest = &flags[index + short.len_utf8()..];
        if takes_next(arg) {
            return Some(if rest.is_empty() {
                Value::Next
            } else {
                Value::Here
            });
        }
        if rest.starts_with('=') {
            break;
        }
    }
    Some(Value::Here)
}

/// Returns whether an option without `=` has its value in the next word.
fn takes_next(arg: &Arg) -> bool {
    arg.get_action().takes_values() && !arg.is_require_equals_set()
}
