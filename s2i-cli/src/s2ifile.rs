//! The file `.s2ifile`, in which `--use-config` keeps the arguments of a build for the next one.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{self, Write as _},
    path::Path,
};

use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory as _, parser::ValueSource};
use s2i_core::{Diagnostic, bounds, secret};
use serde::{Deserialize, Serialize};

use crate::{
    args::{Args, Build, with_command_first, with_go_forms},
    error::Error,
};

pub(crate) const FILE: &str = ".s2ifile";
const OLD_FILE: &str = ".stifile";

const OPTION: &str = "--use-config";
const OPTION_ID: &str = "use_config";
const BUILD: &str = "build";
const ENV: &str = "env";

/// Options that are not kept: this one, and those with secrets.
const NOT_KEPT: [&str; 2] = ["use-config", "secret"];

/// Parts of names of variables that have secrets.
const SECRET_NAMES: [&str; 7] = [
    "token",
    "pass",
    "pwd",
    "secret",
    "credential",
    "auth",
    "key",
];

/// The content of the file, in the form of the Go `s2i`. Lists are lists here.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct S2iFile {
    source: String,
    builder_image: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    tag: String,
    flags: BTreeMap<String, Value>,
}

/// The value of an option.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Value {
    One(String),
    Many(Vec<String>),
}

/// Returns the command line with the arguments that the file adds to it, and findings about the file. Without
/// `--use-config` the command line stays as it is.
pub(crate) fn restored(words: Vec<OsString>, dir: &Path) -> (Vec<OsString>, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    // It may have a value: `--use-config=true`.
    let is_option = |word: &OsString| {
        let word = word.as_encoded_bytes();
        word.starts_with(OPTION.as_bytes())
    };
    if !words.iter().any(is_option) {
        return (words, diagnostics);
    }
    let mut command = lenient();
    let mut words = with_command_first(&command, words);
    let Ok(matches) = command.try_get_matches_from_mut(&words) else {
        // The usual parser reports it.
        return (words, diagnostics);
    };
    let Some((BUILD, given)) = matches.subcommand() else {
        return (words, diagnostics);
    };
    if !given.get_flag(OPTION_ID) {
        return (words, diagnostics);
    }
    let Some(file) = read(dir, &mut diagnostics) else {
        return (words, diagnostics);
    };
    let build = command.find_subcommand(BUILD);
    let options = build.into_iter().flat_map(Command::get_arguments);
    let options: Vec<_> = options.collect();
    let is_given = |id: &str| given.value_source(id) == Some(ValueSource::CommandLine);
    let mut added = Vec::new();
    for (name, value) in &file.flags {
        let name = if is_env(name) { ENV } else { name };
        let option = options
            .iter()
            .find(|option| option.get_long() == Some(name));
        match option {
            _ if NOT_KEPT.contains(&name) => {}
            None => {
                let message = format!("there is no option `--{name}`, so this one is left out");
                diagnostics.push(Diagnostic::new(FILE, message));
            }
            Some(option) if is_given(option.get_id().as_str()) => {}
            Some(option) => {
                let is_list = matches!(option.get_action(), ArgAction::Append);
                added.extend(option_words(name, is_list, value));
            }
        }
    }
    // A name may follow `--`, after which there are no options.
    let position = words.iter().position(|word| word == BUILD);
    let position = position.map_or(words.len(), |position| position + 1);
    words.splice(position..position, added);
    if !is_given("source") {
        let names = [file.source, file.builder_image, file.tag];
        let names: Vec<_> = names.into_iter().filter(|name| !name.is_empty()).collect();
        words.push("--".into());
        words.extend(names.into_iter().map(OsString::from));
    }
    (words, diagnostics)
}

/// Returns the parser of a command line, for which the file may have the names.
fn lenient() -> Command {
    let optional = |arg: Arg| {
        if arg.get_id() == "source" {
            arg.required(false)
        } else {
            arg
        }
    };
    let command = Args::command().mut_subcommand(BUILD, |build| build.mut_args(optional));
    let mut command = with_go_forms(command);
    command.build();
    command
}

/// Returns whether an entry is a variable: `env-0`, or all of them in the oldest form.
fn is_env(name: &str) -> bool {
    let number = name.strip_prefix("env-");
    name == ENV || number.is_some_and(|number| number.parse::<u32>().is_ok())
}

