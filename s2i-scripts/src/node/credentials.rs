//! The files in the home directory of package managers: registries, credentials, proxies.
//!
//! Every secret stands there as the name of its variable, which the package manager replaces when it
//! reads the file. So no file ever has a secret in it, and neither has a plan.

use super::{Facts, Request, manager::Manager};
use crate::{Places, assembly::Step, places::below, variables};

/// The files, and the directories that package managers use.
pub(super) fn files(facts: &Facts, request: &Request, places: &Places) -> Vec<Step> {
    let home = places.scratch("home");
    let directories = [home.clone(), places.scratch("tmp")];
    let mut steps: Vec<_> = directories
        .into_iter()
        .map(|path| Step::MakeDirectory { path })
        .collect();
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

/// For npm, pnpm and Yarn 1.
fn npmrc(request: &Request, registry: Option<&str>, manager: Manager) -> String {
    let mut lines = Vec::new();
    if request.mirror.is_some() {
        lines.push(format!("registry=${{{}}}\n", variables::NPM_MIRROR));
    } else if let (Manager::Yarn, Some(address)) = (manager, registry) {
        // It has another one of its own, which the credentials are not for.
        lines.push(format!("registry={address}\n"));
    }
    // Names of credentials are addresses without their scheme.
    let place = registry.and_then(|address| address.split_once(':'));
    if let Some((_, place)) = place {
        if request.has_token {
            let variable = variables::NPM_TOKEN;
            lines.push(format!("{place}:_authToken=${{{variable}}}\n"));
        } else if request.has_auth {
            let variable = variables::NPM_AUTH;
            lines.push(format!("{place}:_auth=${{{variable}}}\n"));
        }
        // Yarn 1 would keep it for packages with a scope; npm does not know it.
        if manager == Manager::Yarn && (request.has_token || request.has_auth) {
            lines.push(format!("{place}:always-auth=true\n"));
        }
    }
    lines.concat()
}

/// For Yarn from 2 on.
fn yarnrc(request: &Request) -> String {
    let has = |is_set: bool, variable| is_set.then_some(variable);
    let has_credentials = request.has_token || request.has_auth;
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
    let always = has_credentials.then(|| "npmAlwaysAuth: true\n".to_owned());
    lines.chain(always).collect()
}

/// The variables whose values must not be found in the image.
pub(super) fn secrets(request: &Request) -> Vec<String> {
    let mirror = request.mirror.is_some().then_some(variables::NPM_MIRROR);
    let addresses = mirror.into_iter().chain(request.https_proxy);
    let addresses = addresses.chain(request.http_proxy).map(str::to_owned);
    request.logins.iter().cloned().chain(addresses).collect()
}
