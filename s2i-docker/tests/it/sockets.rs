//! Which of several engines is found, with real sockets.

use std::{os::unix::net::UnixListener, path::Path};

use s2i_build::Agents;
use s2i_build::ports::EngineProbe as _;
use s2i_docker::{DockerEngine, Endpoint, Flavour, HostEnv};

use crate::daemon::{Answers, Daemon, Knobs};

fn env(runtime_dir: &Path) -> HostEnv {
    HostEnv {
        runtime_dir: Some(runtime_dir.into()),
        ..HostEnv::default()
    }
}

fn found(flavour: Flavour, env: &HostEnv) -> String {
    match Endpoint::find(None, Some(flavour), env) {
        Ok(endpoint) => endpoint.url,
        Err(err) => err.to_string(),
    }
}

fn listen(path: &Path) -> UnixListener {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    UnixListener::bind(path).unwrap()
}

/// The rootless sockets come after Docker's own and before Podman's for root, which a machine may
/// have as well.
#[test]
fn a_rootless_socket_is_found_by_its_flavour() {
    let dir = tempfile::tempdir().unwrap();
    let (docker, podman) = (
        dir.path().join("docker.sock"),
        dir.path().join("podman/podman.sock"),
    );
    let env = env(dir.path());
    let _podman = listen(&podman);
    assert_eq!(
        found(Flavour::Podman, &env),
        format!("unix://{}", podman.display())
    );
    let _docker = listen(&docker);
    assert_eq!(
        found(Flavour::Podman, &env),
        format!("unix://{}", podman.display())
    );
    let of_docker = found(Flavour::Docker, &env);
    let any = Endpoint::find(None, None, &env).unwrap().url;
    assert_eq!(of_docker, any, "Docker comes first");
    let system = Path::new("/var/run/docker.sock");
    if std::os::unix::net::UnixStream::connect(system).is_err() {
        assert_eq!(of_docker, format!("unix://{}", docker.display()));
    }
}

/// A socket file that its engine left behind is not taken for an engine.
#[test]
fn closed_socket_is_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("podman/podman.sock");
    drop(listen(&path));
    let shown = found(Flavour::Podman, &env(dir.path()));
    let passed_over = format!("{} (connection refused)", path.display());
    let other = "unix:///run/podman/podman.sock";
    assert!(shown == other || shown.contains(&passed_over), "{shown}");
}

#[test]
fn the_variable_of_each_flavour_wins_over_its_sockets() {
    let dir = tempfile::tempdir().unwrap();
    let _docker = listen(&dir.path().join("docker.sock"));
    let _podman = listen(&dir.path().join("podman/podman.sock"));
    let env = HostEnv {
        docker_host: Some("unix:///d.sock".into()),
        container_host: Some("unix:///p.sock".into()),
        ..env(dir.path())
    };
    assert_eq!(found(Flavour::Docker, &env), "unix:///d.sock");
    assert_eq!(found(Flavour::Podman, &env), "unix:///p.sock");
    assert_eq!(
        Endpoint::find(None, None, &env).unwrap().url,
        "unix:///d.sock"
    );
}

#[tokio::test]
async fn probe_returns_the_kind_of_engine() {
    let mut lines = Vec::new();
    for answers in [Answers::Old, Answers::New, Answers::Podman] {
        let daemon = Daemon::start(Knobs {
            answers,
            ..Knobs::default()
        });
        let url = format!("unix://{}", daemon.socket().display());
        let endpoint = Endpoint::find(Some(&url), None, &HostEnv::default()).unwrap();
        let engine = DockerEngine::connect(endpoint, Agents::default()).unwrap();
        let info = engine.probe().await.unwrap();
        assert_eq!(info.endpoint, format!("{url} (from --url)"));
        lines.push(format!("{} {}", info.name, info.version));
    }
    assert_eq!(lines, ["Docker 20.10.24", "Docker 29.5.1", "Podman 5.4.2"]);
}

#[tokio::test]
async fn about_returns_the_properties() {
    let mut lines = Vec::new();
    for answers in [Answers::Old, Answers::New, Answers::Podman] {
        let scene = crate::scene::Scene::new(Knobs {
            answers,
            ..Knobs::default()
        });
        let about = scene.engine.about().await.unwrap();
        lines.push(format!(
            "{:?} rootless: {}, guards: {}, limits: {}, networks: {}, {} {} {}",
            about.flavour,
            about.is_rootless,
            about.guards.join(" "),
            about.limits.join(" "),
            about.networks.join(" "),
            about.storage,
            about.runtime,
            about.runtime_version.as_deref().unwrap_or("?"),
        ));
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    Docker rootless: false, guards: apparmor seccomp, limits: memory processors, networks: bridge host none, overlay2 runc 1.1.5
    Docker rootless: false, guards: seccomp, limits: memory processors processes, networks: bridge host none, overlayfs runc ?
    Podman rootless: true, guards: seccomp, limits: , networks: podman, vfs crun 1.21
    ");
}
