//! The report on Docker and Podman.

use std::{collections::BTreeSet, io};

use s2i_core::ErrorChain;
use s2i_docker::{About, Endpoint, Flavour};

use super::{Finding, Offer, Setting, advisories, list, remark};
use crate::{choice, engine, native::Missing};

/// Looks for both, even if only one of them is requested.
pub(super) async fn look(setting: &Setting<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for (flavour, name) in [(Flavour::Docker, "Docker"), (Flavour::Podman, "Podman")] {
        let url = setting.global.url.as_deref();
        let found = Endpoint::find(url, Some(flavour), &setting.host.engine);
        findings.push(match found {
            // A URL does not show which of the two listens.
            Ok(endpoint) if !seen.insert(endpoint.url.clone()) => continue,
            Ok(endpoint) => ask(endpoint, name, setting).await,
            Err(err) => Finding {
                remarks: vec![remark(choice::reason(err), Some(step(flavour, setting)))],
                ..absent(name, None)
            },
        });
    }
    findings
}

async fn ask(endpoint: Endpoint, name: &str, setting: &Setting<'_>) -> Finding {
    let place = endpoint.url.clone();
    let about = match engine::api(endpoint, setting.host) {
        Ok(engine) => engine
            .about()
            .await
            .map_err(|err| ErrorChain(&err).to_string()),
        Err(err) => Err(ErrorChain(&err).to_string()),
    };
    match about {
        Ok(about) => present(place, about),
        Err(why) => Finding {
            remarks: vec![remark(why, None)],
            ..absent(name, Some(place))
        },
    }
}

fn absent(name: &str, place: Option<String>) -> Finding {
    Finding {
        name: name.into(),
        works: false,
        version: None,
        place,
        offers: Vec::new(),
        remarks: Vec::new(),
    }
}

fn present(place: String, about: About) -> Finding {
    let remarks = remarks(&about);
    let guards: Vec<&str> = about.guards.iter().map(String::as_str).collect();
    // Every engine has these two, even if it does not list them.
    let networks = about.networks.iter().map(String::as_str);
    let networks: BTreeSet<&str> = networks.chain(["host", "none"]).collect();
    let networks: Vec<&str> = networks.into_iter().collect();
    let version = about.runtime_version.iter();
    let runtime: String = version.fold(about.runtime, |name, version| format!("{name} {version}"));
    let offers = [
        ("isolation", format!("{runtime}; guards: {}", list(&guards))),
        (
            "rootless",
            if about.is_rootless { "yes" } else { "no" }.to_owned(),
        ),
        ("limits", list(&about.limits)),
        ("networks", list(&networks)),
        ("storage", about.storage),
    ];
    Finding {
        name: about.info.name,
        works: true,
        version: Some(about.info.version),
        place: Some(place),
        offers: offers.map(|(name, what)| Offer { name, what }).into(),
        remarks,
    }
}

fn remarks(about: &About) -> Vec<Missing> {
    let mut remarks = match about.flavour {
        Flavour::Docker => advisories::of_docker(&about.info.version),
        Flavour::Podman => vec![remark(
            "it adds files with the time of the day to every layer: the same source gives another image",
            None,
        )],
    };
    if let Some(version) = &about.runtime_version {
        remarks.extend(advisories::of_runtime(&about.runtime, version));
    }
    if !about.guards.iter().any(|guard| guard == "seccomp") {
        remarks.push(remark(
            "system calls of containers are not restricted",
            None,
        ));
    }
    remarks
}

/// Returns the step that makes a missing engine available.
fn step(flavour: Flavour, setting: &Setting<'_>) -> &'static str {
    let mut sockets = s2i_docker::sockets(Some(flavour), &setting.host.engine);
    let is_forbidden = sockets.any(|(_, connected)| {
        connected.is_err_and(|err| err.kind() == io::ErrorKind::PermissionDenied)
    });
    match (flavour, is_forbidden) {
        (Flavour::Docker, true) => "sudo usermod -aG docker \"$USER\", and log in again",
        (Flavour::Docker, false) => "sudo apt-get install docker.io && sudo systemctl start docker",
        (Flavour::Podman, _) if setting.host.is_root => {
            "apt-get install podman && systemctl start podman.socket"
        }
        (Flavour::Podman, _) => {
            "sudo apt-get install podman && systemctl --user start podman.socket"
        }
    }
}
