//! The report on Docker and Podman.

use std::{collections::BTreeSet, io};

use s2i_core::ErrorChain;
use s2i_docker::{About, Endpoint, Flavour};

use super::{EngineReport, Feature, advisories, list, yes_or_no};
use crate::{choice, context::CommandContext, engine, error::Error, finding::Finding};

/// Returns the reports on both, even if only one of them is requested.
pub(super) async fn reports(context: &CommandContext<'_>) -> Vec<EngineReport> {
    let mut reports = Vec::new();
    let mut seen = BTreeSet::new();
    for (flavour, name) in [(Flavour::Docker, "Docker"), (Flavour::Podman, "Podman")] {
        let url = context.global.url.as_deref();
        let found = Endpoint::find(url, Some(flavour), &context.host.engine);
        reports.push(match found {
            // A URL does not show which of the two listens.
            Ok(endpoint) if !seen.insert(endpoint.url.clone()) => continue,
            Ok(endpoint) => report(endpoint, name, context).await,
            Err(err) => {
                let finding = Finding::new(choice::reason(err), Some(step(flavour, context)));
                unavailable(name, None, finding)
            }
        });
    }
    reports
}

async fn report(endpoint: Endpoint, name: &str, context: &CommandContext<'_>) -> EngineReport {
    let address = endpoint.url.clone();
    let about = async {
        engine::api(endpoint, context.host)?
            .about()
            .await
            .map_err(Error::from)
    };
    match about.await {
        Ok(about) => available(address, about),
        Err(err) => {
            let finding = Finding::new(ErrorChain(&err).to_string(), None);
            unavailable(name, Some(address), finding)
        }
    }
}

fn unavailable(name: &str, address: Option<String>, reason: Finding) -> EngineReport {
    EngineReport {
        name: name.into(),
        works: false,
        version: None,
        address,
        features: Vec::new(),
        remarks: vec![reason],
    }
}

fn available(address: String, about: About) -> EngineReport {
    let remarks = remarks(&about);
    let guards: Vec<&str> = about.guards.iter().map(String::as_str).collect();
    // Every engine has these two, even if it does not list them.
    let networks = about.networks.iter().map(String::as_str);
    let networks: BTreeSet<&str> = networks.chain(["host", "none"]).collect();
    let networks: Vec<&str> = networks.into_iter().collect();
    let version = about.runtime_version.iter();
    let runtime: String = version.fold(about.runtime, |name, version| format!("{name} {version}"));
    let features = [
        ("isolation", format!("{runtime}; guards: {}", list(&guards))),
        ("rootless", yes_or_no(about.is_rootless)),
        ("limits", list(&about.limits)),
        ("networks", list(&networks)),
        ("storage", about.storage),
    ];
    EngineReport {
        name: about.info.name,
        works: true,
        version: Some(about.info.version),
        address: Some(address),
        features: features.map(|(name, value)| Feature { name, value }).into(),
        remarks,
    }
}

fn remarks(about: &About) -> Vec<Finding> {
    let mut remarks = match about.flavour {
        Flavour::Docker => advisories::of_docker(&about.info.version),
        Flavour::Podman => vec![Finding::new(
            "it adds files with the time of the day to every layer: the same source gives another image",
            None,
        )],
    };
    if let Some(version) = &about.runtime_version {
        remarks.extend(advisories::of_runtime(&about.runtime, version));
    }
    if !about.guards.iter().any(|guard| guard == "seccomp") {
        remarks.push(Finding::new(
            "system calls of containers are not restricted",
            None,
        ));
    }
    remarks
}

/// Returns the step that makes a missing engine available.
fn step(flavour: Flavour, context: &CommandContext<'_>) -> &'static str {
    let mut sockets = s2i_docker::sockets(Some(flavour), &context.host.engine);
    let is_forbidden = sockets.any(|(_, connected)| {
        connected.is_err_and(|err| err.kind() == io::ErrorKind::PermissionDenied)
    });
    match (flavour, is_forbidden) {
        (Flavour::Docker, true) => "sudo usermod -aG docker \"$USER\", and log in again",
        (Flavour::Docker, false) => "sudo apt-get install docker.io && sudo systemctl start docker",
        (Flavour::Podman, _) if context.host.is_root => {
            "apt-get install podman && systemctl start podman.socket"
        }
        (Flavour::Podman, _) => {
            "sudo apt-get install podman && systemctl --user start podman.socket"
        }
    }
}
