//! Credential helpers: programs that store credentials for Docker and Podman.

use std::{
    ffi::OsStr,
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use s2i_core::{
    Secret, bounds,
    credential::{Credential, TOKEN_USER},
};
use serde::Deserialize;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::Command,
};

use super::error::CredentialError;

/// The time that a helper may take. Some ask a service on the network, some ask the user.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The output of a helper that has no credential. The protocol has no exit code for that.
const NOT_FOUND: &[u8] = b"credentials not found in native keychain";

/// The credential helper `docker-credential-NAME`.
pub(super) struct Helper<'a> {
    name: &'a str,
    path: Option<&'a OsStr>,
}

struct Output {
    status: ExitStatus,
    stdout: Vec<u8>,
}

/// The answer to `get`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

impl<'a> Helper<'a> {
    /// The helper of this name, in one of the directories of `path`.
    pub(super) fn new(name: &'a str, path: Option<&'a OsStr>) -> Self {
        Self { name, path }
    }

    /// Returns the credential for `server`, where the helper has one.
    pub(super) async fn get(&self, server: &str) -> Result<Option<Credential>, CredentialError> {
        let (program, output) = self.run("get", server).await?;
        if !output.status.success() {
            return match output.stdout.trim_ascii() {
                NOT_FOUND => Ok(None),
                _ => Err(exit_error(program, &output)),
            };
        }
        // The parser's message may quote the secret.
        let Ok(answer) = serde_json::from_slice::<Answer>(&output.stdout) else {
            return Err(CredentialError::HelperAnswer { program });
        };
        let secret = Secret::new(answer.secret);
        Ok(Some(match answer.username.as_str() {
            TOKEN_USER => Credential::Identity(secret),
            _ => Credential::Password {
                user: answer.username,
                password: secret,
            },
        }))
    }

    /// Makes the helper store a credential for `server`.
    pub(super) async fn store(
        &self,
        server: &str,
        credential: &Credential,
    ) -> Result<(), CredentialError> {
        let secret = match credential {
            Credential::Password { password, .. } => password,
            Credential::Identity(token) => token,
        };
        let login =
            json!({"ServerURL": server, "Username": credential.user(), "Secret": secret.reveal()});
        self.order("store", &login.to_string()).await
    }

    /// Makes the helper erase its credential for `server`.
    pub(super) async fn erase(&self, server: &str) -> Result<(), CredentialError> {
        self.order("erase", server).await
    }

    /// Runs the helper for a verb that has no answer.
    async fn order(&self, verb: &str, input: &str) -> Result<(), CredentialError> {
        let (program, output) = self.run(verb, input).await?;
        if output.status.success() {
            Ok(())
        } else {
            Err(exit_error(program, &output))
        }
    }

    /// Finds the program and runs it, for a limited time.
    async fn run(&self, verb: &str, input: &str) -> Result<(PathBuf, Output), CredentialError> {
        let program = self.program()?;
        let run = run(&program, verb, input, self.path);
        match tokio::time::timeout(TIMEOUT, run).await {
            Ok(Ok(output)) => Ok((program, output)),
            Ok(Err(source)) => Err(CredentialError::RunHelper { program, source }),
            Err(_) => Err(CredentialError::HelperTime {
                program,
                limit: TIMEOUT,
            }),
        }
    }

    /// Returns the program in the first directory that has it. Relative directories are left out, so that nothing from
    /// a source directory ever runs.
    fn program(&self) -> Result<PathBuf, CredentialError> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if self.name.is_empty() || !self.name.chars().all(is_plain) {
            return Err(CredentialError::HelperName(self.name.into()));
        }
        let file = format!("docker-credential-{}", self.name);
        std::env::split_paths(self.path.unwrap_or_default())
            .filter(|dir| dir.is_absolute())
            .map(|dir| dir.join(&file))
            .find(|program| is_executable(program))
            .ok_or_else(|| CredentialError::NoHelper(self.name.into()))
    }
}

fn exit_error(program: PathBuf, output: &Output) -> CredentialError {
    CredentialError::HelperFailed {
        program,
        status: output.status,
    }
}

/// Runs the program, which is killed when the future is dropped.
async fn run(program: &Path, verb: &str, input: &str, path: Option<&OsStr>) -> io::Result<Output> {
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
        // A helper that needs no input may have ended by now; its answer counts.
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

fn is_executable(program: &Path) -> bool {
    let meta = program.metadata();
    meta.is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Creates a directory with a helper `x` that is this script.
    fn helper(script: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let text = dir.path().join("text");
        std::fs::write(&text, format!("#!/bin/sh\n{script}\n")).unwrap();
        // Another process copies it: a child of a test that runs at the same time could inherit a file that is open
        // for writing here, and such a program can't be run.
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
        let answer = Helper::new("x", Some(&path)).get("r.example").await;
        answer.map_err(|err| {
            assert!(!format!("{err:?}").contains("top-secret"));
            err.to_string().replace(dir.path().to_str().unwrap(), "DIR")
        })
    }

    fn password(user: &str, password: &str) -> Credential {
        Credential::Password {
            user: user.into(),
            password: Secret::new(password.into()),
        }
    }

    #[tokio::test]
    async fn answers_follow_the_protocol_of_docker() {
        assert_eq!(
            answer(r#"printf '{"ServerURL":"","Username":"%s","Secret":"%s"}' "$1" "$(cat)""#)
                .await,
            Ok(Some(password("get", "r.example")))
        );
        assert_eq!(
            answer(r#"echo '{"Username":"<token>","Secret":"t"}'"#).await,
            Ok(Some(Credential::Identity(Secret::new("t".into()))))
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
    async fn hanging_helper_fails_after_a_minute() {
        assert_eq!(
            answer("exec sleep 1000").await,
            Err("`DIR/docker-credential-x` did not end within 60 seconds".into())
        );
    }

    #[test]
    fn only_plain_names_in_absolute_directories_are_run() {
        let dir = helper("exit 0");
        let path = dir.path().as_os_str();
        assert!(Helper::new("x", Some(path)).program().is_ok());
        for name in ["", "../x", "a/b", "x y", "x;y", "$x", "ä"] {
            let err = Helper::new(name, Some(path)).program().unwrap_err();
            assert!(matches!(err, CredentialError::HelperName(_)), "{name}");
        }
        for path in [None, Some(OsStr::new("")), Some(OsStr::new(".:relative"))] {
            let err = Helper::new("x", path).program().unwrap_err();
            assert!(matches!(err, CredentialError::NoHelper(_)), "{path:?}");
        }
        std::fs::set_permissions(
            dir.path().join("docker-credential-x"),
            PermissionsExt::from_mode(0o644),
        )
        .unwrap();
        assert!(Helper::new("x", Some(path)).program().is_err());
    }
}
