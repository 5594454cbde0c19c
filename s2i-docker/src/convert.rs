//! Conversions between the data of the ports and of the API. They are pure functions.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bollard::models::{
    ContainerConfig, ContainerCreateBody, HealthConfig, HostConfig, HostConfigLogConfig,
    ImageConfig, ImageDeleteResponseItem, ImageInspect, PortBinding, PortMap,
};
use s2i_build::{
    facts::ImageFacts,
    ports::{ImageDescription, ImageSummary, Launch, LayerDescription, Publish, Start},
    request::{Limits, Network},
};
use s2i_core::{
    EnvVar, ImageRef,
    image::{self, HealthCheck, LINUX, Platform},
};
use thiserror::Error;

use crate::{agent, endpoint::Flavour};

/// The capabilities that the agent needs to act for a user other than root: to change the owner of files, to become
/// the user, to kill the user's processes, and to remove the user's files.
const AGENT_CAPABILITIES: [&str; 6] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "KILL",
    "SETGID",
    "SETUID",
];

const NO_NEW_PRIVILEGES: &str = "no-new-privileges";

/// Returns the request for the container of a build. It has nothing of the build but the image and the limits:
/// variables, which may be secrets, go through the agent.
pub(crate) fn create_body(start: &Start<'_>, flavour: Flavour) -> ContainerCreateBody {
    let (cap_drop, cap_add) = if start.is_for_root() {
        (None, None)
    } else {
        (
            Some(vec!["ALL".to_owned()]),
            Some(AGENT_CAPABILITIES.map(str::to_owned).to_vec()),
        )
    };
    let some = |list: Vec<String>| Some(list).filter(|list| !list.is_empty());
    // The agent takes capabilities from the programs that it starts, and needs some of them itself.
    let options = start.options;
    let mut security_opt = options.security.clone();
    if !security_opt
        .iter()
        .any(|option| option.starts_with(NO_NEW_PRIVILEGES))
    {
        security_opt.push(NO_NEW_PRIVILEGES.into());
    }
    let config = &start.image.config;
    // The health check of the image would run as root beside the script. Where there is none, a commit by Docker would
    // keep that it is disabled. Podman does not show in all versions whether there is one, and its commits leave it out.
    let has_health_check = config.healthcheck.is_some() || matches!(flavour, Flavour::Podman);
    ContainerCreateBody {
        image: Some(start.image.id.clone()),
        // A commit would give an image without a user that of its container.
        user: Some("0:0".into()).filter(|_| !config.user.is_empty()),
        entrypoint: Some(vec![agent::PATH.into()]),
        cmd: Some(Vec::new()),
        // The engine would create the image's working directory, with the current time.
        working_dir: Some("/".into()),
        healthcheck: has_health_check.then(|| health_config(HealthCheck::disabled())),
        open_stdin: Some(true),
        stdin_once: Some(true),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        tty: Some(false),
        host_config: Some(HostConfig {
            auto_remove: Some(true),
            cap_drop,
            cap_add,
            binds: some(options.mounts.iter().map(ToString::to_string).collect()),
            extra_hosts: some(options.hosts.iter().map(ToString::to_string).collect()),
            security_opt: Some(security_opt),
            network_mode: network_mode(start.network),
            log_config: Some(no_log()),
            ..limited(&start.limits)
        }),
        ..ContainerCreateBody::default()
    }
}

/// Returns the request for a container that runs the command of an image.
pub(crate) fn launch_body(launch: &Launch<'_>) -> ContainerCreateBody {
    let some = |list: Vec<String>| Some(list).filter(|list| !list.is_empty());
    let port = |publish: &Publish| format!("{}/tcp", publish.container);
    let binding = |publish: &Publish| PortBinding {
        host_ip: Some(String::new()),
        host_port: Some(publish.host.to_string()),
    };
    let mut bindings = PortMap::new();
    for publish in &launch.ports {
        let of_port = bindings.entry(port(publish)).or_default();
        of_port.get_or_insert_default().push(binding(publish));
    }
    ContainerCreateBody {
        image: Some(launch.image.id.clone()),
        cmd: some(launch.args.clone()),
        env: some(launch.env.iter().map(EnvVar::to_entry).collect()),
        user: launch.user.clone(),
        exposed_ports: some(launch.ports.iter().map(port).collect()),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        tty: Some(false),
        host_config: Some(HostConfig {
            auto_remove: Some(true),
            security_opt: Some(vec![NO_NEW_PRIVILEGES.into()]),
            network_mode: network_mode(&launch.network),
            port_bindings: Some(bindings).filter(|bindings| !bindings.is_empty()),
            readonly_rootfs: Some(launch.read_only),
            // Some applications run programs that they unpack there.
            tmpfs: launch.read_only.then(|| {
                let options = "rw,exec,nosuid,nodev,mode=1777";
                [("/tmp".to_owned(), options.to_owned())].into()
            }),
            log_config: Some(no_log()),
            ..limited(&launch.limits)
        }),
        ..ContainerCreateBody::default()
    }
}

