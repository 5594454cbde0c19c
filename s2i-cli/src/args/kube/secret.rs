//! The command lines of `s2i kube secret`. No password is an argument: other users of the machine can read these.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

use super::{ApplicationArgs, ObjectArgs};
use crate::args::{credentials::CredentialArgs, login::registry, user};

/// Write a Secret for builds in a cluster.
#[derive(Debug, Subcommand)]
pub(crate) enum Secret {
    /// Write the logins for registries, for --push-secret, --pull-secret and --image-pull-secret
    Registry(RegistrySecret),
    /// Write the login for a Git server, for --git-secret
    Git(GitSecret),
    /// Write the secrets of `assemble`, each as a variable, for --build-secret
    Build(BuildSecret),
}

impl Secret {
    /// Returns the options of the object.
    pub(crate) fn objects(&self) -> &ObjectArgs {
        match self {
            Self::Registry(args) => &args.objects,
            Self::Git(args) => &args.objects,
            Self::Build(args) => &args.objects,
        }
    }
}

/// Write the logins for registries.
#[derive(Debug, Args)]
pub(crate) struct RegistrySecret {
    /// Name of the Secret
    pub(crate) name: String,
    /// Registries whose logins are copied, as `host` or `host:port`: those of `s2i login`, `docker login` or
    /// `podman login`, credential helpers included
    #[arg(required = true, value_name = "REGISTRY", value_parser = registry)]
    pub(crate) registries: Vec<String>,
    #[command(flatten)]
    pub(crate) application: ApplicationArgs,
    #[command(flatten)]
    pub(crate) objects: ObjectArgs,
    #[command(flatten)]
    pub(crate) credentials: CredentialArgs,
}

/// Write the login for a Git server.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("login").required(true))]
pub(crate) struct GitSecret {
    /// Name of the Secret
    pub(crate) name: String,
    /// User name, for a login by HTTPS
    #[arg(short, long, value_name = "USER", value_parser = user, conflicts_with = "ssh_key")]
    pub(crate) username: Option<String>,
    /// Read the password or token from standard input
    #[arg(long, group = "login", requires = "username")]
    pub(crate) password_stdin: bool,
    /// Read the password or token from this file
    #[arg(long, value_name = "FILE", group = "login", requires = "username")]
    pub(crate) password_file: Option<PathBuf>,
    /// Copy this private key, for a login by SSH
    #[arg(long, value_name = "FILE", group = "login", requires = "known_hosts")]
    pub(crate) ssh_key: Option<PathBuf>,
    /// Copy this file with the keys of servers, in the format of `known_hosts`; other servers are refused
    #[arg(long, value_name = "FILE", requires = "ssh_key")]
    pub(crate) known_hosts: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) application: ApplicationArgs,
    #[command(flatten)]
    pub(crate) objects: ObjectArgs,
}

/// Write the secrets of `assemble`.
#[derive(Debug, Args)]
pub(crate) struct BuildSecret {
    /// Name of the Secret
    pub(crate) name: String,
    /// Variable of `assemble`, as for `s2i build`: `id=NAME[,env=VARIABLE][,src=FILE]`; by default, the value is that of
    /// the environment variable NAME
    #[arg(long, required = true, value_name = "id=NAME")]
    pub(crate) secret: Vec<String>,
    #[command(flatten)]
    pub(crate) application: ApplicationArgs,
    #[command(flatten)]
    pub(crate) objects: ObjectArgs,
}
