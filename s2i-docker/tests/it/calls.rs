//! Which calls a build makes, and what is in them.

use insta::assert_snapshot;
use s2i_build::{
    BuildContext,
    ports::{Runner as _, Start},
    request::{ContainerOptions, Limits, Network},
};
use s2i_core::wire::Request;

use crate::{
    daemon::{Answers, Call, Daemon, Endpoint, Knobs, decoded},
    scene::{SECRET, Scene, facts},
};

/// The calls, a line each, without what differs between two runs.
pub(crate) fn journal(daemon: &Daemon) -> String {
    let lines = daemon.model().calls.iter().map(line).collect::<Vec<_>>();
    lines.join("\n")
}

fn line(call: &Call) -> String {
    let query = if call.query.is_empty() { "" } else { "?" };
    let line = format!(
        "{} {}{query}{}",
        call.method,
        call.path,
        decoded(&call.query)
    );
    let body = match call.body.len() {
        0 => String::new(),
        _ if call.body.starts_with(b"{") => " {…}".into(),
        length => format!(" {length} bytes"),
    };
    redacted(&line) + &body
}

/// The random end of the container's name made plain.
fn redacted(line: &str) -> String {
    const PREFIX: &str = "s2i_s2i_go_";
    let mut line = line.to_owned();
    if let Some(at) = line.find(PREFIX).map(|at| at + PREFIX.len()) {
        line.replace_range(at..at + 8, "########");
    }
    line
}

pub(crate) fn body_of(daemon: &Daemon, endpoint: Endpoint) -> String {
    let is_it = |call: &&Call| {
        Endpoint::of(&call.method, &call.path).is_some_and(|(found, _)| found == endpoint)
    };
    let model = daemon.model();
    let call = model.calls.iter().find(is_it).expect("the call");
    let body: serde_json::Value = serde_json::from_slice(&call.body).unwrap();
    serde_json::to_string_pretty(&body).unwrap()
}

async fn built(answers: Answers) -> Scene {
    let scene = Scene::new(Knobs {
        answers,
        ..Knobs::default()
    });
    let (committed, cleaned) = scene.build().await;
    let committed = committed.unwrap();
    cleaned.unwrap();
    assert_eq!((committed.size, &committed.id[..8]), (4242, "sha256:1"));
    scene.daemon.check();
    scene
}