/// The period of a CPU quota in microseconds; the kernel's default.
const PERIOD: i64 = 100_000;

/// Returns a host config with the limits alone. CPU is limited by quota and period, because some versions of Podman
/// do not know `NanoCpus`.
pub(crate) fn limited(limits: &Limits) -> HostConfig {
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    HostConfig {
        memory: limits.memory.map(signed),
        cpu_period: limits.cpu_millis.map(|_| PERIOD),
        cpu_quota: limits
            .cpu_millis
            .map(|millis| signed(millis).saturating_mul(PERIOD / 1000)),
        pids_limit: limits.pids.map(signed),
        ..HostConfig::default()
    }
}

/// Returns the config that disables the log: all output of a container is read from the attached streams.
fn no_log() -> HostConfigLogConfig {
    HostConfigLogConfig {
        typ: Some("none".into()),
        config: None,
    }
}

fn network_mode(network: &Network) -> Option<String> {
    match network {
        Network::Default => None,
        Network::None => Some("none".into()),
        Network::Host => Some("host".into()),
        Network::Named(name) => Some(name.clone()),
    }
}

/// Returns a new name for a container: the prefix `s2i`, the image and a random number.
pub(crate) fn container_name(image: &ImageRef) -> String {
    use std::hash::{BuildHasher as _, RandomState};
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let image: String = image.to_string().chars().map(plain).take(60).collect();
    // The operating system seeds every state anew.
    let random = RandomState::new().hash_one(std::process::id()) >> 32;
    format!("s2i_{image}_{random:08x}")
}

/// Returns the whole config for a commit. Empty lists are sent as such: the engine replaces an absent list by that of
/// the container.
pub(crate) fn container_config(config: &image::ContainerConfig) -> ContainerConfig {
    let list = |set: &BTreeSet<String>| {
        Some(set.iter().cloned().collect::<Vec<_>>()).filter(|list| !list.is_empty())
    };
    ContainerConfig {
        env: Some(config.env.clone()),
        cmd: Some(config.cmd.clone()),
        entrypoint: Some(config.entrypoint.clone()),
        user: Some(config.user.clone()),
        working_dir: Some(config.working_dir.clone()),
        labels: Some(config.labels.clone().into_iter().collect()),
        exposed_ports: list(&config.exposed_ports),
        volumes: list(&config.volumes),
        healthcheck: config.healthcheck.clone().map(health_config),
        stop_signal: Some(config.stop_signal.clone()).filter(|signal| !signal.is_empty()),
        ..ContainerConfig::default()
    }
}

/// Returns the container settings of an image. Engines leave out empty fields, each engine different ones.
fn settings(config: ImageConfig) -> image::ContainerConfig {
    let set = |list: Option<Vec<String>>| list.unwrap_or_default().into_iter().collect();
    let config = image::ContainerConfig {
        user: config.user.unwrap_or_default(),
        exposed_ports: set(config.exposed_ports),
        env: config.env.unwrap_or_default(),
        entrypoint: config.entrypoint.unwrap_or_default(),
        cmd: config.cmd.unwrap_or_default(),
        volumes: set(config.volumes),
        working_dir: config.working_dir.unwrap_or_default(),
        labels: config.labels.unwrap_or_default().into_iter().collect(),
        stop_signal: config.stop_signal.unwrap_or_default(),
        healthcheck: config.healthcheck.map(healthcheck),
        on_build: config.on_build.unwrap_or_default(),
        other: BTreeMap::new(),
    };
    config.normalised()
}

fn health_config(check: HealthCheck) -> HealthConfig {
    HealthConfig {
        test: Some(check.test),
        interval: check.interval,
        timeout: check.timeout,
        retries: check.retries,
        start_period: check.start_period,
        start_interval: check.start_interval,
    }
}

fn healthcheck(check: HealthConfig) -> HealthCheck {
    HealthCheck {
        interval: check.interval,
        retries: check.retries,
        start_interval: check.start_interval,
        start_period: check.start_period,
        test: check.test.unwrap_or_default(),
        timeout: check.timeout,
        other: BTreeMap::new(),
    }
}

/// The name of a config entry that Podman can't take. The value is left out, because it may be a secret.
#[derive(Debug, Error)]
#[error("the value of `{0}` has a line break, which this engine can't put into an image")]
pub(crate) struct LineBreak(String);

