//! Sources in Git repositories, which the pod clones.

use std::{fs, process::Command};

use super::{Machine, finish};
use crate::{
    harness::skip,
    images::Recipe,
    repository::{Repository, serve_files_to},
    ssh::Server,
};

/// The image of the steps for sources in Git repositories.
const GIT_IMAGE: &str = "s2i/s2i:git";

/// The password of the repository.
const PASSWORD: &str = "hunter22hunter22";

/// Returns a machine whose steps have Git.
pub(super) fn machine() -> Option<Machine> {
    let mut machine = Machine::ready(&Recipe::builder())?;
    if machine.live.engine.image(GIT_IMAGE).is_none() {
        skip("`cargo xtask images s2i:git --engine native` composes the image with Git");
        return None;
    }
    machine.agent = machine.push(GIT_IMAGE, "git");
    Some(machine)
}

/// Makes a repository of one commit with instructions, and a bare copy of it. Returns the directory of the copy and the
/// commit.
pub(super) fn repository(machine: &Machine) -> (std::path::PathBuf, String) {
    let source = machine.live.instructions("copy /app\nwrite /app/made text");
    let repository = Repository::of(&source);
    let served = machine.live.path("served");
    repository.bare(&served.join("app.git"));
    (served, repository.git(&["rev-parse", "HEAD"]))
}

pub(super) fn build(machine: &Machine, url: &str, options: &[&str], app: &str) -> Command {
    let mut args = vec!["build", "--on", "cluster", "--agent-image", &machine.agent];
    args.extend(options);
    args.extend([url, &machine.builder, app]);
    machine.s2i(&args)
}

#[test]
fn repository_is_cloned_in_the_pod_with_a_login_that_is_nowhere_else() {
    let Some(machine) = machine() else { return };
    let (root, commit) = repository(&machine);
    let server = serve_files_to(&root, machine.host(), Some(("me", PASSWORD)));
    let url = format!("{server}/app.git");
    let app = machine.image("app");
    let done = finish(&mut build(&machine, &url, &[], &app)).ends_with(8);
    done.says("prepare");
    machine.kubectl(&["delete", "jobs", "--all"]);
    let password = format!("--from-literal=password={PASSWORD}");
    machine.kubectl(&[
        "create",
        "secret",
        "generic",
        "git",
        "--type=kubernetes.io/basic-auth",
        "--from-literal=username=me",
        &password,
    ]);
    let file = machine.live.path("metadata.json");
    let options = [
        "--git-secret",
        "git",
        "--metadata-file",
        file.to_str().unwrap(),
    ];
    let done = finish(&mut build(&machine, &url, &options, &app)).succeeds();
    done.never_says(PASSWORD);
    let objects = machine.kubectl(&["get", "jobs,pods,configmaps,events", "-o", "yaml"]);
    assert!(!objects.contains(PASSWORD));
    let metadata: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(metadata["source"]["commit"], commit.as_str());
    let job = machine.kubectl(&["get", "jobs", "-o", "jsonpath={.items[0].metadata.name}"]);
    // The cluster gets the source itself, so the build can be repeated without a sender.
    finish(&mut machine.s2i(&["cluster", "retry", &job]))
        .succeeds()
        .says("@sha256:");
}

#[test]
fn repository_is_cloned_over_ssh_as_the_user_of_the_builder() {
    let Some(machine) = machine() else { return };
    let (root, _) = repository(&machine);
    let Some(server) = Server::start(&machine.live.path("ssh"), machine.host(), &root) else {
        return;
    };
    let (key, hosts) = (server.key(), server.known_hosts());
    machine.kubectl(&[
        "create",
        "secret",
        "generic",
        "git",
        "--type=kubernetes.io/ssh-auth",
        &format!("--from-file=ssh-privatekey={}", key.display()),
        &format!("--from-file=known_hosts={}", hosts.display()),
    ]);
    let app = machine.image("app");
    let url = server.url("app.git");
    // A user that is in no image.
    let options = ["--git-secret", "git", "--assemble-user", "4321"];
    finish(&mut build(&machine, &url, &options, &app)).succeeds();
}
