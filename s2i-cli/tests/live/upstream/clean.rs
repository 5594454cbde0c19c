//! Scenarios 1 to 12: clean builds.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    path::Path,
    thread,
};

use s2i_core::label;
use serde_json::{Value, json};

use super::fixture::{self, build, check_clean};
use crate::{
    harness::{Live, live},
    images::{Entry, Recipe},
    process::{Done, Stream},
    repository::{Repository, serve_files},
};

/// The fixture with a label that names the scripts on a server.
fn served(live: &Live) -> Recipe {
    fixture::scripts(live);
    let url = format!("{}/scripts", serve_files(&live.path("")));
    fixture::bare().label(label::SCRIPTS_URL, url.leak())
}

fn labels(live: &Live) -> std::collections::HashMap<String, String> {
    let image = live.engine.image(&live.image("app")).expect("the image");
    image.config.unwrap().labels.unwrap_or_default()
}

#[test]
fn scripts_of_a_label_are_downloaded() {
    let Some(live) = live() else { return };
    let builder = live.load("served", &served(&live));
    let root = fixture::source(&live);
    Repository::of(&root).bare(&live.path("app.git"));
    let url = format!("{}/app.git", serve_files(&live.path("")));
    live.build_with(&builder, &[], url).succeeds();
    check_clean(&live);
}

/// A script that comes over the network is shown with its digest, so that it can be pinned.
#[test]
fn digests_of_downloaded_scripts_are_shown() {
    let Some(live) = live() else { return };
    let builder = live.load("served", &served(&live));
    let source = fixture::source(&live);
    let done = build(&live, &builder, &[], &source).succeeds();
    let digest = s2i_core::image::Digest::of(fixture::ASSEMBLE.as_bytes()).to_string();
    let digest = digest.trim_start_matches("sha256:");
    done.says(&digest[..12]);
}

#[test]
fn labels_of_the_metadata_file_are_in_the_result() {
    let Some(live) = live() else { return };
    let builder = live.load("baked", &fixture::baked());
    build(&live, &builder, &[], &fixture::source(&live)).succeeds();
    check_clean(&live);
    assert_eq!(
        labels(&live).get("colour").map(String::as_str),
        Some("blue")
    );
}

/// B-10: a file that is not as described fails the build with a message, not with a crash.
#[test]
fn malformed_metadata_is_an_error() {
    let Some(live) = live() else { return };
    for (name, text) in [
        ("no-json", "text"),
        ("no-labels", "{}"),
        ("a-number", "{\"labels\": [{\"a\": 1}]}"),
    ] {
        let script = format!(
            "#!/usr/bin/interpret\nmake-dir /tmp/.s2i\nwrite /tmp/.s2i/image_metadata.json {text}\n"
        );
        let recipe =
            fixture::baked().with("tmp/scripts/assemble", Entry::Text(0o755, script.leak()));
        let builder = live.load(name, &recipe);
        let done = build(&live, &builder, &[], &fixture::source(&live));
        let code = done.status.code();
        assert!(!matches!(code, Some(0 | 101) | None), "{text}: {code:?}");
        done.says("image_metadata.json");
        live.nothing_left();
    }
}

/// B-1: what a link leads to on the machine is neither read nor shown.
#[test]
fn link_in_place_of_the_metadata_file_is_not_followed() {
    let Some(live) = live() else { return };
    let script = "#!/usr/bin/interpret\nmake-dir /tmp/.s2i\nlink /tmp/.s2i/image_metadata.json /etc/passwd\n";
    let recipe = fixture::baked().with("tmp/scripts/assemble", Entry::Text(0o755, script));
    let builder = live.load("link", &recipe);
    let done = build(&live, &builder, &[], &fixture::source(&live));
    done.never_says("root:");
}

