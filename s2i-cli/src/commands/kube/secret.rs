//! `s2i kube secret`.

use std::{collections::BTreeMap, io, path::Path};

use s2i_build::{CancelToken, context::or_interrupted};
use s2i_core::{Secret as Hidden, bounds};
use s2i_docker::Flavour;
use s2i_kube::{
    document::object,
    job::{BuildSecrets, GitKey, GitPassword, RegistryLogins},
};
use s2i_oci::credentials;
use serde_json::Value;

use super::KubeError;
use crate::{
    args::kube::{BuildSecret, GitSecret, RegistrySecret, Secret},
    commands::login,
    context::CommandContext,
    credentials as stores,
    error::Error,
    files::interruptible,
    host::Host,
    secrets,
};

pub(super) async fn secret(
    args: &Secret,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<Value, Error> {
    match args {
        Secret::Registry(args) => or_interrupted(registry(args, context), cancel).await,
        Secret::Git(args) => git(args, context, cancel).await,
        Secret::Build(args) => build(args, context, cancel).await,
    }
}

/// Copies the logins for the registries that were named, and no others.
async fn registry(args: &RegistrySecret, context: &CommandContext<'_>) -> Result<Value, Error> {
    let store = stores::store(context.host, Flavour::Docker);
    let mut logins = BTreeMap::new();
    for registry in &args.registries {
        let login = store.get_for_registry(registry).await?;
        let login = login.ok_or_else(|| KubeError::NoLogin(registry.clone()))?;
        let message = format!(
            "it gets the login of `{}` for `{registry}`, which all who may read Secrets can read",
            login.user()
        );
        context.warn(format!("the Secret `{}`", args.name), &message);
        logins.insert(registry.clone(), login);
    }
    let logins = RegistryLogins {
        config: credentials::document(&logins),
    };
    let namespace = args.objects.namespace();
    let application = args.application.or(&args.name);
    let secret = logins.object(&args.name, namespace.as_deref(), application);
    Ok(object(&secret.map_err(KubeError::from)?))
}

async fn git(
    args: &GitSecret,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<Value, Error> {
    let namespace = args.objects.namespace();
    let namespace = namespace.as_deref();
    let application = args.application.or(&args.name);
    let secret = if let (Some(key), Some(known_hosts)) = (&args.ssh_key, &args.known_hosts) {
        let key = GitKey {
            key: Hidden::new(file(key, bounds::PASSWORD, context.host, cancel).await?),
            known_hosts: file(known_hosts, bounds::FILE, context.host, cancel).await?,
        };
        key.object(&args.name, namespace, application)
    } else {
        let password = GitPassword {
            user: args.username.clone().unwrap_or_default(),
            password: Hidden::new(password(args, context.host, cancel).await?),
        };
        password.object(&args.name, namespace, application)
    };
    Ok(object(&secret.map_err(KubeError::from)?))
}

/// Reads the password from standard input or its file.
async fn password(args: &GitSecret, host: &Host, cancel: &CancelToken) -> Result<String, Error> {
    let password = match &args.password_file {
        Some(path) => {
            let text = file(path, bounds::PASSWORD, host, cancel).await?;
            login::without_line_break(&text).to_owned()
        }
        None => interruptible(|| login::read_password().map_err(Error::Answer), cancel).await?,
    };
    if password.is_empty() {
        return Err(Error::InvalidAnswer("password", "it is empty"));
    }
    Ok(password)
}

async fn build(
    args: &BuildSecret,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<Value, Error> {
    let (options, host) = (args.secret.clone(), Host::clone(context.host));
    let variables = interruptible(move || secrets::read(&options, &host), cancel).await?;
    let secrets = BuildSecrets { variables };
    let namespace = args.objects.namespace();
    let application = args.application.or(&args.name);
    let secret = secrets.object(&args.name, namespace.as_deref(), application);
    Ok(object(&secret.map_err(KubeError::from)?))
}

/// Reads a text file of the command line.
async fn file(path: &Path, most: u64, host: &Host, cancel: &CancelToken) -> Result<String, Error> {
    let path = host.working_dir.join(path);
    let read = move || -> Result<String, Error> {
        let text: io::Result<String> = bounds::read_text_file(&path, most);
        text.map_err(|source| Error::ReadFile { path, source })
    };
    interruptible(read, cancel).await
}