fn option_words(name: &str, is_list: bool, value: &Value) -> Vec<OsString> {
    let values = match value {
        // The Go tool puts a list into brackets, once more in each round.
        Value::One(value) if is_list && value.starts_with('[') => {
            let items = value.trim_matches(['[', ']']).split(',');
            items
                .filter(|item| !item.is_empty())
                .map(str::to_owned)
                .collect()
        }
        Value::One(value) => vec![value.clone()],
        Value::Many(values) => values.clone(),
    };
    let words = values.into_iter();
    words
        .map(|value| format!("--{name}={value}").into())
        .collect()
}

/// Reads the file. One that can't be read is a warning: the build may have all that it needs.
fn read(dir: &Path, diagnostics: &mut Vec<Diagnostic>) -> Option<S2iFile> {
    for name in [FILE, OLD_FILE] {
        let text = match bounds::read_file(&dir.join(name), bounds::FILE) {
            Ok(text) => text,
            Err(err) if err.kind() == io::ErrorKind::NotFound => continue,
            Err(err) => {
                diagnostics.push(Diagnostic::new(name, format!("it can't be read: {err}")));
                return None;
            }
        };
        if name == OLD_FILE {
            let message = format!("this name is deprecated; the build is kept in `{FILE}`");
            diagnostics.push(Diagnostic::new(name, message));
        }
        return match serde_json::from_slice(&text) {
            Ok(file) => Some(file),
            Err(err) => {
                let (line, column) = (err.line(), err.column());
                let message = format!("it is not used: see line {line}, column {column}");
                diagnostics.push(Diagnostic::new(name, message));
                None
            }
        };
    }
    None
}

/// Writes the arguments of a build into the file, for the user alone, and returns warnings about those that are not
/// kept.
///
/// # Errors
/// [`Error::WriteFile`].
pub(crate) fn save(
    words: &[OsString],
    build: &Build,
    dir: &Path,
) -> Result<Vec<Diagnostic>, Error> {
    let mut command = lenient();
    let Ok(matches) = command.try_get_matches_from_mut(words) else {
        return Ok(Vec::new());
    };
    let Some((BUILD, given)) = matches.subcommand() else {
        return Ok(Vec::new());
    };
    let options = command.find_subcommand(BUILD);
    let options = options.into_iter().flat_map(Command::get_arguments);
    let mut left_out = Vec::new();
    let mut flags = BTreeMap::new();
    for option in options {
        let (Some(name), id) = (option.get_long(), option.get_id().as_str()) else {
            continue;
        };
        if given.value_source(id) == Some(ValueSource::CommandLine) && !NOT_KEPT.contains(&name) {
            let (kept, secrets): (Vec<_>, Vec<_>) = raw(given, id)
                .into_iter()
                .partition(|value| !is_secret(name, value));
            left_out.extend(secrets.iter().map(|_| format!("--{name}")));
            add(&mut flags, name, kept);
        }
    }
    let name = |image: &Option<s2i_core::ImageRef>| {
        image.as_ref().map(ToString::to_string).unwrap_or_default()
    };
    let file = S2iFile {
        source: build.source.to_string(),
        builder_image: name(&build.builder),
        tag: name(&build.tag),
        flags,
    };
    write(dir, &file).map_err(|source| Error::WriteFile {
        path: dir.join(FILE),
        source,
    })?;
    left_out.dedup();
    let warning = |name: String| Diagnostic::new(FILE, format!("the secret in {name} is not kept"));
    Ok(left_out.into_iter().map(warning).collect())
}

fn raw(given: &ArgMatches, id: &str) -> Vec<String> {
    let values = given.get_raw(id).into_iter().flatten();
    values
        .map(|value| value.to_string_lossy().into_owned())
        .collect()
}

/// Adds an option; variables have an entry each.
fn add(flags: &mut BTreeMap<String, Value>, name: &str, mut values: Vec<String>) {
    if name == ENV {
        let numbered = values.into_iter().enumerate();
        flags.extend(numbered.map(|(at, value)| (format!("{ENV}-{at}"), Value::One(value))));
        return;
    }
    let value = match (values.len(), values.pop()) {
        (1, Some(only)) => Value::One(only),
        (_, Some(last)) => {
            values.push(last);
            Value::Many(values)
        }
        (_, None) => return,
    };
    flags.insert(name.to_owned(), value);
}

/// Returns whether a value has a login, or is that of a variable whose name stands for a secret.
fn is_secret(option: &str, value: &str) -> bool {
    let name = value.split('=').next().unwrap_or_default().to_lowercase();
    let is_named = option == ENV && SECRET_NAMES.iter().any(|part| name.contains(part));
    is_named || has_login(option, value)
}