#[test]
fn user_with_a_name_assembles_and_stays() {
    let Some(live) = live() else { return };
    let passwd = "root:x:0:0::/:/none\nfakeuser:x:1001:0::/app:/none\n";
    let mut recipe = fixture::baked().with("etc/passwd", Entry::Text(0o644, passwd));
    recipe.user = "fakeuser";
    let builder = live.load("user", &recipe);
    build(&live, &builder, &[], &fixture::source(&live)).succeeds();
    check_clean(&live);
    let config = live.engine.image(&live.image("app")).unwrap().config;
    assert_eq!(config.unwrap().user.as_deref(), Some("fakeuser"));
    assert_eq!(fixture::layer(&live)["app/assemble-ran"].uid, 1001);
}

/// The forms of a directory: absolute, and relative to the working directory.
#[test]
fn scripts_of_a_directory_are_used() {
    let Some(live) = live() else { return };
    let builder = live.load("bare", &fixture::bare());
    let dir = fixture::scripts(&live);
    let source = fixture::source(&live);
    for options in [
        ["--scripts-url", &format!("file://{}", dir.display())],
        ["-s", "file://scripts"],
        ["--scripts", "file://scripts"],
    ] {
        build(&live, &builder, &options, &source).succeeds();
        check_clean(&live);
    }
    let config = live.engine.image(&live.image("app")).unwrap().config;
    assert_eq!(config.unwrap().cmd.unwrap(), ["/tmp/scripts/run"]);
}

#[test]
fn scripts_of_a_server_are_used() {
    let Some(live) = live() else { return };
    let builder = live.load("bare", &fixture::bare());
    fixture::scripts(&live);
    let url = format!("{}/scripts", serve_files(&live.path("")));
    build(
        &live,
        &builder,
        &["--scripts-url", &url],
        &fixture::source(&live),
    )
    .succeeds();
    check_clean(&live);
}

#[test]
fn scripts_that_are_nowhere_are_an_error() {
    let Some(live) = live() else { return };
    let builder = live.load("bare", &fixture::bare());
    let source = fixture::source(&live);
    let missing = format!("{}/nothing", serve_files(&live.path("")));
    for url in [&missing, "file:///nowhere", "ftp://example.org/scripts"] {
        let done = build(&live, &builder, &["--scripts-url", url], &source);
        let code = done.status.code();
        assert!(matches!(code, Some(1..=99)), "{url}: {code:?}");
        live.nothing_left();
    }
}

#[test]
fn scripts_of_the_image_are_used() {
    let Some(live) = live() else { return };
    let builder = live.load("baked", &fixture::baked());
    let source = fixture::source(&live);
    build(&live, &builder, &[], &source).succeeds();
    check_clean(&live);
    let mut recipe = fixture::baked();
    recipe.labels.clear();
    let unlabelled = live.load("unlabelled", &recipe);
    build(&live, &unlabelled, &["-s", "image:///tmp/scripts"], &source).succeeds();
    check_clean(&live);
}

/// The image has neither `tar` nor a shell, for which the Go tool builds an image of layers first.
#[test]
fn image_without_tar_needs_no_second_image() {
    let Some(live) = live() else { return };
    let builder = live.load("bare", &fixture::bare());
    fixture::scripts(&live);
    let source = fixture::source(&live);
    let options = ["--scripts-url", "file://scripts"];
    build(&live, &builder, &options, &source).succeeds();
    check_clean(&live);
    let labels = labels(&live);
    assert_eq!(
        labels[label::BUILD_IMAGE],
        format!("docker.io/{builder}:latest")
    );
    let (id, done) = unnamed(&live, &builder, &options, &source);
    live.engine.remove_image(&id).unwrap();
    done.succeeds();
}

/// Builds without a name. Returns the one line of standard output.
fn unnamed(live: &Live, builder: &str, options: &[&str], source: &Path) -> (String, Done) {
    let mut args = vec!["build", "--copy", "--network", "none"];
    args.extend(options);
    args.extend([source.to_str().unwrap(), builder]);
    let done = live.s2i(args).succeeds();
    let stdout = done.stream(Stream::Stdout);
    let [id] = stdout[..] else {
        panic!("not one line: {stdout:?}");
    };
    (id.to_owned(), done)
}

