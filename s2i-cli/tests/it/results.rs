//! The use of the result of a build: names, pushes, files, archives, containers and callbacks.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread::{self, JoinHandle},
};

use serde_json::{Value, json};

use crate::{
    daemon::{Endpoint, Fault, Knobs, MADE},
    scene::{BUILD, Scene},
};

/// A server that takes one request, which it answers with this status, and returns it.
fn server(status: impl Into<String>) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/done", listener.local_addr().unwrap());
    let status = status.into();
    let taken = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut text = String::new();
        while !text.ends_with("}\n") {
            let mut piece = [0; 4096];
            let length = stream.read(&mut piece).unwrap();
            text += &String::from_utf8_lossy(&piece[..length]);
        }
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").unwrap();
        text
    });
    (url, taken)
}

/// Returns the options of a request, and its body.
fn parts(request: &str) -> (String, Value) {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), serde_json::from_str(body).unwrap())
}

#[test]
fn standard_output_is_the_reference_of_the_result() {
    let Some(scene) = Scene::with_builds(Knobs::default()) else {
        return;
    };
    for (args, expected) in [
        (&BUILD[..], "web\n".to_owned()),
        (&["build", "app", "s2i/go", "web", "-q"], "web\n".into()),
        (&["build", "app", "s2i/go"], format!("{MADE}\n")),
    ] {
        let done = scene.s2i(args).ends_with(0);
        assert_eq!(done.stdout, expected, "{args:?}");
        done.warns("Build completed successfully\n");
    }
}

#[test]
fn all_names_are_given_and_pushed() {
    let digest = format!("registry.test/team/web@sha256:{}", "7".repeat(64));
    let Some(scene) = Scene::with_builds(Knobs {
        digests: vec![digest.clone().leak()],
        ..Knobs::default()
    }) else {
        return;
    };
    let names = [
        "-t",
        "registry.test/team/web:1",
        "--tag",
        "web:2",
        "-t",
        "web:2",
    ];
    for name in ["registry.test/team/web:1", "web:2"] {
        scene.daemon().model().images.insert(name.into());
        scene.daemon().model().ids.insert(name.into(), "sha256:4");
    }
    let files = ["--push", "--iidfile", "id", "--metadata-file", "about.json"];
    let args = [&["build", "app", "s2i/go"][..], &names, &files].concat();
    let done = scene.s2i(&args).ends_with(0);
    assert_eq!(done.stdout, format!("{digest}\n"));
    assert_eq!(scene.daemon().count(Endpoint::Push), 2);
    assert_eq!(scene.daemon().count(Endpoint::Tag), 2);
    assert_eq!(scene.read("id"), MADE);
    let about: Value = serde_json::from_str(&scene.read("about.json")).unwrap();
    assert_eq!(about["id"], MADE);
    assert_eq!(about["names"], json!(["registry.test/team/web:1", "web:2"]));
    assert_eq!(about["builder"], "s2i/go");
    assert!(
        about["source"]["location"]
            .as_str()
            .unwrap()
            .ends_with("/app")
    );
}

#[test]
fn result_can_be_an_archive() {
    let Some(scene) = Scene::with_builds(Knobs::default()) else {
        return;
    };
    scene.daemon().model().images.insert("web".into());
    scene.daemon().model().ids.insert("web".into(), "sha256:4");
    let done = scene.s2i(&[&BUILD[..], &["-o", "-"]].concat()).ends_with(0);
    assert_eq!(done.stdout, "an archive");
    let done = scene.s2i(&[&BUILD[..], &["--output", "web.tar"]].concat());
    assert_eq!(done.ends_with(0).stdout, "web\n");
    assert_eq!(scene.read("web.tar"), "an archive");
    let args = [&BUILD[..], &["-o", "-", "--progress", "json"]].concat();
    scene
        .s2i(&args)
        .ends_with(2)
        .warns("standard output can't get an archive and events");
}

