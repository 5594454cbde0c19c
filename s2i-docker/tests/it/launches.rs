//! The command of an image in a container of its own.

use std::time::Duration;

use insta::assert_snapshot;
use s2i_build::{
    BuildContext, EngineError,
    event::{Event, Output, Progress},
    facts::ImageFacts,
    ports::{Launch, Launcher as _, Publish, Runner as _, Start},
    request::{ContainerOptions, Limits, Network},
};
use s2i_core::{
    EnvVar,
    wire::{Exit, Kind},
};

use crate::{
    calls::{body_of, journal},
    daemon::{Cancel, Endpoint, Fault, Knobs, Life, Moment, Removal, Waiting},
    scene::{Scene, chain, facts},
};

async fn launch(scene: &Scene) -> Result<Exit, EngineError> {
    let image = facts();
    launch_this(scene, &limited(&image, Limits::default())).await
}

/// The command of the image, with these limits.
fn limited(image: &ImageFacts, limits: Limits) -> Launch<'_> {
    Launch {
        image,
        args: Vec::new(),
        env: Vec::new(),
        user: None,
        network: Network::Default,
        limits,
        ports: Vec::new(),
        read_only: false,
    }
}

async fn launch_this(scene: &Scene, launch: &Launch<'_>) -> Result<Exit, EngineError> {
    let progress = Progress::new(&scene.recorder);
    let launching = scene
        .engine
        .launch(launch, BuildContext::new(&progress, &scene.cancel));
    let done = tokio::time::timeout(Duration::from_secs(60), launching).await;
    done.expect("one of both sides goes on")
}

fn written(scene: &Scene, wanted: Output) -> Vec<u8> {
    let events = scene.recorder.events();
    let pieces = events.iter().filter_map(|event| match event {
        Event::Output(output, piece) if *output == wanted => Some(piece.clone()),
        _ => None,
    });
    pieces.collect::<Vec<_>>().concat()
}

