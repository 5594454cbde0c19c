//! Credential helpers: programs that keep passwords for Docker and Podman.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use s2i_core::{
    bounds,
    login::{Credential, Hidden, TOKEN_USER},
};
use serde::Deserialize;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::Command,
};

use super::credentials::CredentialError;

/// How long a helper may take. Some ask a service on the network, some ask the user.
const LIMIT: Duration = Duration::from_secs(60);

/// What helpers write, by their protocol, when they simply have nothing; an exit code for that does
/// not exist.
const NOTHING: &[u8] = b"credentials not found in native keychain";

/// How a helper ended, and what it wrote.
struct Output {
    status: ExitStatus,
    stdout: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// What `docker-credential-NAME` has for `server`, where it has something.
pub(super) async fn get(
    name: &str,
    server: &str,
    path: Option<&OsString>,
) -> Result<Option<Credential>, CredentialError> {
    let (program, output) = ask(name, "get", server, path).await?;
    if !output.status.success() {
        return match output.stdout.trim_ascii() {
            NOTHING => Ok(None),
            _ => Err(failed(program, &output)),
        };
    }
    // No word of the parser's about what it found: that may be the secret.
    let Ok(answer) = serde_json::from_slice::<Answer>(&output.stdout) else {
        return Err(CredentialError::HelperAnswer { program });
    };
    let secret = Hidden::new(answer.secret);
    Ok(Some(match answer.username.as_str() {
        TOKEN_USER => Credential::Identity(secret),
        _ => Credential::Password {
            user: answer.username,
            password: secret,
        },
    }))
}

/// Lets `docker-credential-NAME` keep a login for `server`.
pub(super) async fn store(
    name: &str,
    server: &str,
    credential: &Credential,
    path: Option<&OsString>,
) -> Result<(), CredentialError> {
    let secret = match credential {
        Credential::Password { password, .. } => password,
        Credential::Identity(token) => token,
    };
    let login =
        json!({"ServerURL": server, "Username": credential.user(), "Secret": secret.reveal()});
    order(name, "store", &login.to_string(), path).await
}

/// Lets `docker-credential-NAME` forget its login for `server`.
pub(super) async fn erase(
    name: &str,
    server: &str,
    path: Option<&OsString>,
) -> Result<(), CredentialError> {
    order(name, "erase", server, path).await
}

/// Asks for something that has no answer.
async fn order(
    name: &str,
    verb: &str,
    input: &str,
    path: Option<&OsString>,
) -> Result<(), CredentialError> {
    let (program, output) = ask(name, verb, input, path).await?;
    if output.status.success() {
        Ok(())
    } else {
        Err(failed(program, &output))
    }
}

fn failed(program: PathBuf, output: &Output) -> CredentialError {
    CredentialError::HelperFailed {
        program,
        status: output.status,
    }
}

/// Finds the program and runs it, for a while.
async fn ask(
    name: &str,
    verb: &str,
    input: &str,
    path: Option<&OsString>,
) -> Result<(PathBuf, Output), CredentialError> {
    let program = find(name, path.map(OsString::as_os_str))?;
    let run = run(&program, verb, input, path);
    match tokio::time::timeout(LIMIT, run).await {
        Ok(Ok(output)) => Ok((program, output)),
        Ok(Err(source)) => Err(CredentialError::RunHelper { program, source }),
        Err(_) => Err(CredentialError::HelperTime {
            program,
            limit: LIMIT,
        }),
    }
}

/// Runs the program. It is killed when nobody waits for it any more.
async fn run(
    program: &Path,
    verb: &str,
    input: &str,
    path: Option<&OsString>,
) -> io::Result<Output> {
    let mut command = Command::new(program);
    command
        .arg(verb)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    if let Some(path) = path {
        command.env("PATH", path);
    }
    let mut child = command.spawn()?;
    if let Some(mut pipe) = child.stdin.take() {
        // One that needs no input may have ended by now; its answer counts.
        let _ = pipe.write_all(input.as_bytes()).await;
    }
    let mut stdout = Vec::new();
    if let Some(pipe) = child.stdout.take() {
        pipe.take(bounds::ANSWER + 1)
            .read_to_end(&mut stdout)
            .await?;
    }
    if stdout.len() as u64 > bounds::ANSWER {
        let too_long = bounds::TooLong(bounds::ANSWER);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, too_long));
    }
    let status = child.wait().await?;
    Ok(Output { status, stdout })
}

