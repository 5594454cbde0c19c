//! The rules for sources of builds.

use serde_json::Value;

use super::{Findings, walk::items};
use crate::openshift::INLINE;

pub(super) fn check(findings: &mut Findings<'_>, spec: &Value) {
    let source = &spec["source"];
    if source["git"].is_object() && source["binary"].is_object() {
        findings.error(
            "git-and-binary",
            "spec.source",
            "a source can't be a repository and files of a client at once, so the API refuses the object",
            "remove `git` or `binary`",
        );
    }
    let length = source["dockerfile"].as_str().map_or(0, str::len);
    if length >= INLINE {
        findings.error(
            "long-dockerfile",
            "spec.source.dockerfile",
            &format!("the Dockerfile has {length} bytes, and the API takes less than {INLINE}"),
            "put it into the repository",
        );
    }
    for (index, image) in items(&source["images"]).enumerate() {
        let path = format!("spec.source.images[{index}]");
        paths(findings, &path, image);
    }
    secrets(findings, spec);
}

fn paths(findings: &mut Findings<'_>, path: &str, image: &Value) {
    let has_names = items(&image["as"]).next().is_some();
    if items(&image["paths"]).next().is_none() && !has_names {
        findings.error(
            "image-paths",
            &format!("{path}.paths"),
            "nothing is copied from the image, so the API refuses the object",
            "add `{sourcePath: /…, destinationDir: .}`",
        );
    }
    for (index, pair) in items(&image["paths"]).enumerate() {
        let from = pair["sourcePath"].as_str().unwrap_or_default();
        if !from.starts_with('/') {
            findings.error(
                "image-paths",
                &format!("{path}.paths[{index}].sourcePath"),
                &format!(
                    "`{from}` is no absolute path in the image, so the API refuses the object"
                ),
                "start it with `/`",
            );
        }
        let to = pair["destinationDir"].as_str().unwrap_or_default();
        if to.is_empty() || leaves(to) {
            findings.error(
                "image-paths",
                &format!("{path}.paths[{index}].destinationDir"),
                &format!(
                    "`{to}` is no directory below that of the build, so the API refuses the object"
                ),
                "write a relative path without `..`, or `.`",
            );
        }
    }
}

/// Checks the secrets of a Docker build, which are files beside the Dockerfile.
fn secrets(findings: &mut Findings<'_>, spec: &Value) {
    if !spec["strategy"]["dockerStrategy"].is_object() {
        return;
    }
    for kind in ["secrets", "configMaps"] {
        for (index, secret) in items(&spec["source"][kind]).enumerate() {
            let to = secret["destinationDir"].as_str().unwrap_or_default();
            if leaves(to) {
                findings.error(
                    "secret-directory",
                    &format!("spec.source.{kind}[{index}].destinationDir"),
                    &format!("`{to}` is not below the directory of the build, so the API refuses the object"),
                    "write a relative path without `..`: the Dockerfile copies the files from there",
                );
            }
        }
    }
}

fn leaves(path: &str) -> bool {
    path.starts_with('/') || path.split('/').any(|part| part == "..")
}