/// Returns whether a value has a login. The names of users in addresses of SSH, digests of images and addresses of mail
/// are none, and the query of a URL that is asked may be one.
fn has_login(option: &str, value: &str) -> bool {
    let mut credentials = secret::credentials(value);
    if !value.contains("://") {
        return !value.contains("@sha256:") && credentials.any(|part| part.contains(':'));
    }
    let is_asked = ["callback-url", "scripts-url"].contains(&option);
    (is_asked && value.contains('?'))
        || (!value.starts_with("ssh://") && credentials.next().is_some())
}

/// Replaces the file by one that only its owner can read.
fn write(dir: &Path, file: &S2iFile) -> io::Result<()> {
    let mut new = tempfile::Builder::new().prefix(".s2i-").tempfile_in(dir)?;
    serde_json::to_writer_pretty(&mut new, file)?;
    new.write_all(b"\n")?;
    new.persist(dir.join(FILE))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    fn text(words: &[OsString]) -> String {
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        words.join(" ")
    }

    fn restore(file: &str, line: &str) -> (String, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), file).unwrap();
        let (words, diagnostics) = restored(words(line), dir.path());
        let diagnostics = diagnostics.iter().map(ToString::to_string);
        (text(&words), diagnostics.collect())
    }

    #[test]
    fn file_adds_what_the_command_line_lacks() {
        let file = r#"{"source": ".#v1", "builderImage": "s2i/go", "tag": "app", "flags": {
            "copy": "true", "env-0": "A=1,2", "env-1": "B=2", "ref": "v2", "use-config": "true",
            "allowed-uids": "1-", "runtime-artifact": "[[/a]]", "gone": "1", "loglevel": "3"}}"#;
        let (line, diagnostics) = restore(file, "s2i build --use-config -r v3");
        assert_eq!(
            line,
            "s2i build --allowed-uids=1- --copy=true --env=A=1,2 --env=B=2 --loglevel=3 \
             --runtime-artifact=/a --use-config -r v3 -- .#v1 s2i/go app"
        );
        assert_eq!(
            diagnostics,
            [".s2ifile: there is no option `--gone`, so this one is left out"]
        );
        let (line, _) = restore(file, "s2i --use-config=true build -e C=3 -- . other");
        assert_eq!(
            line,
            "s2i build --allowed-uids=1- --copy=true --loglevel=3 --ref=v2 --runtime-artifact=/a \
             --use-config=true -e C=3 -- . other"
        );
        let (line, _) = restore(file, "s2i build --use-config=false . other");
        assert_eq!(line, "s2i build --use-config=false . other");
        let (line, _) = restore(file, "s2i build . other");
        assert_eq!(line, "s2i build . other");
        let (line, diagnostics) = restore("[[", "s2i build --use-config");
        assert_eq!(line, "s2i build --use-config");
        assert_eq!(
            diagnostics,
            [".s2ifile: it is not used: see line 1, column 1"]
        );
    }

    #[test]
    fn build_is_kept_without_secrets_and_comes_back_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let line = "s2i build --use-config https://me:word@example.org/a#v1 s2i/go app -e A=x,y=z -e \
            NPM_TOKEN=abc -e P=http://u:word@proxy -c -a /x:y -a /z --runtime-image r";
        let given = words(line);
        let parsed = crate::args::parse(given.iter().cloned()).unwrap();
        let crate::Command::WithEngine(crate::EngineCommand::Build(build)) = parsed.command else {
            panic!("{parsed:?}");
        };
        let warnings = save(&given, &build, dir.path()).unwrap();
        let warnings: Vec<_> = warnings.iter().map(ToString::to_string).collect();
        assert_eq!(warnings, [".s2ifile: the secret in --env is not kept"]);
        let kept = fs::read_to_string(dir.path().join(FILE)).unwrap();
        assert!(!kept.contains("word") && !kept.contains("abc"), "{kept}");
        let mode = fs::metadata(dir.path().join(FILE)).unwrap();
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777,
            0o600
        );
        let (words, _) = restored(self::words("s2i build --use-config"), dir.path());
        assert_eq!(
            text(&words),
            "s2i build --copy=true --env=A=x,y=z --runtime-artifact=/x:y --runtime-artifact=/z \
             --runtime-image=r --use-config -- https://example.org/a#v1 s2i/go app"
        );
    }
}
