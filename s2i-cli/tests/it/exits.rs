//! Exit codes and messages: every documented code but that of an internal error is reached.

use std::{
    collections::BTreeSet,
    io::{Read as _, Write as _},
    net::TcpListener,
    process::Stdio,
    thread,
};

use s2i_core::wire::{Exit, Failure, FailureKind};

use crate::{
    daemon::{Conduct, Endpoint, Fault, Knobs, Step},
    scene::{BUILD, Done, Scene},
    signals,
};

/// A command that fails, and its code and message.
type Failing = (u8, &'static [&'static str], &'static str);

/// The failures before anything runs.
const WITHOUT_ENGINE: &[Failing] = &[
    (
        2,
        &["build", ".", "--memory", "much", "none"],
        "amount of memory",
    ),
    (2, &["run", "--memory", "much", "none"], "amount of memory"),
    (
        2,
        &["build", ".", "--memory", "5m", "none"],
        "less memory than a container can have",
    ),
    (
        2,
        &["run", "--memory", "5m", "none"],
        "less memory than a container can have",
    ),
    (
        2,
        &["build", ".", "--cpus", "none", "none"],
        "number of processors",
    ),
    (
        2,
        &["run", "--cpus", "none", "none"],
        "number of processors",
    ),
    (
        2,
        &["build", ".", "--pids-limit", "0", "none"],
        "invalid value '0' for '--pids-limit",
    ),
    (
        2,
        &["run", "--pids-limit", "0", "none"],
        "invalid value '0' for '--pids-limit",
    ),
    (2, &["run"], "Usage: s2i run"),
    (
        2,
        &["push", "app", "--compression", "zstd:20"],
        "use `gzip`, `zstd` or `zstd:LEVEL` with a level from 1 to 19",
    ),
    (
        2,
        &["build", ".", "app", "--compression", "zstd"],
        "the following required arguments were not provided",
    ),
    (
        2,
        &[
            "--url",
            "unix:///nowhere.sock",
            "push",
            "app",
            "--compression",
            "gzip",
        ],
        "--compression is for pushes of the embedded engine",
    ),
    (
        2,
        &[
            "--url",
            "unix:///nowhere.sock",
            "pull",
            "app",
            "--tls-verify=false",
        ],
        "--tls-verify=false can't change how Docker and Podman connect to registries",
    ),
    (
        2,
        &["run", "--no-such-option", "web"],
        "unexpected argument '--no-such-option' found",
    ),
    (
        2,
        &["build"],
        "the following required arguments were not provided",
    ),
    (
        2,
        &["build", "app", "--no-such-flag"],
        "unexpected argument '--no-such-flag' found",
    ),
    (
        2,
        &["build", "app", "s2i/go", "Bad:Tag"],
        "`Bad:Tag`: the name of a repository must be lower case",
    ),
    (
        2,
        &["build", "app", "s2i/go", "web", "-p", "sometimes"],
        "`sometimes` is ",
    ),
    (
        2,
        &[
            "build",
            "app",
            "s2i/go",
            "--as-dockerfile",
            "d/",
            "-E",
            "none",
        ],
        "error: can't read `DIR/none`",
    ),
    (
        2,
        &[
            "build",
            "app",
            "s2i/go",
            "--as-dockerfile",
            "d/",
            "--secret",
            "id=NONE",
        ],
        "the variable `NONE` is not set\nhint: ",
    ),
    (
        2,
        &["images", "--engine", "native", "--url", "unix:///x"],
        "hint: leave out --url",
    ),
    (2, &["login", "registry.test"], "hint: put it into a pipe"),
    (
        8,
        &[
            "build",
            "http://127.0.0.1:9/app.git",
            "s2i/go",
            "--as-dockerfile",
            "d/",
        ],
        "error: can't fetch `http://127.0.0.1:9/app.git`: git fetch failed: ",
    ),
    (
        14,
        &["build", "none", "s2i/go", "--as-dockerfile", "d/"],
        "error: the source `DIR/none` does not exist\nhint: ",
    ),
    (
        14,
        &["build", "app/main.go", "s2i/go", "--as-dockerfile", "d/"],
        "is not a directory",
    ),
    (
        14,
        &[
            "build",
            "app",
            "--context-dir",
            "other",
            "--as-dockerfile",
            "d/",
        ],
        "the source has no directory `other`",
    ),
    (
        14,
        &[
            "build",
            "app",
            "--context-dir",
            "../tmp",
            "--as-dockerfile",
            "d/",
        ],
        "the context directory `../tmp` leads out of the source",
    ),
    (
        18,
        &["build", "plain", "--as-dockerfile", "d/"],
        "hint: name one, with `s2i build SOURCE BUILDER TAG`",
    ),
    (
        20,
        &["images"],
        "error: no container engine answers at unix:///nothing/listens/here",
    ),
    (
        20,
        &[
            "build",
            "app",
            "s2i/go",
            "web",
            "--url",
            "unix:///none.sock",
        ],
        "hint: start Docker or Podman",
    ),
];

