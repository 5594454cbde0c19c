//! Questions to a running engine, through `kubectl`.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::{host, kind::Kind};

/// The name of the file of the client with all rights, in the engine's folder.
pub(super) const KUBECONFIG: &str = "admin.kubeconfig";

/// The time limit of one request.
const TIMEOUT: &str = "--request-timeout=10s";

/// The kinds of objects that tests create.
const KINDS: &str = "namespaces,persistentvolumes,persistentvolumeclaims,cronjobs,jobs,pods,secrets,\
                     serviceaccounts,roles,rolebindings,resourcequotas";

/// The answer to `/version`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    git_version: String,
}

/// Returns the version of the API server, or an error as long as it does not respond.
pub(crate) fn version(dir: &Path) -> Result<String> {
    let answer = ask(dir, &["get", "--raw", "/version"])?;
    let version: Version =
        serde_json::from_str(&answer).context("can't read the version of the API server")?;
    Ok(version.git_version.trim_start_matches('v').to_owned())
}

/// Fails as long as pods can't be created: the node is not ready, or the controllers have not given a service
/// account to the default namespace.
pub(super) fn ready(dir: &Path) -> Result<()> {
    let state = "jsonpath={.status.conditions[?(@.type==\"Ready\")].status}";
    let state = ask(dir, &["get", "node", "s2i", "-o", state])?;
    ensure!(state == "True", "the node is not ready");
    let namespace = ["--namespace", "default"];
    ask(
        dir,
        &[&namespace[..], &["get", "serviceaccount", "default"]].concat(),
    )?;
    Ok(())
}

/// Returns one line for each object that tests may have created, `KIND NAMESPACE/NAME`.
///
/// # Errors
/// Fails if the engine does not respond, or responds with an error.
pub fn contents() -> Result<Vec<String>> {
    let line =
        "jsonpath={range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name}{\"\\n\"}{end}";
    let dir = Kind::Kubernetes.dir();
    let text = ask(&dir, &["get", KINDS, "--all-namespaces", "-o", line])?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// Sets the variables that select the engine, without files in the user's home directory.
pub(super) fn select(command: &mut Command, dir: &Path) {
    command.env("KUBECONFIG", dir.join(KUBECONFIG));
    command.env("KUBECACHEDIR", dir.join("run/kubectl"));
}

fn ask(dir: &Path, args: &[&str]) -> Result<String> {
    let mut kubectl = Command::new(dir.join("bin/kubectl"));
    // Neither a proxy nor settings in the home directory of the user.
    kubectl.env_clear();
    select(&mut kubectl, dir);
    let output = host::captured(kubectl.arg(TIMEOUT).args(args))?;
    Ok(String::from_utf8_lossy(&output).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_read_from_the_answer() {
        let answer =
            r#"{"major": "1", "minor": "36", "gitVersion": "v1.36.2", "platform": "linux/amd64"}"#;
        let version: Version = serde_json::from_str(answer).unwrap();
        assert_eq!(version.git_version, "v1.36.2");
    }
}
