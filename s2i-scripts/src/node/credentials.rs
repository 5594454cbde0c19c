//! The files in the home directory of package managers: registries, credentials, proxies.
//!
//! They have the names of variables in place of secrets, which the package manager replaces when it
//! reads the file. So no file ever has a secret in it, and neither has a plan.

use super::{Facts, Request, manager::Manager};
use crate::{Directories, assembly::Step, directories::below, variables};

/// Returns the steps that write the files, and make the directories that package managers use.
pub(super) fn files(facts: &Facts, request: &Request, dirs: &Directories) -> Vec<Step> {
    let home = dirs.scratch("home");
    let directories = [home.clone(), dirs.scratch("tmp")];
    let mut steps = directories
        .map(|path| Step::MakeDirectory { path })
        .to_vec();
    let registry = facts.registry.as_deref();
    for (name, content) in [
        (".npmrc", npmrc(request, registry, facts.choice.manager)),
        (".yarnrc.yml", yarnrc(request)),
    ] {
        if !content.is_empty() {
            steps.push(Step::Write {
                path: below(&home, name),
                content,
            });
        }
    }
    steps
}

/// Returns the settings for npm, pnpm and Yarn 1.
fn npmrc(request: &Request, registry: Option<&str>, manager: Manager) -> String {
    let mut lines = Vec::new();
    if request.mirror.is_some() {
        lines.push(format!("registry=${{{}}}\n", variables::NPM_MIRROR));
    } else if let (Manager::Yarn, Some(address)) = (manager, registry) {
        // Its default is another one, which the credentials are not for.
        lines.push(format!("registry={address}\n"));
    }
    // Names of credentials are addresses without their scheme.
    if let Some((_, scope)) = registry.and_then(|address| address.split_once(':')) {
        if request.has_token {
            let variable = variables::NPM_TOKEN;
            lines.push(format!("{scope}:_authToken=${{{variable}}}\n"));
        } else if request.has_auth {
            let variable = variables::NPM_AUTH;
            lines.push(format!("{scope}:_auth=${{{variable}}}\n"));
        }
        // Yarn 1 would send them for packages with a scope only; npm has no such setting.
        if manager == Manager::Yarn && (request.has_token || request.has_auth) {
            lines.push(format!("{scope}:always-auth=true\n"));
        }
    }
    lines.concat()
}

/// Returns the settings for Yarn from 2 on.
fn yarnrc(request: &Request) -> String {
    let has = |is_set: bool, variable| is_set.then_some(variable);
    let fields = [
        (
            "npmRegistryServer",
            has(request.mirror.is_some(), variables::NPM_MIRROR),
        ),
        ("npmAuthToken", has(request.has_token, variables::NPM_TOKEN)),
        (
            "npmAuthIdent",
            has(request.has_auth && !request.has_token, variables::NPM_AUTH),
        ),
        ("httpsProxy", request.https_proxy),
        ("httpProxy", request.http_proxy),
    ];
    let lines = fields.into_iter().filter_map(|(field, variable)| {
        let variable = variable?;
        Some(format!("{field}: \"${{{variable}}}\"\n"))
    });
    let has_credentials = request.has_token || request.has_auth;
    let always = has_credentials.then(|| "npmAlwaysAuth: true\n".to_owned());
    lines.chain(always).collect()
}

/// Returns the variables whose values must not be found in the image.
pub(super) fn secrets(request: &Request) -> Vec<String> {
    let mirror = request.mirror.is_some().then_some(variables::NPM_MIRROR);
    let addresses = mirror.into_iter().chain(request.https_proxy);
    let addresses = addresses.chain(request.http_proxy).map(str::to_owned);
    request.logins.iter().cloned().chain(addresses).collect()
}