/// A tag to which nothing can be added.
const LONG_TAG: &str = concat!(
    "web:0123456789012345678901234567890123456789012345678901234567890123",
    "456789012345678901234567890123456789012345678901234567890123"
);

/// The failures of an engine whose containers do not run.
const WITHOUT_CONTAINER: &[Failing] = &[
    (
        2,
        &["run", "--read-only", "Bad"],
        "`Bad`: the name of a repository must be lower case",
    ),
    (
        2,
        &["load", "-i", "none.tar"],
        "error: can't read `DIR/none.tar`",
    ),
    (
        2,
        &["export", "s2i/go", "-o", "none/go.tar"],
        "error: can't write `DIR/none/go.tar`",
    ),
    (
        2,
        &[
            "build",
            "app",
            "s2i/go",
            LONG_TAG,
            "--runtime-image",
            "none",
            "--incremental",
        ],
        "at most 128",
    ),
    (
        18,
        &[
            "build",
            "app",
            "s2i/go",
            "web",
            "--runtime-image",
            "s2i/base",
        ],
        "has no label `io.openshift.s2i.assemble-input-files`",
    ),
    (
        21,
        &["run", "--pull-policy", "never", "none"],
        "error: the image `none` is not in the engine",
    ),
    (
        21,
        &["export", "none", "-o", "app/main.go"],
        "error: the image `none` is not in the engine",
    ),
    (
        2,
        &["build", "app", "--incremental"],
        "hint: name it after the builder",
    ),
    (
        15,
        &["build", "app", "s2i/go", "web", "-u", "1-"],
        "error: `assemble` would run as uid 0 in a container of `s2i/go`",
    ),
    (
        18,
        &["build", "app", "s2i/go", "s2i/go"],
        "that is the name of an image that it is built from",
    ),
    (
        21,
        &["build", "app", "s2i/none", "web", "-p", "never"],
        "error: the image `s2i/none` is not in the engine\nhint: ",
    ),
    (
        21,
        &["rmi", "missing"],
        "error: the image `missing` is not in the engine",
    ),
    (22, &["prune"], "error: the engine failed to "),
];

/// The failures of the agent in a container, by step and kind.
const OF_AGENT: &[(u8, Step, FailureKind)] = &[
    (6, Step::Finish, FailureKind::Requirement),
    (11, Step::Exec, FailureKind::NotFound),
    (17, Step::Exec, FailureKind::NotExecutable),
    (19, Step::Identify, FailureKind::NoSuchUser),
    (22, Step::Exec, FailureKind::Os),
    (24, Step::Unpack, FailureKind::BadArchive),
];

/// The codes of the other tests here.
const OTHERS: [u8; 5] = [4, 16, 23, 25, 75];

/// The codes of builds in a cluster, which the tests beside the command reach.
const OF_CLUSTER: [u8; 6] = [30, 31, 32, 33, 34, 35];

/// Runs commands that fail in a directory in which they leave nothing.
fn check(scene: &Scene, failing: &[Failing]) {
    scene.write("plain/README.md", "hello");
    let before = scene.names(".");
    for (code, args, message) in failing {
        let done = scene.s2i(args).ends_with(*code).warns(message);
        assert_eq!(done.stdout, "");
        assert_eq!(scene.names("."), before, "{args:?}");
    }
}

#[test]
fn failures_without_an_engine_have_their_code() {
    check(&Scene::new(), WITHOUT_ENGINE);
}

#[test]
fn failures_without_a_container_have_their_code() {
    let fault = Fault::Status(500, "out of order");
    let scene = Scene::with_engine(Knobs {
        fault: Some((Endpoint::Prune, 0, fault)),
        ..Knobs::default()
    });
    scene.s2i(&["pull", "s2i/go"]).ends_with(0);
    check(&scene, WITHOUT_CONTAINER);
    assert_eq!(scene.read("app/main.go"), "package main");
    assert_eq!(scene.daemon().count(Endpoint::Create), 0);
}

/// Builds with a model whose knobs were turned.
fn build(turn: impl FnOnce(&mut Knobs)) -> Option<Done> {
    let mut knobs = Knobs::default();
    turn(&mut knobs);
    Some(Scene::with_builds(knobs)?.s2i(&BUILD))
}

#[test]
fn failures_of_the_agent_have_their_code() {
    for (code, step, kind) in OF_AGENT {
        let failure = Failure {
            kind: *kind,
            message: "the test has this failure".into(),
        };
        let conduct = Some((*step, Conduct::Refuses(failure)));
        let Some(done) = build(|knobs| knobs.conduct = conduct) else {
            return;
        };
        let message = "error: in a container of `s2i/go`: the test has this failure\n";
        done.ends_with(*code).warns(message);
    }
}

#[test]
fn failed_script_has_its_code_and_output() {
    let Some(done) = build(|knobs| knobs.exit = Exit::Code(7)) else {
        return;
    };
    done.ends_with(4)
        .warns("building\na warning\nassemble took ")
        .warns(" s\nerror: `assemble` of `s2i/go` failed with status 7\nhint: ");
}

