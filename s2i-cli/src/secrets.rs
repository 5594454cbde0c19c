//! The option `--secret`, in the notation of `docker buildx build`: the sources of secret values.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use s2i_core::{EnvVar, EnvVarError, Secret, bounds};
use thiserror::Error;

use crate::host::Host;

/// The maximum size of an environment variable on Linux in bytes: its name, a `=`, the value and a NUL.
const LONGEST: usize = 128 * 1024;

/// The source of a secret's value.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    Variable(String),
    File(PathBuf),
}

/// The reason for a rejected secret. No message shows a value, or text in the wrong place that may be one.
#[derive(Debug, Error)]
pub(crate) enum SecretError {
    #[error("a part of --secret is none of id=NAME, env=VARIABLE and src=FILE")]
    Syntax,
    #[error("a --secret has no id=NAME")]
    NoId,
    /// The text after the `=` may be a value.
    #[error("a --secret has the name of a variable with a `=` in it")]
    Name,
    #[error("the secret `{id}` can't come from env= and from src=")]
    TwoSources { id: String },
    #[error("the secret `{id}` is a file, and no src= names it")]
    NoFile { id: String },
    #[error("the secret `{id}` is missing: the variable `{variable}` is not set")]
    Unset { id: String, variable: String },
    #[error("can't read the secret `{id}` from `{}`", path.display())]
    Read {
        id: String,
        path: PathBuf,
        source: io::Error,
    },
    /// The value can't be an environment variable.
    #[error("the secret `{id}` {reason}")]
    Value { id: String, reason: &'static str },
}

/// Reads the secrets that `--secret` names.
pub(crate) fn read(typed: &[String], host: &Host) -> Result<Vec<Secret>, SecretError> {
    let secret = |text: &String| {
        let (id, source) = parse(text)?;
        let value = match source {
            Source::Variable(variable) => match host.variables.get(&variable) {
                Some(value) => value,
                None => return Err(SecretError::Unset { id, variable }),
            },
            Source::File(path) => content_of(&id, host.working_dir.join(path))?,
        };
        variable(&id, value)
    };
    typed.iter().map(secret).collect()
}

/// Reads the secrets in the files of a directory of directories, as Kubernetes mounts Secrets: each file is one, and its
/// name is that of the variable. A directory that does not exist has none.
///
/// # Errors
/// [`SecretError`] for a file that can't be read, and for a name or a content that no variable can have.
pub(crate) fn read_dirs(path: &Path) -> Result<Vec<Secret>, SecretError> {
    let mut secrets = Vec::new();
    for dir in entries(path)? {
        for file in entries(&dir)? {
            let id = file.file_name().unwrap_or_default().to_string_lossy();
            // The names that the kubelet keeps for itself are no keys.
            if !id.starts_with("..") {
                secrets.push(variable(&id, content_of(&id, file.clone())?)?);
            }
        }
    }
    Ok(secrets)
}

/// Returns the paths in a directory, sorted.
fn entries(dir: &Path) -> Result<Vec<PathBuf>, SecretError> {
    let failed = |source| SecretError::Read {
        id: dir.file_name().unwrap_or_default().to_string_lossy().into(),
        path: dir.to_owned(),
        source,
    };
    let listed = match fs::read_dir(dir) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.map_err(failed)?,
    };
    let paths = listed.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<io::Result<Vec<_>>>().map_err(failed)?;
    paths.sort();
    Ok(paths)
}

fn parse(text: &str) -> Result<(String, Source), SecretError> {
    let (mut id, mut variable, mut file, mut kind) = (None, None, None, None);
    for field in text.split(',') {
        let (name, value) = field.split_once('=').ok_or(SecretError::Syntax)?;
        let field = match name.trim() {
            "id" => &mut id,
            "env" => &mut variable,
            "src" | "source" => &mut file,
            "type" => &mut kind,
            _ => return Err(SecretError::Syntax),
        };
        *field = Some(value.to_owned()).filter(|value| !value.is_empty());
    }
    let id = id.ok_or(SecretError::NoId)?;
    let mut names = std::iter::once(&id).chain(&variable);
    if names.any(|name| name.contains('=')) {
        return Err(SecretError::Name);
    }
    if kind.as_deref() == Some("env") {
        // For this type, buildx treats `src` as the name of a variable.
        variable = variable.or_else(|| file.take());
    }
    let source = match (variable, file) {
        (Some(_), Some(_)) => return Err(SecretError::TwoSources { id }),
        (Some(variable), None) => Source::Variable(variable),
        (None, Some(file)) => Source::File(file.into()),
        (None, None) => match kind.as_deref() {
            None | Some("env") => Source::Variable(id.clone()),
            Some("file") => return Err(SecretError::NoFile { id }),
            Some(_) => return Err(SecretError::Syntax),
        },
    };
    Ok((id, source))
}

/// Returns the content of a file without its final line break, which editors add and no token has.
fn content_of(id: &str, path: PathBuf) -> Result<Vec<u8>, SecretError> {
    let read = File::open(&path).and_then(|file| bounds::head(file, LONGEST as u64));
    let mut content = read.map_err(|source| {
        let id = id.to_owned();
        SecretError::Read { id, path, source }
    })?;
    if content.ends_with(b"\n") {
        content.pop();
        content.pop_if(|last| *last == b'\r');
    }
    Ok(content)
}

