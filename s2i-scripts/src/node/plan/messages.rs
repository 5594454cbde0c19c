//! Messages for users about the facts and the choices.

use super::{
    super::{
        facts::Tool,
        project::Target,
        range::{self, Fit, Range},
    },
    Facts, Request,
};

/// Returns the findings and choices, with their reasons.
pub(super) fn reasons(facts: &Facts, target: Target<'_>, request: &Request) -> Vec<String> {
    let node = &facts.node;
    let mut reasons = vec![format!(
        "Node.js {} ({}, ABI {}), for {}",
        node.version, node.arch, node.abi, request.env
    )];
    if facts.project.is_bare {
        reasons.push("there is no package.json, so nothing is installed".into());
        return reasons;
    }
    let manifest = facts.manifest(target);
    let name = manifest.name.as_deref().unwrap_or("(without a name)");
    let version = manifest.version.as_deref().unwrap_or_default();
    reasons.push(match target {
        Target::Root => format!("application: {name} {version}")
            .trim_end()
            .to_owned(),
        Target::Package(package) => format!(
            "application: {name} in {}, one of {} packages",
            package.directory,
            facts.project.packages.len()
        ),
    });
    let title = facts.choice.manager.title();
    let place = match &facts.tool {
        Tool::Present {
            version: Some(version),
            ..
        } => format!("{title} {version}"),
        Tool::Present { version: None, .. } | Tool::Unneeded => title.to_owned(),
        Tool::Source { file } => format!("{title} of {file}"),
        Tool::Registry { version, .. } => format!("{title} {version} from the registry"),
    };
    reasons.push(format!(
        "packages: {place}, because of {}",
        facts.choice.reason
    ));
    for (variable, scheme) in [
        (request.https_proxy, "https:"),
        (request.http_proxy, "http:"),
    ] {
        reasons.extend(
            variable
                .map(|name| format!("{scheme} addresses are reached through the proxy of {name}")),
        );
    }
    reasons.extend(facts.caches.reasons());
    reasons
}

/// Returns the advice to use an image with the version that a source prefers, as the end of a sentence.
fn images(preferred: &str) -> String {
    range::major(preferred).map_or_else(String::new, |major| {
        format!("; build with an image for it, such as `s2i/node:{major}`")
    })
}

/// Returns warnings about the result.
pub(super) fn warnings(facts: &Facts) -> Vec<String> {
    let mut warnings = Vec::new();
    let manager = facts.choice.manager;
    if !facts.project.is_bare {
        if facts.choice.lock.is_none() {
            let lock = manager.locks().last().unwrap_or(&"a lock file");
            warnings.push(format!(
                "there is no {lock}, so the next build may get other versions of packages; commit one"
            ));
        }
        for lock in ["bun.lock", "bun.lockb"] {
            if facts.names.iter().any(|name| name == lock) {
                warnings.push(format!("{lock} is not read: this image has no Bun"));
            }
        }
    }
    let pin = facts.preferred.as_ref();
    let pin = pin.map(|pin| (pin.version.as_str(), pin.file));
    let dev = facts.project.root.dev_node.as_deref();
    let dev = dev.map(|range| (range, "devEngines of package.json"));
    for (preferred, origin) in pin.into_iter().chain(dev) {
        // Names such as `lts/iron` are not ranges.
        let range = preferred.parse::<Range>();
        if range.is_ok_and(|range| range::fit(&range, &facts.node.version) != Fit::Inside) {
            let names = images(preferred);
            warnings.push(format!(
                "{origin} prefers Node.js {preferred}, and this image has {}{names}",
                facts.node.version
            ));
        }
    }
    warnings
}