/// The program in the first directory that has it. Relative directories are left out, so that
/// nothing from a source directory is ever run.
fn find(name: &str, path: Option<&OsStr>) -> Result<PathBuf, CredentialError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || !name.chars().all(is_plain) {
        return Err(CredentialError::HelperName(name.into()));
    }
    let file = format!("docker-credential-{name}");
    std::env::split_paths(path.unwrap_or_default())
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join(&file))
        .find(|program| is_executable(program))
        .ok_or_else(|| CredentialError::NoHelper(name.into()))
}

fn is_executable(program: &Path) -> bool {
    let meta = program.metadata();
    meta.is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with a helper `x` that is this script.
    fn helper(script: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let text = dir.path().join("text");
        std::fs::write(&text, format!("#!/bin/sh\n{script}\n")).unwrap();
        // Copied by a process of its own: what another test starts at this moment could inherit
        // the open file, and a program that is open for writing can't be run.
        let installed = std::process::Command::new("install")
            .args(["-m", "755"])
            .args([&text, &dir.path().join("docker-credential-x")])
            .status();
        assert!(installed.unwrap().success());
        dir
    }

    async fn answer(script: &str) -> Result<Option<Credential>, String> {
        let dir = helper(script);
        let mut path = dir.path().as_os_str().to_owned();
        path.push(":/usr/bin:/bin");
        let answer = get("x", "r.example", Some(&path)).await;
        answer.map_err(|err| {
            assert!(!format!("{err:?}").contains("top-secret"));
            err.to_string().replace(dir.path().to_str().unwrap(), "DIR")
        })
    }

    fn password(user: &str, password: &str) -> Credential {
        Credential::Password {
            user: user.into(),
            password: Hidden::new(password.into()),
        }
    }

    #[tokio::test]
    async fn helpers_are_asked_as_docker_asks_them() {
        assert_eq!(
            answer(r#"printf '{"ServerURL":"","Username":"%s","Secret":"%s"}' "$1" "$(cat)""#)
                .await,
            Ok(Some(password("get", "r.example")))
        );
        assert_eq!(
            answer(r#"echo '{"Username":"<token>","Secret":"t"}'"#).await,
            Ok(Some(Credential::Identity(Hidden::new("t".into()))))
        );
        assert_eq!(
            answer("echo credentials not found in native keychain; exit 1").await,
            Ok(None)
        );
        assert_eq!(
            answer("echo top-secret; exit 3").await,
            Err("`DIR/docker-credential-x` ended with exit status: 3".into())
        );
        assert_eq!(
            answer(r#"echo '{"Username":"u","Secret":["top-secret"]}'"#).await,
            Err("`DIR/docker-credential-x` did not answer with credentials".into())
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_helper_that_hangs_is_given_up() {
        assert_eq!(
            answer("exec sleep 1000").await,
            Err("`DIR/docker-credential-x` did not end within 60 seconds".into())
        );
    }

    #[test]
    fn only_plain_names_in_absolute_directories_are_run() {
        let dir = helper("exit 0");
        let path = dir.path().as_os_str();
        assert!(find("x", Some(path)).is_ok());
        for name in ["", "../x", "a/b", "x y", "x;y", "$x", "ä"] {
            let err = find(name, Some(path)).unwrap_err();
            assert!(matches!(err, CredentialError::HelperName(_)), "{name}");
        }
        for path in [None, Some(OsStr::new("")), Some(OsStr::new(".:relative"))] {
            let err = find("x", path).unwrap_err();
            assert!(matches!(err, CredentialError::NoHelper(_)), "{path:?}");
        }
        std::fs::set_permissions(
            dir.path().join("docker-credential-x"),
            PermissionsExt::from_mode(0o644),
        )
        .unwrap();
        assert!(find("x", Some(path)).is_err());
    }
}