/// Returns the same config as Dockerfile instructions, for Podman, which ignores the config of a commit request. Labels
/// that the container has `already` are inherited without an instruction. An instruction could not express all of
/// them, because it ends with its line and loses spaces at the ends.
pub(crate) fn changes(
    config: &image::ContainerConfig,
    already: &HashMap<String, String>,
) -> Result<Vec<String>, LineBreak> {
    let json = |list: &[String]| serde_json::to_string(list).expect("a list of texts");
    let mut changes = vec![
        format!("ENTRYPOINT {}", json(&config.entrypoint)),
        format!("CMD {}", json(&config.cmd)),
        format!("WORKDIR {}", config.working_dir),
    ];
    let user = Some(&config.user).filter(|user| !user.is_empty());
    changes.extend(user.map(|user| format!("USER {user}")));
    changes.extend(config.env.iter().map(|entry| format!("ENV {entry}")));
    let labels = config.labels.iter();
    let labels = labels.filter(|(name, value)| already.get(*name) != Some(*value));
    changes.extend(labels.map(|(name, value)| format!("LABEL {name}={value}")));
    changes.extend(
        config
            .exposed_ports
            .iter()
            .map(|port| format!("EXPOSE {port}")),
    );
    changes.extend(config.volumes.iter().map(|path| format!("VOLUME {path}")));
    let signal = Some(&config.stop_signal).filter(|signal| !signal.is_empty());
    changes.extend(signal.map(|signal| format!("STOPSIGNAL {signal}")));
    // An instruction ends with its line, and the next line would be another instruction.
    match changes.iter().find(|change| change.contains(['\n', '\r'])) {
        Some(change) => Err(LineBreak(
            change.split('=').next().unwrap_or_default().into(),
        )),
        None => Ok(changes),
    }
}

/// Converts the response of an image inspection to image facts.
pub(crate) fn image_facts(name: &ImageRef, inspect: ImageInspect) -> ImageFacts {
    ImageFacts {
        name: name.clone(),
        digest: digest_of(name, inspect.repo_digests.as_deref().unwrap_or_default()),
        id: inspect.id.unwrap_or_default(),
        platform: Platform {
            architecture: inspect.architecture.unwrap_or_default(),
            // An engine that leaves it out only has Linux images.
            os: inspect.os.unwrap_or_else(|| LINUX.into()),
            variant: inspect.variant.filter(|variant| !variant.is_empty()),
        },
        config: settings(inspect.config.unwrap_or_default()),
    }
}

/// Converts the response of an image inspection to a description. Engines do not show the sizes of layers in it.
pub(crate) fn description(name: &ImageRef, inspect: ImageInspect) -> ImageDescription {
    // The type of the time depends on the features of bollard that any crate of a program has chosen.
    let json = serde_json::to_value(&inspect).unwrap_or_default();
    let created = json["Created"].as_str().and_then(image::parse_timestamp);
    let layers = inspect.root_fs.clone().and_then(|fs| fs.layers);
    let layer = |digest| LayerDescription { digest, size: None };
    ImageDescription {
        names: names(inspect.repo_tags.clone().unwrap_or_default()).collect(),
        // A time before 1970 stands for none.
        created: created.filter(|created| *created > 0),
        size: inspect.size.and_then(|size| u64::try_from(size).ok()),
        layers: layers.into_iter().flatten().map(layer).collect(),
        facts: image_facts(name, inspect),
    }
}

/// Converts an image of a list. Engines report a missing creation time as 0 or as a time before 1970.
pub(crate) fn summary(image: bollard::models::ImageSummary) -> ImageSummary {
    ImageSummary {
        id: image.id,
        names: names(image.repo_tags).collect(),
        size: u64::try_from(image.size).unwrap_or_default(),
        created: Some(image.created).filter(|created| *created > 0),
    }
}

/// Returns the names of an image in their full form.
pub(crate) fn names(tags: Vec<String>) -> impl Iterator<Item = String> {
    // The placeholder for an image without a name.
    let is_name = |tag: &String| tag != "<none>:<none>";
    tags.into_iter().filter(is_name).map(|tag| full(&tag))
}

fn full(name: &str) -> String {
    let parsed = name.parse::<ImageRef>();
    parsed.map_or_else(|_| name.to_owned(), |name| name.normalised())
}

/// Returns the digest of the image in the registry of this name, from entries `repository@digest`, if there is one.
pub(crate) fn digest_of(image: &ImageRef, digests: &[String]) -> Option<String> {
    let names = digests
        .iter()
        .filter_map(|text| text.parse::<ImageRef>().ok());
    let mut digests = names
        .filter(|name| name.full_name() == image.full_name())
        .filter_map(|name| name.digest().map(str::to_owned));
    let digest = digests.next()?;
    digests.next().is_none().then_some(digest)
}

/// Returns a line for each item that a removal has untagged or deleted.
pub(crate) fn removed(items: Vec<ImageDeleteResponseItem>) -> impl Iterator<Item = String> {
    items.into_iter().flat_map(|item| {
        let untagged = item.untagged.map(|name| format!("untagged {name}"));
        let deleted = item.deleted.map(|id| format!("deleted {id}"));
        untagged.into_iter().chain(deleted)
    })
}