#[tokio::test]
async fn a_build_on_docker_makes_these_calls() {
    let scene = built(Answers::Old).await;
    assert_snapshot!(journal(&scene.daemon), @r#"
    POST /images/create?fromImage=s2i/go&tag=latest&platform=
    GET /images/s2i/go/json
    GET /version
    POST /containers/create?name=s2i_s2i_go_########&platform= {…}
    PUT /containers/s2i_s2i_go_########/archive?path=/ 2048 bytes
    POST /containers/s2i_s2i_go_########/attach?logs=false&stream=true&stdin=true&stdout=true&stderr=true
    POST /containers/s2i_s2i_go_########/start
    POST /commit?container=s2i_s2i_go_########&pause=false {…}
    POST /images/sha256:1111111111111111111111111111111111111111111111111111111111111111/tag?repo=registry.test:5000/team/web&tag=1
    GET /images/sha256:1111111111111111111111111111111111111111111111111111111111111111/json
    DELETE /containers/s2i_s2i_go_########?v=true&force=true&link=false
    "#);
    let scene_of_newest = built(Answers::New).await;
    assert_eq!(journal(&scene.daemon), journal(&scene_of_newest.daemon));
}

#[tokio::test]
async fn podman_gets_the_config_as_instructions_too() {
    let scene = built(Answers::Podman).await;
    let journal = journal(&scene.daemon);
    let commit = journal
        .split('\n')
        .skip_while(|line| !line.contains("/commit"));
    assert_snapshot!(commit.collect::<Vec<_>>().join("\n"), @r#"
    POST /commit?container=s2i_s2i_go_########&pause=false&changes=ENTRYPOINT []
    CMD ["/usr/libexec/s2i/run"]
    WORKDIR /
    USER 1001
    ENV PORT=8080
    LABEL io.k8s.display-name=two words
    EXPOSE 8080/tcp {…}
    POST /images/sha256:1111111111111111111111111111111111111111111111111111111111111111/tag?repo=registry.test:5000/team/web&tag=1
    GET /images/sha256:1111111111111111111111111111111111111111111111111111111111111111/json
    DELETE /containers/s2i_s2i_go_########?v=true&force=true&link=false
    "#);
}

/// The whole body: that nothing of the host is in it is what CVE-2016-2160 and CVE-2016-3738 need.
#[tokio::test]
async fn a_container_for_a_user_gets_nothing_of_the_host() {
    let scene = built(Answers::Old).await;
    assert_snapshot!(body_of(&scene.daemon, Endpoint::Create), @r#"
    {
      "AttachStderr": true,
      "AttachStdin": true,
      "AttachStdout": true,
      "Cmd": [],
      "Entrypoint": [
        "/.s2i-agent"
      ],
      "HostConfig": {
        "AutoRemove": true,
        "CapAdd": [
          "CHOWN",
          "DAC_OVERRIDE",
          "FOWNER",
          "KILL",
          "SETGID",
          "SETUID"
        ],
        "CapDrop": [
          "ALL"
        ],
        "LogConfig": {
          "Type": "none"
        },
        "SecurityOpt": [
          "no-new-privileges"
        ]
      },
      "Image": "sha256:2222222222222222222222222222222222222222222222222222222222222222",
      "OpenStdin": true,
      "StdinOnce": true,
      "Tty": false,
      "WorkingDir": "/"
    }
    "#);
}

#[tokio::test]
async fn a_container_for_root_keeps_the_capabilities_of_its_engine_and_no_more() {
    let scene = Scene::new(Knobs::default());
    let mut program = crate::scene::program();
    program.user = "0".into();
    let finished = scene
        .run_program(&program, crate::scene::archive(&[]))
        .await
        .unwrap();
    finished.discard().await.unwrap();
    let body = body_of(&scene.daemon, Endpoint::Create);
    let from_host = &body[body.find("\"HostConfig\"").unwrap()..];
    assert_snapshot!(from_host, @r#"
    "HostConfig": {
        "AutoRemove": true,
        "LogConfig": {
          "Type": "none"
        },
        "SecurityOpt": [
          "no-new-privileges"
        ]
      },
      "Image": "sha256:2222222222222222222222222222222222222222222222222222222222222222",
      "OpenStdin": true,
      "StdinOnce": true,
      "Tty": false,
      "WorkingDir": "/"
    }
    "#);
}

#[tokio::test]
async fn the_commit_carries_the_whole_config() {
    let scene = built(Answers::Old).await;
    assert_snapshot!(body_of(&scene.daemon, Endpoint::Commit), @r#"
    {
      "Cmd": [
        "/usr/libexec/s2i/run"
      ],
      "Entrypoint": [],
      "Env": [
        "PORT=8080"
      ],
      "ExposedPorts": {
        "8080/tcp": {}
      },
      "Labels": {
        "io.k8s.display-name": "two words",
        "of.the.image": "two\nlines"
      },
      "User": "1001",
      "WorkingDir": "/"
    }
    "#);
}

/// CVE-2026-41567: a daemon unpacks a compressed archive with a program of the image.
#[tokio::test]
async fn every_archive_is_a_plain_tar_for_a_container_that_has_not_started() {
    let scene = built(Answers::Old).await;
    let calls = scene.daemon.model().calls.clone();
    let archives: Vec<_> = calls
        .iter()
        .filter(|call| call.path.ends_with("/archive"))
        .collect();
    assert_eq!(archives.len(), 1);
    for call in archives {
        assert_eq!((&*call.method, &*call.query), ("PUT", "path=%2F"));
        let header = &call.body[..512];
        assert_eq!(&header[257..262], b"ustar");
        assert_eq!(octal(&header[148..156]), checksum(header));
        for magic in [&b"\x1f\x8b"[..], b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"BZh"] {
            assert!(!header.starts_with(magic));
        }
    }
}

fn octal(field: &[u8]) -> u64 {
    let text = str::from_utf8(field).unwrap();
    u64::from_str_radix(text.trim_matches([' ', '\0']), 8).unwrap()
}

/// The sum of a header's bytes, its own field counting as spaces.
fn checksum(header: &[u8]) -> u64 {
    let rest = header[..148].iter().chain(&header[156..]);
    rest.map(|byte| u64::from(*byte)).sum::<u64>() + 8 * u64::from(b' ')
}

#[tokio::test]
async fn a_secret_is_in_no_call_but_reaches_the_program() {
    let scene = built(Answers::Podman).await;
    let model = scene.daemon.model();
    for call in &model.calls {
        let shown = format!("{call:?} {}", String::from_utf8_lossy(&call.body));
        assert!(!shown.contains(SECRET), "{} {}", call.method, call.path);
    }
    // Traces show requests in this form.
    assert!(!format!("{:?}", model.requests).contains(SECRET));
    let reached = model.requests.iter().any(|request| match request {
        Request::Exec(exec) => exec.env.iter().any(|variable| variable.value() == SECRET),
        _ => false,
    });
    assert!(reached);
}

#[tokio::test]
async fn a_network_is_passed_on() {
    let scene = Scene::new(Knobs::default());
    let (facts, program) = (facts(), crate::scene::program());
    for (network, expected) in [
        (Network::None, "none"),
        (Network::Host, "host"),
        (Network::Named("ci".into()), "ci"),
    ] {
        let start = Start {
            image: &facts,
            user: &program.user,
            network: &network,
            limits: Limits {
                memory: Some(6 << 20),
                ..Limits::default()
            },
            options: &ContainerOptions::default(),
            artifacts: None,
            source: None,
            others: &[],
        };
        let progress = s2i_build::event::Progress::new(&scene.recorder);
        let container = scene
            .engine
            .start(&start, BuildContext::new(&progress, &scene.cancel))
            .await;
        s2i_build::Container::discard(container.unwrap())
            .await
            .unwrap();
        let body = body_of(&scene.daemon, Endpoint::Create);
        assert!(
            body.contains(&format!("\"NetworkMode\": \"{expected}\"")),
            "{body}"
        );
        assert!(body.contains("\"Memory\": 6291456"), "{body}");
        scene.daemon.model().calls.clear();
    }
}

#[tokio::test]
async fn options_of_containers_are_passed_on() {
    let scene = Scene::new(Knobs::default());
    let (facts, program) = (facts(), crate::scene::program());
    let options = ContainerOptions {
        mounts: vec!["/cache:/root/.m2:ro,z".parse().unwrap()],
        hosts: vec!["db:10.0.0.1".parse().unwrap()],
        without_capabilities: vec!["NET_RAW".parse().unwrap()],
        security: vec!["label=disable".into()],
    };
    let start = Start {
        image: &facts,
        user: &program.user,
        network: &Network::Default,
        limits: Limits::default(),
        options: &options,
        artifacts: None,
        source: None,
        others: &[],
    };
    scene.engine.check_options(&options).unwrap();
    let progress = s2i_build::event::Progress::new(&scene.recorder);
    let context = BuildContext::new(&progress, &scene.cancel);
    let container = scene.engine.start(&start, context).await.unwrap();
    s2i_build::Container::discard(container).await.unwrap();
    let body = body_of(&scene.daemon, Endpoint::Create);
    let host: serde_json::Value = serde_json::from_str(&body).unwrap();
    let host = &host["HostConfig"];
    assert_eq!(host["Binds"], serde_json::json!(["/cache:/root/.m2:ro,z"]));
    assert_eq!(host["ExtraHosts"], serde_json::json!(["db:10.0.0.1"]));
    assert_eq!(
        host["SecurityOpt"],
        serde_json::json!(["label=disable", "no-new-privileges"])
    );
}
