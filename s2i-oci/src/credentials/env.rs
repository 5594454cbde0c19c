//! The environment of a process, as far as it names files with credentials.

use std::{env, ffi::OsString, path::PathBuf};

use s2i_core::Secret;

use super::{AUTH_CONFIG, CredentialStore};

/// The variables that name the files of Docker and Podman with credentials, and the directories with helpers.
#[derive(Clone, Debug, Default)]
pub struct CredentialEnv {
    /// `DOCKER_CONFIG`, else `~/.docker`.
    pub docker_config: Option<PathBuf>,
    /// `REGISTRY_AUTH_FILE`, which Podman uses.
    pub auth_file: Option<PathBuf>,
    /// `DOCKER_AUTH_CONFIG`, the text of a file, which GitLab and Docker use.
    pub auth_config: Option<Secret<String>>,
    /// `XDG_RUNTIME_DIR`
    pub runtime_dir: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`, else `~/.config`.
    pub config_home: Option<PathBuf>,
    /// `~/.dockercfg`, Docker's file of old.
    pub old_docker_file: Option<PathBuf>,
    /// `PATH`
    pub path: Option<OsString>,
}

impl CredentialEnv {
    /// Reads the environment of this process. An empty variable counts as unset.
    #[must_use]
    pub fn from_env() -> Self {
        let path = |name| {
            let value = env::var_os(name).filter(|value| !value.is_empty());
            value.map(PathBuf::from)
        };
        let text = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let below_home = |name| path("HOME").map(|home| home.join(name));
        Self {
            docker_config: path("DOCKER_CONFIG").or_else(|| below_home(".docker")),
            auth_file: path("REGISTRY_AUTH_FILE"),
            auth_config: text(AUTH_CONFIG).map(Secret::new),
            runtime_dir: path("XDG_RUNTIME_DIR"),
            config_home: path("XDG_CONFIG_HOME").or_else(|| below_home(".config")),
            old_docker_file: below_home(".dockercfg"),
            path: env::var_os("PATH"),
        }
    }

    /// Returns the file of Docker.
    #[must_use]
    pub fn docker_file(&self) -> Option<PathBuf> {
        let dir = self.docker_config.as_ref();
        dir.map(|dir| dir.join("config.json"))
    }

    /// Returns the files of Podman.
    fn podman_files(&self) -> Vec<PathBuf> {
        if let Some(file) = &self.auth_file {
            return vec![file.clone()];
        }
        let dirs = [&self.runtime_dir, &self.config_home];
        let dirs = dirs.into_iter().flatten();
        dirs.map(|dir| dir.join("containers/auth.json")).collect()
    }
}

impl CredentialStore {
    /// Returns the store of the files that the environment of this process names, Docker's before Podman's.
    #[must_use]
    pub fn from_env() -> Self {
        Self::docker_first(&CredentialEnv::from_env())
    }

    /// Returns the store of Docker's file and then Podman's.
    #[must_use]
    pub fn docker_first(env: &CredentialEnv) -> Self {
        let docker = env.docker_file().into_iter();
        Self::of(docker.chain(env.podman_files()), env)
    }

    /// Returns the store of Podman's files and then Docker's.
    #[must_use]
    pub fn podman_first(env: &CredentialEnv) -> Self {
        let podman = env.podman_files().into_iter();
        Self::of(podman.chain(env.docker_file()), env)
    }

    fn of(files: impl Iterator<Item = PathBuf>, env: &CredentialEnv) -> Self {
        let mut files: Vec<_> = files.chain(env.old_docker_file.clone()).collect();
        // `REGISTRY_AUTH_FILE` may name the same file.
        files.dedup();
        Self {
            files,
            // A login in the job is meant to replace what the platform gives to all jobs.
            auth_config: env.auth_config.clone(),
            helper_path: env.path.clone(),
        }
    }
}
