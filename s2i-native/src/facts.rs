//! From the configs of images to the facts of a build and back. Pure.

use s2i_build::facts::{Healthcheck, ImageConfig, ImageFacts};
use s2i_core::ImageRef;
use s2i_oci::config::{self, ContainerConfig};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Docker's fields, which no OCI config names.
const HEALTHCHECK: &str = "Healthcheck";
const ON_BUILD: &str = "OnBuild";

/// A health check as Docker writes it into configs; times are in nanoseconds.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Health {
    test: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retries: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_period: Option<i64>,
}

/// What a build has to know of an image.
pub(crate) fn image_facts(name: &ImageRef, id: String, image: &config::ImageConfig) -> ImageFacts {
    let config = &image.config;
    let other = |field| config.other.get(field).cloned().unwrap_or(Value::Null);
    let on_build = config
        .other
        .iter()
        .filter(|(field, _)| field.eq_ignore_ascii_case(ON_BUILD));
    ImageFacts {
        name: name.clone(),
        id,
        architecture: image.platform.architecture.clone(),
        os: image.platform.os.clone(),
        config: ImageConfig {
            env: config.env.clone(),
            user: config.user.clone(),
            working_dir: config.working_dir.clone(),
            entrypoint: config.entrypoint.clone(),
            cmd: config.cmd.clone(),
            labels: config.labels.clone(),
            exposed_ports: config.exposed_ports.clone(),
            volumes: config.volumes.clone(),
            stop_signal: Some(config.stop_signal.clone()).filter(|signal| !signal.is_empty()),
            healthcheck: healthcheck(other(HEALTHCHECK)),
            on_build: on_build.flat_map(|(_, value)| triggers(value)).collect(),
        },
    }
}

/// The ONBUILD triggers of a config. A value that is no list of them counts as one, so that an image with triggers in a
/// form of its own is not taken for one without.
fn triggers(value: &Value) -> Vec<String> {
    if value.is_null() {
        return Vec::new();
    }
    serde_json::from_value(value.clone()).unwrap_or_else(|_| vec![value.to_string()])
}

fn healthcheck(value: Value) -> Option<Healthcheck> {
    let health: Health = serde_json::from_value(value).ok()?;
    let is_one = health.test.first().is_some_and(|first| first != "NONE");
    is_one.then_some(Healthcheck {
        test: health.test,
        interval: health.interval,
        timeout: health.timeout,
        retries: health.retries,
        start_period: health.start_period,
    })
}

/// The config of containers that a plan asks for.
pub(crate) fn container_config(config: &ImageConfig) -> ContainerConfig {
    let health = config.healthcheck.as_ref().map(|health| Health {
        test: health.test.clone(),
        interval: health.interval,
        timeout: health.timeout,
        retries: health.retries,
        start_period: health.start_period,
    });
    let health = health.map(|health| {
        let value = serde_json::to_value(health).expect("plain data");
        (HEALTHCHECK.to_owned(), value)
    });
    ContainerConfig {
        user: config.user.clone(),
        exposed_ports: config.exposed_ports.clone(),
        env: config.env.clone(),
        entrypoint: config.entrypoint.clone(),
        cmd: config.cmd.clone(),
        volumes: config.volumes.clone(),
        working_dir: if config.working_dir.is_empty() {
            "/".into()
        } else {
            config.working_dir.clone()
        },
        labels: config.labels.clone(),
        stop_signal: config.stop_signal.clone().unwrap_or_default(),
        other: health.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use s2i_oci::config::Platform;

    use super::*;

    #[test]
    fn what_a_plan_asks_for_is_what_the_next_build_finds() {
        let asked = ImageConfig {
            env: vec!["A=1".into()],
            user: "1001".into(),
            working_dir: "/app".into(),
            cmd: vec!["/run".into()],
            stop_signal: Some("SIGINT".into()),
            healthcheck: Some(Healthcheck {
                test: vec!["CMD".into(), "/health".into()],
                retries: Some(3),
                ..Healthcheck::default()
            }),
            ..ImageConfig::default()
        };
        let image = config::ImageConfig::new(Platform::linux("amd64"));
        let image = image.with_config(container_config(&asked));
        let json: config::ImageConfig = serde_json::from_slice(&image.to_json()).unwrap();
        let name = "app".parse().unwrap();
        assert_eq!(image_facts(&name, "id".into(), &json).config, asked);
    }

    #[test]
    fn triggers_and_the_absence_of_a_health_check_are_found() {
        let json = r#"{"architecture":"arm64","os":"linux","rootfs":{"type":"layers","diff_ids":[]},
            "config":{"OnBuild":["RUN x"],"Healthcheck":{"Test":["NONE"]}}}"#;
        let image: config::ImageConfig = serde_json::from_str(json).unwrap();
        let facts = image_facts(&"app".parse().unwrap(), String::new(), &image);
        assert_eq!(facts.architecture, "arm64");
        assert_eq!(facts.config.on_build, ["RUN x"]);
        assert_eq!(facts.config.healthcheck, None);
        assert_eq!(facts.os, "linux");
    }

    #[test]
    fn triggers_in_another_form_are_triggers() {
        for (field, found) in [
            (r#""Other":1"#, false),
            (r#""OnBuild":null"#, false),
            (r#""OnBuild":[]"#, false),
            (r#""OnBuild":"RUN x""#, true),
            (r#""OnBuild":{"0":"RUN x"}"#, true),
            (r#""OnBuild":[["RUN x"]]"#, true),
            (r#""OnBuild":[null]"#, true),
            (r#""OnBuild":false"#, true),
            (r#""onbuild":["RUN x"]"#, true),
        ] {
            let json = format!(
                r#"{{"architecture":"amd64","os":"windows","rootfs":{{"type":"layers","diff_ids":[]}},"config":{{{field}}}}}"#
            );
            let image: config::ImageConfig = serde_json::from_str(&json).unwrap();
            let facts = image_facts(&"app".parse().unwrap(), String::new(), &image);
            assert_eq!(!facts.config.on_build.is_empty(), found, "{field}");
            assert_eq!(facts.os, "windows");
        }
    }
}