#[test]
fn lost_container_has_its_code() {
    let conduct = Some((Step::Exec, Conduct::Dies("")));
    let Some(done) = build(|knobs| knobs.conduct = conduct) else {
        return;
    };
    done.ends_with(23)
        .warns("error: the container of `s2i/go` ended before its work was done");
}

#[test]
fn failed_commit_has_its_code() {
    let fault = Fault::Status(500, "no space left on device");
    let Some(done) = build(|knobs| knobs.fault = Some((Endpoint::Commit, 0, fault))) else {
        return;
    };
    done.ends_with(6).warns("no space left on device");
}

#[test]
fn repository_without_a_commit_has_its_code() {
    let scene = Scene::new();
    scene.git("app", &["init", "--quiet"]);
    let args = ["build", "app", "s2i/go", "--as-dockerfile", "out/"];
    scene.s2i(&args).ends_with(16).warns(
        "has no commit yet\nhint: commit something, or build the files as they are with --copy\n",
    );
    scene.s2i(&[&args[..], &["--copy"]].concat()).ends_with(0);
}

#[test]
fn login_without_a_file_to_store_it_has_its_code() {
    let scene = Scene::new();
    let mut command = scene.command(&["login", "registry.test", "-u", "me", "--password-stdin"]);
    command.env_remove("HOME").stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may have ended already.
    let _ = child.stdin.take().unwrap().write_all(b"password\n");
    let done = scene.done(&child.wait_with_output().unwrap());
    done.ends_with(25)
        .warns("hint: set HOME, or name a file in REGISTRY_AUTH_FILE\n");
}

/// A registry that asks for a later try, each time.
#[test]
fn overloaded_registry_has_its_code() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let registry = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let answer = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 0\r\n\
                          Content-Length: 0\r\nConnection: close\r\n\r\n";
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let scene = Scene::new();
    let mut command = scene.command(&["login", &registry, "-u", "me", "--password-stdin"]);
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"password\n")
        .unwrap();
    let done = scene.done(&child.wait_with_output().unwrap());
    done.ends_with(75).warns("it answered 429");
}

/// Engines pass the answer of a registry on by their status, if they do. That of a registry that can't be reached is the
/// same as that of one that refuses.
#[test]
fn engine_passes_on_that_a_registry_is_overloaded() {
    for (status, code) in [(429, 75), (503, 75), (500, 21), (404, 21)] {
        let fault = Fault::Status(status, "toomanyrequests: slow down");
        let scene = Scene::with_engine(Knobs {
            fault: Some((Endpoint::Pull, 0, fault)),
            ..Knobs::default()
        });
        let done = scene.s2i(&["pull", "other"]).ends_with(code);
        done.warns("can't pull the image `other`: toomanyrequests: slow down\n");
    }
    for (endpoint, args, code) in [
        (Endpoint::Push, ["push", "s2i/go"], 75),
        (Endpoint::RemoveImage, ["rmi", "s2i/go"], 22),
    ] {
        let fault = Fault::Status(503, "not now");
        let scene = Scene::with_engine(Knobs {
            fault: Some((endpoint, 0, fault)),
            ..Knobs::default()
        });
        scene.daemon().model().images.insert("s2i/go".into());
        scene.s2i(&args).ends_with(code).warns("not now");
    }
}

/// A registry that asks for a later try, and one that does not have the image.
#[test]
fn image_of_a_registry_that_is_not_described_has_its_code() {
    for (answer, code, message) in [
        ("429 Too Many Requests", 75, "refuses more requests"),
        ("404 Not Found", 21, "has no image"),
    ] {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let registry = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 4096]);
                let answer = format!(
                    "HTTP/1.1 {answer}\r\nRetry-After: 0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                );
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        let image = format!("{registry}/team/go");
        let done = Scene::new().s2i(&["inspect", "--registry", &image]);
        done.ends_with(code)
            .warns(&format!("error: can't describe the image `{image}`: "))
            .warns(message);
    }
}

#[test]
fn every_documented_code_is_reached() {
    let done = Scene::new().s2i(&["exit-codes"]).ends_with(0);
    let documented = done.stdout.lines().map(|line| {
        let number = line.split_whitespace().next().unwrap();
        number.parse::<u8>().unwrap()
    });
    let failing = [WITHOUT_ENGINE, WITHOUT_CONTAINER].concat();
    let reached: BTreeSet<u8> = [0, 1]
        .into_iter()
        .chain(failing.iter().map(|(code, ..)| *code))
        .chain(OF_AGENT.iter().map(|(code, ..)| *code))
        .chain(signals::CODES.iter().map(|(_, code, _)| *code))
        .chain(OTHERS)
        .chain(OF_CLUSTER)
        .collect();
    assert_eq!(documented.collect::<BTreeSet<_>>(), reached);
}