fn variable(id: &str, value: Vec<u8>) -> Result<Secret, SecretError> {
    let bad = |reason| SecretError::Value {
        id: id.to_owned(),
        reason,
    };
    if id.len() + value.len() + 2 > LONGEST {
        return Err(bad("is longer than 128 KiB, and no variable can be"));
    }
    let value = String::from_utf8(value).map_err(|_| bad("is not text in UTF-8"))?;
    let variable = EnvVar::new(id, &value).map_err(|err| match err {
        EnvVarError::Nul(_) => bad("has a NUL byte in it"),
        _ => bad("has a name that no variable can have"),
    });
    variable.map(Secret::from)
}

impl SecretError {
    /// Returns the hint for the user.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Syntax | Self::NoId | Self::Name => Some(
                "for example --secret id=NPM_TOKEN, with the value in the variable NPM_TOKEN; or --secret id=NPM_TOKEN,src=FILE".into(),
            ),
            Self::Unset { id, .. } => Some(format!("set it, or name a file: --secret id={id},src=FILE")),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use s2i_core::ErrorChain;

    use super::*;
    use crate::host::Variables;

    /// A value that must not appear in messages.
    const VALUE: &str = "hunter22";

    fn host(dir: &std::path::Path) -> Host {
        Host {
            working_dir: dir.to_owned(),
            variables: Variables::from_iter([
                ("NPM_TOKEN".into(), VALUE.into()),
                ("EMPTY".into(), String::new().into()),
                (
                    "BYTES".into(),
                    std::os::unix::ffi::OsStringExt::from_vec(vec![b'h', 0xff]),
                ),
            ]),
            ..Host::default()
        }
    }

    #[test]
    fn secret_comes_from_a_variable_or_a_file() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("token"), "hunter22\n").unwrap();
        std::fs::write(dir.path().join("key"), "one\r\ntwo\n\r\n").unwrap();
        for (typed, name, value) in [
            ("id=NPM_TOKEN", "NPM_TOKEN", VALUE),
            ("id=TOKEN,env=NPM_TOKEN", "TOKEN", VALUE),
            ("type=env,id=TOKEN,src=NPM_TOKEN", "TOKEN", VALUE),
            ("id=EMPTY", "EMPTY", ""),
            ("id=TOKEN,src=token", "TOKEN", VALUE),
            ("type=file,source=token,id=TOKEN", "TOKEN", VALUE),
            ("id=KEY,src=key", "KEY", "one\r\ntwo\n"),
        ] {
            let secrets = read(&[typed.to_owned()], &host(dir.path())).unwrap();
            let variable = secrets[0].reveal();
            assert_eq!(
                (variable.name(), variable.value()),
                (name, value),
                "{typed}"
            );
        }
    }

    #[test]
    fn messages_do_not_contain_the_value() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("nul"), "hunter22\0").unwrap();
        std::fs::write(path("bytes"), b"hunter22\xff").unwrap();
        std::fs::write(path("long"), VALUE.repeat(LONGEST / VALUE.len() + 1)).unwrap();
        let message = |typed: &str| {
            let err = read(&[typed.to_owned()], &host(dir.path())).unwrap_err();
            let text = ErrorChain(&err).to_string();
            assert!(
                !text.contains(VALUE) && !format!("{err:?}").contains(VALUE),
                "{text}"
            );
            text.replace(dir.path().to_str().unwrap(), "DIR")
        };
        let lines = [
            "hunter22",
            "NPM_TOKEN=hunter22",
            "id=A,hunter22",
            "id=A,value=hunter22",
            "id=A,type=other",
            "env=NPM_TOKEN",
            "id=,env=NPM_TOKEN",
            "id=A,env=NPM_TOKEN,src=nul",
            "id=A,type=file",
            "id=A",
            "id=A,env=B",
            "id=A,src=none",
            "id=A,src=nul",
            "id=A,src=bytes",
            "id=A,env=BYTES",
            "id=A,src=long",
            "id=A=hunter22,env=NPM_TOKEN",
            "id=A,env=NPM_TOKEN=hunter22",
        ];
        let messages: Vec<_> = lines.iter().map(|typed| message(typed)).collect();
        insta::assert_snapshot!(messages.join("\n"), @"
        a part of --secret is none of id=NAME, env=VARIABLE and src=FILE
        a part of --secret is none of id=NAME, env=VARIABLE and src=FILE
        a part of --secret is none of id=NAME, env=VARIABLE and src=FILE
        a part of --secret is none of id=NAME, env=VARIABLE and src=FILE
        a part of --secret is none of id=NAME, env=VARIABLE and src=FILE
        a --secret has no id=NAME
        a --secret has no id=NAME
        the secret `A` can't come from env= and from src=
        the secret `A` is a file, and no src= names it
        the secret `A` is missing: the variable `A` is not set
        the secret `A` is missing: the variable `B` is not set
        can't read the secret `A` from `DIR/none`: No such file or directory (os error 2)
        the secret `A` has a NUL byte in it
        the secret `A` is not text in UTF-8
        the secret `A` is not text in UTF-8
        the secret `A` is longer than 128 KiB, and no variable can be
        a --secret has the name of a variable with a `=` in it
        a --secret has the name of a variable with a `=` in it
        ");
    }
}