#[tokio::test]
async fn launch_makes_these_calls() {
    let scene = Scene::new(Knobs {
        exit: Exit::Code(3),
        ..Knobs::default()
    });
    assert_eq!(launch(&scene).await.unwrap(), Exit::Code(3));
    scene.daemon.check();
    assert_snapshot!(journal(&scene.daemon), @"
    POST /containers/create?name=s2i_s2i_go_########&platform= {…}
    POST /containers/s2i_s2i_go_########/attach?logs=false&stream=true&stdin=false&stdout=true&stderr=true
    POST /containers/s2i_s2i_go_########/wait?condition=next-exit
    POST /containers/s2i_s2i_go_########/start
    DELETE /containers/s2i_s2i_go_########?v=true&force=true&link=false
    ");
    assert_snapshot!(body_of(&scene.daemon, Endpoint::Create), @r#"
    {
      "AttachStderr": true,
      "AttachStdout": true,
      "HostConfig": {
        "AutoRemove": true,
        "LogConfig": {
          "Type": "none"
        },
        "ReadonlyRootfs": false,
        "SecurityOpt": [
          "no-new-privileges"
        ]
      },
      "Image": "sha256:2222222222222222222222222222222222222222222222222222222222222222",
      "Tty": false
    }
    "#);
}

/// Podman of an ordinary user does so with version 1 of control groups.
#[tokio::test]
async fn a_limit_that_is_left_out_is_no_limit() {
    let image = facts();
    let limits = Limits {
        memory: Some(64 << 20),
        cpu_millis: Some(1500),
        pids: Some(50),
    };
    let scene = Scene::new(Knobs {
        ignores: vec!["Memory", "PidsLimit"],
        ..Knobs::default()
    });
    let launched = launch_this(&scene, &limited(&image, limits)).await;
    let start = Start {
        image: &image,
        user: "1001",
        network: &Network::Default,
        limits,
        options: &ContainerOptions::default(),
        artifacts: None,
        source: None,
        others: &[],
    };
    let progress = Progress::new(&scene.recorder);
    let started = scene
        .engine
        .start(&start, BuildContext::new(&progress, &scene.cancel))
        .await;
    for failed in [launched.map(drop), started.map(drop)] {
        assert_eq!(
            chain(&failed.unwrap_err()),
            "the engine failed to limit a container of `s2i/go`: it keeps no limit for memory and processes here; \
             for an ordinary user that takes version 2 of control groups"
        );
    }
    scene.daemon.check();
    assert_snapshot!(journal(&scene.daemon), @"
    POST /containers/create?name=s2i_s2i_go_########&platform= {…}
    GET /containers/s2i_s2i_go_########/json
    DELETE /containers/s2i_s2i_go_########?v=true&force=true&link=false
    GET /version
    POST /containers/create?name=s2i_s2i_go_########&platform= {…}
    GET /containers/s2i_s2i_go_########/json
    DELETE /containers/s2i_s2i_go_########?v=true&force=true&link=false
    ");
    // What is not asked for is not missed.
    let processors = Limits {
        cpu_millis: Some(1500),
        ..Limits::default()
    };
    let launched = launch_this(&scene, &limited(&image, processors)).await;
    assert_eq!(launched.unwrap(), Exit::Code(0));
}

#[tokio::test]
async fn container_has_everything_requested() {
    let scene = Scene::new(Knobs::default());
    let image = facts();
    let port = |host, container| Publish { host, container };
    let launch = Launch {
        image: &image,
        args: vec!["serve".into(), "--fast".into()],
        env: vec![EnvVar::new("A", "b c").unwrap()],
        user: Some("1001".into()),
        network: Network::Named("lab".into()),
        limits: Limits {
            memory: Some(64 << 20),
            cpu_millis: Some(1500),
            pids: Some(50),
        },
        ports: vec![port(80, 8080), port(443, 8443), port(81, 8080)],
        read_only: true,
    };
    launch_this(&scene, &launch).await.unwrap();
    scene.daemon.check();
    let body = body_of(&scene.daemon, Endpoint::Create);
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["Cmd"], serde_json::json!(["serve", "--fast"]));
    assert_eq!(body["Env"], serde_json::json!(["A=b c"]));
    assert_eq!(body["User"], "1001");
    let host = &body["HostConfig"];
    assert_eq!(host["NetworkMode"], "lab");
    assert_eq!(host["Memory"], 64 << 20);
    assert_eq!(
        (&host["CpuQuota"], &host["CpuPeriod"]),
        (&150_000.into(), &100_000.into())
    );
    assert_eq!(host["PidsLimit"], 50);
    assert_eq!(host["ReadonlyRootfs"], true);
    assert!(
        host["Tmpfs"]["/tmp"]
            .as_str()
            .unwrap()
            .contains("mode=1777")
    );
    let bound = |port: &str| host["PortBindings"][port].as_array().unwrap().len();
    assert_eq!((bound("8080/tcp"), bound("8443/tcp")), (2, 1));
    let exposed = &body["ExposedPorts"];
    assert!(
        exposed["8080/tcp"].is_object() && exposed["8443/tcp"].is_object(),
        "{exposed}"
    );
}

#[tokio::test]
async fn output_arrives_in_any_pieces() {
    let bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    for piece in [1, 7, 4096, 70_000] {
        let scene = Scene::new(Knobs {
            output: vec![
                (Kind::Stdout, bytes.clone()),
                (Kind::Stderr, b"err\n".to_vec()),
                (Kind::Stdout, b"no line end".to_vec()),
            ],
            piece,
            ..Knobs::default()
        });
        assert_eq!(launch(&scene).await.unwrap(), Exit::Code(0));
        scene.daemon.check();
        assert_eq!(
            written(&scene, Output::Stdout),
            [&bytes[..], b"no line end"].concat()
        );
        assert_eq!(written(&scene, Output::Stderr), b"err\n");
    }
}

#[tokio::test]
async fn nothing_is_left_when_a_call_fails() {
    let calls = [
        Endpoint::Create,
        Endpoint::Attach,
        Endpoint::Wait,
        Endpoint::Start,
    ];
    let faults = [
        Fault::Status(500, "broken"),
        Fault::CutBefore,
        Fault::CutAfter,
    ];
    for (endpoint, fault) in calls
        .into_iter()
        .flat_map(|call| faults.map(|fault| (call, fault)))
    {
        // The answer to a start has nothing to cut; a command may close its outputs and go on.
        let is_none = matches!(endpoint, Endpoint::Start | Endpoint::Attach);
        if is_none && matches!(fault, Fault::CutAfter) {
            continue;
        }
        let scene = Scene::new(Knobs {
            fault: Some((endpoint, 0, fault)),
            life: Life::UntilKilled,
            ..Knobs::default()
        });
        let err = launch(&scene).await.unwrap_err();
        scene.daemon.check();
        assert_eq!(scene.recorder.warnings(), "", "{endpoint:?} {fault:?}");
        assert!(!chain(&err).is_empty());
    }
}

#[tokio::test]
async fn unknown_status_is_an_error() {
    let scene = Scene::new(Knobs {
        fault: Some((Endpoint::Wait, 0, Fault::Status(404, "no such container"))),
        life: Life::UntilKilled,
        ..Knobs::default()
    });
    let err = launch(&scene).await.unwrap_err();
    assert!(matches!(err, EngineError::Lost { .. }), "{err:?}");
    scene.daemon.check();
}

/// The daemon accepts a wait late, and a start before that breaks a rule of it.
#[tokio::test]
async fn command_that_ends_at_once_is_not_missed() {
    for code in [0, 1, 255] {
        let scene = Scene::new(Knobs {
            exit: Exit::Code(code),
            output: Vec::new(),
            ..Knobs::default()
        });
        assert_eq!(launch(&scene).await.unwrap(), Exit::Code(code));
        scene.daemon.check();
    }
}

#[tokio::test]
async fn end_that_the_engine_missed_is_found() {
    let scene = Scene::new(Knobs {
        exit: Exit::Code(3),
        waiting: Waiting::MissedAndKept,
        ..Knobs::default()
    });
    assert_eq!(launch(&scene).await.unwrap(), Exit::Code(3));
    scene.daemon.check();
    assert!(!written(&scene, Output::Stdout).is_empty());
}

#[tokio::test(start_paused = true)]
async fn end_that_the_engine_missed_with_a_removal_is_an_error() {
    let scene = Scene::new(Knobs {
        waiting: Waiting::MissedAndRemoved,
        ..Knobs::default()
    });
    let err = launch(&scene).await.unwrap_err();
    assert!(matches!(err, EngineError::Lost { .. }), "{err:?}");
    scene.daemon.check();
}

#[tokio::test]
async fn self_removed_container_is_no_error() {
    for removal in [Removal::Missing, Removal::Underway(3)] {
        let scene = Scene::new(Knobs {
            removal,
            ..Knobs::default()
        });
        launch(&scene).await.unwrap();
        scene.daemon.check();
        assert_eq!(scene.recorder.warnings(), "");
    }
}

fn cancelled(at: Moment, hangs: bool, life: Life) -> Scene {
    let token = s2i_build::CancelToken::default();
    Scene::new(Knobs {
        cancel: Some(Cancel { at, token, hangs }),
        life,
        ..Knobs::default()
    })
}

#[tokio::test]
async fn a_launch_that_is_stopped_before_the_start_does_not_start() {
    for endpoint in [Endpoint::Attach, Endpoint::Start] {
        let scene = cancelled(Moment::Call(endpoint, 0), true, Life::UntilKilled);
        let err = launch(&scene).await.unwrap_err();
        assert!(
            matches!(err, EngineError::Interrupted(_)),
            "{endpoint:?}: {err:?}"
        );
        scene.daemon.check();
    }
}

/// Stops the command once it has written something.
async fn stopped(life: Life) -> (Scene, Result<Exit, EngineError>) {
    let scene = Scene::new(Knobs {
        life,
        ..Knobs::default()
    });
    let stop = async {
        while written(&scene, Output::Stdout).is_empty() {
            tokio::task::yield_now().await;
        }
        tokio::time::pause();
        scene.cancel.cancel(s2i_build::Interrupt::Terminated);
    };
    let (exit, ()) = futures_util::join!(launch(&scene), stop);
    scene.daemon.check();
    (scene, exit)
}

#[tokio::test]
async fn the_reason_is_passed_on_as_a_signal() {
    let (scene, exit) = stopped(Life::UntilSignal).await;
    assert_eq!(exit.unwrap(), Exit::Code(0), "it ended by itself");
    assert_eq!(scene.daemon.model().signals, ["SIGTERM"]);
}

#[tokio::test]
async fn command_that_ignores_the_signal_is_killed() {
    let (scene, exit) = stopped(Life::UntilKilled).await;
    assert_eq!(exit.unwrap(), Exit::Code(137));
    assert_eq!(scene.daemon.model().signals, ["SIGTERM", "SIGKILL"]);
}