#[test]
fn options_that_need_a_name_are_refused_before_the_build() {
    let scene = Scene::with_engine(Knobs::default());
    for option in ["--run=true", "--push"] {
        let done = scene.s2i(&["build", "app", "s2i/go", option]).ends_with(2);
        done.warns("needs a name for the resulting image");
    }
    assert_eq!(scene.daemon().count(Endpoint::Pull), 0);
    let args = [
        "build",
        "app",
        "s2i/go",
        "web",
        "-t",
        "docker.io/s2i/go:latest",
    ];
    scene
        .s2i(&args)
        .ends_with(18)
        .warns("the result can't be called");
    assert_eq!(scene.daemon().count(Endpoint::Create), 0);
}

#[test]
fn result_runs_until_it_ends() {
    let Some(scene) = Scene::with_builds(Knobs::default()) else {
        return;
    };
    scene.daemon().model().images.insert("web".into());
    scene.daemon().model().ids.insert("web".into(), "sha256:4");
    let done = scene.s2i(&[&BUILD[..], &["--run=true"]].concat());
    assert_eq!(done.stdout, "web\n");
    done.warns("web runs as a result of the --run=true option");
    assert_eq!(scene.daemon().count(Endpoint::Wait), 1);
}

#[test]
fn callback_gets_the_outcome() {
    let Some(scene) = Scene::with_builds(Knobs::default()) else {
        return;
    };
    let (url, taken) = server("204 No Content");
    let done = scene.s2i(&[&BUILD[..], &["--callback-url", &url]].concat());
    assert!(!done.ends_with(0).stderr.contains("--callback-url"));
    let (head, body) = parts(&taken.join().unwrap());
    assert!(head.starts_with("post /done http/1.1\r\n"), "{head}");
    assert!(head.contains("content-type: application/json"), "{head}");
    assert_eq!(body["success"], true);
    assert_eq!(
        body["labels"]["io.openshift.s2i.build.image"],
        "docker.io/s2i/go:latest"
    );
    let (url, taken) = server("500 Internal Server Error");
    let args = ["build", "none", "s2i/go", "web", "--callback-url", &url];
    scene
        .s2i(&args)
        .ends_with(14)
        .warns("warning: --callback-url: the server answered 500");
    assert_eq!(parts(&taken.join().unwrap()).1, json!({"success": false}));
    let args = [&BUILD[..], &["--callback-url", "http://127.0.0.1:9/"]].concat();
    scene
        .s2i(&args)
        .ends_with(0)
        .warns("warning: --callback-url: ");
}

/// Another server has no part in the build, and does not get the labels.
#[test]
fn redirect_of_a_callback_to_another_server_is_not_followed() {
    let scene = Scene::with_engine(Knobs::default());
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let other = listener.local_addr().unwrap();
    let (url, _taken) = server(format!(
        "307 Temporary Redirect\r\nLocation: http://{other}/stolen"
    ));
    let args = ["build", "none", "s2i/go", "web", "--callback-url", &url];
    scene
        .s2i(&args)
        .ends_with(14)
        .warns("the server answered 307 Temporary Redirect; redirects to other servers");
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err());
}

/// The body of an answer is not read, so one without an end does not matter.
#[test]
fn redirect_of_a_callback_to_the_same_server_is_followed() {
    let scene = Scene::with_engine(Knobs::default());
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/done", listener.local_addr().unwrap());
    let taken = thread::spawn(move || {
        let answers = [
            "307 Temporary Redirect\r\nConnection: close\r\nContent-Length: 0\r\nLocation: /there",
            "200 OK",
        ];
        answers.map(|answer| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut text = String::new();
            while !text.ends_with("}\n") {
                let mut piece = [0; 4096];
                let length = stream.read(&mut piece).unwrap();
                text += &String::from_utf8_lossy(&piece[..length]);
            }
            write!(stream, "HTTP/1.1 {answer}\r\n\r\n").unwrap();
            (stream, text)
        })
    });
    let args = ["build", "none", "s2i/go", "web", "--callback-url", &url];
    let done = scene.s2i(&args).ends_with(14);
    assert!(!done.stderr.contains("--callback-url"), "{}", done.stderr);
    let [(_, first), (_, second)] = taken.join().unwrap();
    assert!(first.starts_with("POST /done "), "{first}");
    assert!(second.starts_with("POST /there "), "{second}");
    assert_eq!(parts(&second).1, json!({"success": false}));
}

