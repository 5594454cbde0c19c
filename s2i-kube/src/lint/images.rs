//! The rule for names of images behind which the image can change.

use s2i_core::ImageRef;
use serde_json::Value;

use super::{
    Findings,
    walk::{self, items},
};

/// The keys of lists of containers.
const CONTAINERS: [&str; 3] = ["containers", "initContainers", "steps"];

/// The keys of images of builds by KubeSphere.
const OF_BUILDERS: [&str; 2] = ["builderImage", "runtimeImage"];

pub(super) fn check(findings: &mut Findings<'_>) {
    let object = findings.object;
    walk::entries(object, &mut |path, key, value| {
        if CONTAINERS.contains(&key) {
            for (index, container) in items(value).enumerate() {
                image(
                    findings,
                    &format!("{path}[{index}].image"),
                    &container["image"],
                );
            }
        }
        if OF_BUILDERS.contains(&key) {
            image(findings, path, value);
        }
        if key == "from" && value["kind"] == "DockerImage" && findings.kind() != "ImageStream" {
            image(findings, &format!("{path}.name"), &value["name"]);
        }
    });
}

fn image(findings: &mut Findings<'_>, path: &str, value: &Value) {
    // Not a name: a trigger or a parameter gives it.
    let Some(name) = value.as_str().filter(|name| !name.contains("$(")) else {
        return;
    };
    let Ok(image) = name.trim().parse::<ImageRef>() else {
        return;
    };
    if image.digest().is_none() && name != "scratch" {
        findings.note(
            "mutable-tag",
            path,
            &format!("`{name}` may be another image tomorrow"),
            &format!("add the digest, `{name}@sha256:…`: `s2i inspect --registry` shows it"),
        );
    }
}