/// `docker run $(s2i build -q …)` works.
#[test]
fn standard_output_is_one_line_that_the_engine_can_run() {
    let Some(live) = live() else { return };
    let builder = live.load("baked", &fixture::baked());
    let source = fixture::source(&live);
    let (id, _) = unnamed(&live, &builder, &[], &source);
    live.s2i(["run", "--network", "none", &id])
        .succeeds()
        .says("run ended");
    live.engine.remove_image(&id).unwrap();
    for options in [&[][..], &["-q"]] {
        let done = build(&live, &builder, options, &source).succeeds();
        let stdout = done.stream(Stream::Stdout);
        let [name] = stdout[..] else {
            panic!("not one line: {stdout:?}");
        };
        live.s2i(["run", "--network", "none", name]).succeeds();
    }
}

/// Takes one request. Returns the URL and the request's type and body.
fn callback() -> (String, thread::JoinHandle<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/built", listener.local_addr().unwrap());
    let taken = thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(connection.try_clone().unwrap());
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if line.trim().is_empty() {
                break;
            }
            head.push(line.trim().to_ascii_lowercase());
        }
        assert!(head[0].starts_with("post /built "), "{head:?}");
        let field = |name: &str| {
            let mut lines = head.iter();
            let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            value.unwrap_or_default().to_owned()
        };
        let mut body = vec![0; field("content-length").parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        connection.write_all(answer).unwrap();
        (
            field("content-type"),
            serde_json::from_slice(&body).unwrap(),
        )
    });
    (url, taken)
}

#[test]
fn callback_gets_the_labels() {
    let Some(live) = live() else { return };
    let builder = live.load("baked", &fixture::baked());
    let (url, taken) = callback();
    build(
        &live,
        &builder,
        &["--callback-url", &url],
        &fixture::source(&live),
    )
    .succeeds();
    let (kind, body) = taken.join().unwrap();
    assert_eq!(kind, "application/json");
    assert_eq!(body["success"], json!(true));
    assert_eq!(body["labels"]["colour"], json!("blue"));
    assert_eq!(
        body["labels"][label::BUILD_IMAGE],
        json!(format!("docker.io/{builder}:latest"))
    );
}

#[test]
fn callback_gets_the_failure() {
    let Some(live) = live() else { return };
    let recipe = fixture::baked().with(
        "tmp/scripts/assemble",
        Entry::Text(0o755, "#!/usr/bin/interpret\nexit 3\n"),
    );
    let builder = live.load("failing", &recipe);
    let (url, taken) = callback();
    build(
        &live,
        &builder,
        &["--callback-url", &url],
        &fixture::source(&live),
    )
    .ends_with(4);
    let (_, body) = taken.join().unwrap();
    assert_eq!(body, json!({"success": false}));
    live.nothing_left();
}

/// The image is there, and the callback is no part of it.
#[test]
fn callback_that_fails_does_not_fail_the_build() {
    let Some(live) = live() else { return };
    let builder = live.load("baked", &fixture::baked());
    let options = ["--callback-url", "http://127.0.0.1:9/"];
    build(&live, &builder, &options, &fixture::source(&live)).succeeds();
    check_clean(&live);
}

/// The fixture with triggers for builds from a Dockerfile.
pub(super) fn triggered(triggers: &[&str]) -> Recipe {
    let mut recipe = fixture::baked().with("bin/sh", Entry::Program);
    recipe.other.insert("OnBuild", json!(triggers));
    recipe
}

#[test]
fn image_with_triggers_is_built_with_and_without_a_name() {
    let Some(live) = live() else { return };
    if live.engine.is_podman() {
        return crate::harness::skip("the API of Podman does not show triggers");
    }
    let builder = live.load("triggered", &triggered(&["RUN write /app/onbuild text"]));
    let source = fixture::source(&live);
    build(&live, &builder, &[], &source)
        .succeeds()
        .says("==> triggers");
    check_clean(&live);
    assert!(fixture::layer(&live).contains_key("app/onbuild"));
    let (id, _) = unnamed(&live, &builder, &[], &source);
    live.engine.remove_image(&id).unwrap();
}
