//! The table of the configuration of a build, which the Go `s2i` shows at log level 2.

use s2i_build::request::{BuildRequest, Builder, PullPolicy};
use s2i_core::EnvVar;

/// Returns a row for each setting that is given. Of variables there are only the names, because values may be secret.
pub(super) fn table(request: &BuildRequest, quiet: bool) -> String {
    let builder = match &request.builder {
        Builder::Named(image) | Builder::Either(image) => Some(image.to_string()),
        Builder::Detected => None,
    };
    let names = request.env.iter().map(EnvVar::name);
    let previous = request.previous.as_ref();
    let runtime = request.runtime.as_ref();
    let rows = [
        ("Application Name", request.application_name.clone()),
        ("Description", request.description.clone()),
        ("Builder Image", builder),
        (
            "Runtime Image",
            runtime.map(|runtime| runtime.image.to_string()),
        ),
        (
            "Runtime Image Pull Policy",
            runtime.map(|runtime| policy(runtime.pull)),
        ),
        ("Source", Some(request.source.location.to_string())),
        ("Context Directory", request.source.context_dir.clone()),
        (
            "Output Image Tag",
            request.tag.as_ref().map(ToString::to_string),
        ),
        ("Environment", Some(names.collect::<Vec<_>>().join(","))),
        ("Incremental Build", Some(enabled(previous.is_some()))),
        (
            "Remove Old Build",
            Some(enabled(previous.is_some_and(|image| image.remove))),
        ),
        ("Builder Pull Policy", Some(policy(request.builder_pull))),
        (
            "Previous Image Pull Policy",
            previous.map(|image| policy(image.pull)),
        ),
        ("Quiet", Some(enabled(quiet))),
        (
            "Artifacts Destination",
            request.destination.as_ref().map(ToString::to_string),
        ),
        ("Docker NetworkMode", Some(request.network.to_string())),
    ];
    let rows = rows.into_iter().filter_map(|(name, value)| {
        let value = value.filter(|value| !value.is_empty())?;
        Some(format!("{name}:\t{value}"))
    });
    rows.collect::<Vec<_>>().join("\n")
}

fn enabled(is_enabled: bool) -> String {
    if is_enabled { "enabled" } else { "disabled" }.into()
}

fn policy(policy: PullPolicy) -> String {
    let mut names = PullPolicy::NAMES.into_iter();
    let name = names.find(|(_, known)| *known == policy);
    name.map_or(String::new(), |(name, _)| name.into())
}