#[test]
fn files_about_the_result_are_checked_before_the_build() {
    let scene = Scene::with_engine(Knobs::default());
    for option in ["--iidfile", "--metadata-file", "--output"] {
        let done = scene.s2i(&[&BUILD[..], &[option, "none/file"]].concat());
        done.ends_with(2)
            .warns("can't write `DIR/none/file`: No such file or directory");
        let done = scene.s2i(&[&BUILD[..], &[option, "app"]].concat());
        done.ends_with(2).warns("can't write `DIR/app`: ");
    }
    assert_eq!(scene.daemon().model().calls.len(), 0);
}

/// A failed build leaves no ID of an earlier one, and nothing else.
#[test]
fn failed_build_leaves_no_file_with_an_id() {
    let scene = Scene::with_engine(Knobs::default());
    scene.write("id", "sha256:of an earlier build");
    scene.write("about.json", "{}");
    let args = ["build", "none", "s2i/go", "--iidfile", "id"];
    let before = scene.names(".");
    let args = [&args[..], &["--metadata-file", "about.json"]].concat();
    scene.s2i(&args).ends_with(14);
    let after: Vec<_> = before.into_iter().filter(|name| name != "id").collect();
    assert_eq!(scene.names("."), after);
    assert_eq!(scene.read("about.json"), "{}");
}

/// The identifiers are those of the Go tool.
#[test]
fn failure_of_a_build_has_a_reason() {
    let scene = Scene::with_engine(Knobs {
        fault: Some((Endpoint::Pull, 0, Fault::Status(404, "no such image"))),
        ..Knobs::default()
    });
    for (args, reason) in [
        (&["build", "none", "s2i/go", "web"][..], "FetchSourceFailed"),
        (&["build", "app", "s2i/go", "web"], "PullBuilderImageFailed"),
    ] {
        let done = scene.s2i(&[args, &["--progress", "json"]].concat());
        assert_eq!(done.events().last().unwrap()["reason"], reason);
    }
}

#[test]
fn image_without_the_labels_of_s2i_is_not_built_again() {
    let Some(scene) = Scene::with_builds(Knobs::default()) else {
        return;
    };
    scene
        .s2i(&["rebuild", "s2i/go"])
        .ends_with(18)
        .warns("the image `s2i/go` has no label `io.openshift.s2i.build.image`");
}

/// Scripts look for these lines of the Go tool.
#[test]
fn log_levels_add_the_lines_of_the_go_tool() {
    let Some(scene) = Scene::with_builds(Knobs::default()) else {
        return;
    };
    let version = format!("Running S2I version {}\n", env!("CARGO_PKG_VERSION"));
    for (level, expected, unexpected) in [
        (
            "0",
            &[][..],
            &["Running S2I", "Copying sources", "Builder Image:"][..],
        ),
        (
            "1",
            &[&*version, "Copying sources from app\n"],
            &["Builder Image:"],
        ),
        (
            "2",
            &[&*version, "Builder Image:\ts2i/go\n", "Environment:\tA\n"],
            &["secret"],
        ),
    ] {
        let args = [&BUILD[..], &["-e", "A=secret", "--loglevel", level]].concat();
        let done = scene
            .s2i(&args)
            .ends_with(0)
            .warns("Build completed successfully");
        for text in expected {
            assert!(
                done.stderr.contains(text),
                "{level}: {text}: {}",
                done.stderr
            );
        }
        for text in unexpected {
            assert!(
                !done.stderr.contains(text),
                "{level}: {text}: {}",
                done.stderr
            );
        }
    }
}
