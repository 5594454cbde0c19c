//! Scenarios 23 to 45 and 57: `--as-dockerfile` and `generate`, without an engine.
//!
//! The tests read instructions, so that it does not matter whether a file is copied or mounted, unless it is about that.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use super::{check_failed, commit};
use crate::scene::{Done, Scene};

/// A builder of a registry that no longer answers.
const BUILDER: &str = "127.0.0.1:9/acme/node:1";

/// The usual directory of the scripts in an image.
const SCRIPTS: &str = "/usr/libexec/s2i";

/// The option for builders of images that know no `RUN --mount`.
const WITHOUT_MOUNTS: &str = "--dockerfile-form=copy";

/// A scene with a repository.
fn scene() -> Scene {
    let scene = Scene::new();
    scene.write("repository/server.js", "listen();");
    scene.write("repository/lib/a.js", "a();");
    commit(&scene, "repository");
    scene
}

/// The instructions of a Dockerfile: comments are left out, and continued lines joined.
struct Dockerfile(Vec<String>);

impl Dockerfile {
    fn read(scene: &Scene, name: &str) -> Self {
        let text = scene.read(name);
        let mut instructions = Vec::new();
        let mut current = String::new();
        for line in text.lines().map(str::trim) {
            if line.starts_with('#') || (line.is_empty() && current.is_empty()) {
                continue;
            }
            let (part, goes_on) = match line.strip_suffix('\\') {
                Some(part) => (part.trim_end(), true),
                None => (line, false),
            };
            if !current.is_empty() {
                current.push(' ');
            }
            current.push_str(part);
            if !goes_on {
                instructions.push(std::mem::take(&mut current));
            }
        }
        assert!(current.is_empty(), "the last line goes on: {text}");
        Self(instructions)
    }

    /// Fails unless an instruction has all of these texts.
    #[track_caller]
    fn has(&self, texts: &[&str]) -> &Self {
        let found = |line: &&String| texts.iter().all(|text| line.contains(text));
        assert!(
            self.0.iter().any(|line| found(&line)),
            "no {texts:?} in {self}"
        );
        self
    }

    #[track_caller]
    fn lacks(&self, texts: &[&str]) -> &Self {
        let found = |line: &&String| texts.iter().all(|text| line.contains(text));
        let found = self.0.iter().find(found);
        assert!(found.is_none(), "{found:?}");
        self
    }

    /// Fails unless `RUN` runs this program, as this user.
    #[track_caller]
    fn runs(&self, program: &str, user: &str) -> &Self {
        let is_run = |line: &String| {
            let mut words = line.split(|c: char| " \"'[],;()".contains(c));
            line.starts_with("RUN ") && words.any(|word| word == program)
        };
        let index = self.0.iter().position(is_run);
        let index = index.unwrap_or_else(|| panic!("no RUN of {program} in {self}"));
        let mut before = self.0[..index].iter().rev();
        let last = before.find_map(|line| line.strip_prefix("USER "));
        assert_eq!(last, Some(user), "{self}");
        self
    }

    /// The words of the last `CMD`, in the form that needs no shell.
    #[track_caller]
    fn command(&self, expected: &str) -> &Self {
        let mut lines = self.0.iter().rev();
        let command = lines.find_map(|line| line.strip_prefix("CMD "));
        assert_eq!(command, Some(&*format!("[\"{expected}\"]")), "{self}");
        self
    }
}

impl std::fmt::Display for Dockerfile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

/// Writes `out/Dockerfile` for the repository.
#[track_caller]
fn build(scene: &Scene, options: &[&str]) -> Dockerfile {
    build_of(scene, "repository", options)
}

#[track_caller]
fn build_of(scene: &Scene, source: &str, options: &[&str]) -> Dockerfile {
    run(scene, source, options).ends_with(0);
    Dockerfile::read(scene, "out/Dockerfile")
}

fn run(scene: &Scene, source: &str, options: &[&str]) -> Done {
    let _ = fs::remove_dir_all(scene.path("out"));
    let line = [
        "build",
        source,
        BUILDER,
        "--as-dockerfile",
        "out/Dockerfile",
    ];
    scene.s2i(&[&line[..], options].concat())
}

/// Writes an executable script.
fn script(scene: &Scene, name: &str) {
    scene.write(name, "#!/bin/sh\nexit 0\n");
    fs::set_permissions(scene.path(name), fs::Permissions::from_mode(0o755)).unwrap();
}

/// The labels of a build from a repository.
const LABELS: [&str; 7] = [
    "build.commit.date",
    "build.commit.id",
    "build.commit.ref",
    "build.commit.message",
    "build.commit.author",
    "build.source-location",
    "build.image",
];

// Scenario 23.
#[test]
fn repository_becomes_a_dockerfile_with_its_labels() {
    let scene = scene();
    let file = build(&scene, &[]);
    file.has(&[&format!("FROM {BUILDER}")]);
    for label in LABELS {
        file.has(&["LABEL", &format!("\"io.openshift.s2i.{label}\"=\"")]);
    }
    file.has(&[&format!("\"io.openshift.s2i.build.image\"=\"{BUILDER}\"")])
        .has(&["upload/src"])
        .has(&["/tmp/src"])
        .runs(&format!("{SCRIPTS}/assemble"), "1001")
        .command(&format!("{SCRIPTS}/run"));
    for name in ["server.js", "lib/a.js"] {
        assert!(scene.path("out/upload/src").join(name).is_file(), "{name}");
    }
    // B-17: the repository itself is no part of it.
    assert!(!scene.path("out/upload/src/.git").exists());
}

// Scenario 24.
#[test]
fn path_that_ends_with_a_slash_is_a_directory() {
    let scene = scene();
    let line = ["build", "repository", BUILDER, "--as-dockerfile", "made/"];
    scene.s2i(&line).ends_with(0);
    Dockerfile::read(&scene, "made/Dockerfile").command(&format!("{SCRIPTS}/run"));
    assert!(scene.path("made/upload/src/server.js").is_file());
}

// Scenario 25.
#[test]
fn variables_are_in_the_dockerfile() {
    let scene = scene();
    build(&scene, &["-e", "key1=value1", "-e", "key2=value2"])
        .has(&["ENV", "key1=\"value1\""])
        .has(&["ENV", "key2=\"value2\""]);
}

// Scenario 63.
#[test]
fn values_are_quoted_for_a_dockerfile() {
    let scene = scene();
    scene.write("app/.s2i/environment", "FIRST=of the source\n");
    let options = ["-e", "QUOTES=a \"b\" $c \\d", "-e", "FIRST=of the line"];
    let file = build_of(&scene, "app", &options);
    file.has(&["QUOTES=\"a \\\"b\\\" \\$c \\\\d\""]);
    file.has(&["FIRST=\"of the line\""]);
}

// Scenario 26.
#[test]
fn labels_are_in_the_dockerfile_and_the_own_ones_win() {
    let scene = scene();
    let options = [
        "--scripts-url",
        "image:///scripts",
        "--destination",
        "/destination",
        "--label",
        "label1=value1",
        "--label",
        "label2=value2",
        "--label",
        "io.openshift.s2i.build.commit.author=shadow",
    ];
    let file = build(&scene, &options);
    for pair in [
        "\"io.openshift.s2i.scripts-url\"=\"image:///scripts\"",
        "\"io.openshift.s2i.destination\"=\"/destination\"",
        "\"io.openshift.s2i.build.commit.author\"=\"shadow\"",
        "\"label1\"=\"value1\"",
        "\"label2\"=\"value2\"",
    ] {
        file.has(&["LABEL", pair]);
    }
    file.runs("/scripts/assemble", "1001")
        .command("/scripts/run");
}

// Scenario 27.
#[test]
fn injections_are_in_the_context_and_in_no_layer() {
    let scene = scene();
    for name in ["one/a", "one/b", "two/c"] {
        scene.write(&format!("injected/{name}"), "secret");
    }
    let [one, two] = ["one", "two"].map(|name| scene.path("injected").join(name));
    let [one, two] = [&one, &two].map(|path| path.to_str().unwrap());
    let options = [
        "-i",
        &format!("{one}:injection1"),
        "-i",
        &format!("{two}:/destination/injection2"),
    ];
    let file = build(&scene, &options);
    for (number, files) in [
        (
            0,
            &["injection1/a", "injection1/b"].map(|file| format!("/opt/app-root/src/{file}"))[..],
        ),
        (1, &["/destination/injection2/c".to_owned()]),
    ] {
        let (into, _) = files[0].rsplit_once('/').unwrap();
        let from = format!("/run/s2i/injections/{number}");
        file.has(&[
            "RUN ",
            &format!("--mount=type=bind,source=upload/injections/{number},target={from}"),
            &format!("mkdir -p {into} && cp -RP {from}/. {into}/"),
            &format!("rm -f {}", files.join(" ")),
        ]);
    }
    for name in ["0/a", "0/b", "1/c"] {
        let path = format!("out/upload/injections/{name}");
        assert!(scene.path(&path).is_file(), "{path}");
    }
    // Other users of this machine can't read them.
    let mode = fs::metadata(scene.path("out/upload/injections")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o700);
    // B-1c: what an earlier layer has can't be removed by a later one.
    file.lacks(&["COPY ", "upload/injections"]);
}

/// Fails unless these scripts are provided, and the others are in that directory of the image.
#[track_caller]
fn check_scripts(scene: &Scene, file: &Dockerfile, own: &[&str], others: &str) {
    let path = |name: &str| {
        let dir = if own.contains(&name) {
            "/destination/scripts"
        } else {
            others
        };
        format!("{dir}/{name}")
    };
    file.has(&["upload/scripts"]).has(&["/destination/scripts"]);
    file.runs(&path("assemble"), "1001").command(&path("run"));
    for name in own {
        let path = scene.path("out/upload/scripts").join(name);
        assert!(path.is_file(), "{}", path.display());
        let mode = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{name}");
    }
}

// Scenarios 28 and 29.
#[test]
fn scripts_of_the_url_replace_those_of_the_image() {
    for own in ["assemble", "run"] {
        let scene = scene();
        script(&scene, &format!("scripts/{own}"));
        let url = format!("file://{}", scene.path("scripts").display());
        let file = build(&scene, &["--scripts-url", &url, "-d", "/destination"]);
        check_scripts(&scene, &file, &[own], SCRIPTS);
        assert!(scene.path("out/upload/src/server.js").is_file());
    }
}

// Scenario 30.
#[test]
fn url_without_any_script_is_an_error() {
    let scene = scene();
    fs::create_dir(scene.path("scripts")).unwrap();
    let url = format!("file://{}", scene.path("scripts").display());
    let done = run(&scene, "repository", &["--scripts-url", &url]);
    check_failed(&done);
    assert!(!scene.path("out").exists());
}

// Scenarios 31 and 32.
#[test]
fn scripts_of_the_source_replace_those_of_the_image() {
    for own in ["assemble", "run"] {
        let scene = Scene::new();
        script(&scene, &format!("app/.s2i/bin/{own}"));
        let file = build_of(&scene, "app", &["--copy", "-d", "/destination"]);
        check_scripts(&scene, &file, &[own], SCRIPTS);
    }
}

// Scenario 33.
#[test]
fn scripts_in_the_image_by_the_url_make_others_needless() {
    let scene = Scene::new();
    script(&scene, "app/.s2i/bin/assemble");
    let options = [
        "--copy",
        "-d",
        "/destination",
        "--scripts-url",
        "image:///usr/custom/s2i",
    ];
    build_of(&scene, "app", &options)
        .lacks(&["upload/scripts"])
        .lacks(&["/destination/scripts/assemble"])
        .runs("/usr/custom/s2i/assemble", "1001")
        .command("/usr/custom/s2i/run");
}

// Scenarios 34 and 35.
#[test]
fn scripts_of_the_image_may_be_in_a_directory() {
    for own in ["assemble", "run"] {
        let scene = scene();
        script(&scene, &format!("scripts/{own}"));
        let url = format!("file://{}", scene.path("scripts").display());
        let options = ["--image-scripts-url", &url, "-d", "/destination"];
        check_failed(&run(&scene, "repository", &options));
        for script in ["assemble", "run"] {
            self::script(&scene, &format!("scripts/{script}"));
        }
        let file = build(&scene, &options);
        check_scripts(&scene, &file, &["assemble", "run"], SCRIPTS);
    }
}

// Scenario 36.
#[test]
fn scripts_of_the_image_may_be_in_another_directory_of_it() {
    let scene = Scene::new();
    script(&scene, "app/.s2i/bin/assemble");
    let options = [
        "--copy",
        "-d",
        "/destination",
        "--image-scripts-url",
        "image:///usr/custom/s2i",
    ];
    let file = build_of(&scene, "app", &options);
    check_scripts(&scene, &file, &["assemble"], "/usr/custom/s2i");
}

// Scenario 37.
#[test]
fn both_urls_work_together() {
    let scene = scene();
    script(&scene, "scripts/assemble");
    let url = format!("file://{}", scene.path("scripts").display());
    let options = [
        "--scripts-url",
        &url,
        "--image-scripts-url",
        "image:///usr/some/dir",
        "-d",
        "/destination",
    ];
    let file = build(&scene, &options);
    check_scripts(&scene, &file, &["assemble"], "/usr/some/dir");
}

// Scenario 38.
#[test]
fn scripts_of_the_first_url_win() {
    let scene = scene();
    scene.write("given/assemble", "#!/bin/sh\necho given\n");
    scene.write("image/assemble", "#!/bin/sh\necho image\n");
    script(&scene, "image/run");
    let [given, image] =
        ["given", "image"].map(|name| format!("file://{}", scene.path(name).display()));
    let options = [
        "--scripts-url",
        &given,
        "--image-scripts-url",
        &image,
        "-d",
        "/destination",
    ];
    let file = build(&scene, &options);
    check_scripts(&scene, &file, &["assemble", "run"], SCRIPTS);
    let text = scene.read("out/upload/scripts/assemble");
    assert_eq!(text, "#!/bin/sh\necho given\n");
}

/// Fails unless the stage with the saved artifacts is in the form of the Go tool.
#[track_caller]
fn check_saving(file: &Dockerfile, from: &str, script: &str, user: &str, dest: &str) {
    assert_eq!(file.0[0].to_lowercase(), format!("from {from} as cached"));
    let save = [
        &format!("if [ -s {script} ]; then {script} > /tmp/artifacts.tar")[..],
        "else touch /tmp/artifacts.tar; fi",
    ];
    file.has(&save).runs(script, user);
    let second = format!("FROM {BUILDER}");
    let mut starts = file.0.iter().filter(|line| line.starts_with("FROM "));
    assert_eq!(starts.next_back(), Some(&second), "{file}");
    let archive = "/run/s2i/cached/artifacts.tar";
    file.has(&[
        "--mount=type=bind,from=cached,source=/tmp,target=/run/s2i/cached",
        &format!("if [ -s {archive} ]"),
        &format!("mkdir -p {dest}/artifacts"),
        &format!("tar -xf {archive} -C {dest}/artifacts"),
    ]);
}

// Scenario 39.
#[test]
fn incremental_build_has_a_stage_of_the_image_before() {
    let scene = scene();
    let file = build(&scene, &["test:tag", "--incremental"]);
    let save = format!("{SCRIPTS}/save-artifacts");
    check_saving(&file, "test:tag", &save, "1001", "/tmp");
    file.runs(&format!("{SCRIPTS}/assemble"), "1001")
        .command(&format!("{SCRIPTS}/run"));
}

#[test]
fn incremental_build_without_a_name_is_an_error() {
    let scene = scene();
    let done = run(&scene, "repository", &["--incremental"]);
    check_failed(&done);
    assert!(!scene.path("out").exists());
}

// Scenario 40.
#[test]
fn save_artifacts_of_the_source_goes_into_the_stage() {
    let scene = Scene::new();
    script(&scene, "app/.s2i/bin/save-artifacts");
    let file = build_of(
        &scene,
        "app",
        &["test:tag", "--incremental", "-d", "/destination"],
    );
    let save = "/destination/scripts/save-artifacts";
    check_saving(&file, "test:tag", save, "1001", "/destination");
    file.has(&["upload/scripts", save]);
    assert!(scene.path("out/upload/scripts/save-artifacts").is_file());
}

// Scenario 41.
#[test]
fn save_artifacts_of_the_url_goes_into_the_stage() {
    let scene = scene();
    script(&scene, "scripts/save-artifacts");
    let url = format!("file://{}", scene.path("scripts").display());
    let options = [
        "test:tag",
        "--incremental",
        "-d",
        "/destination",
        "--scripts-url",
        &url,
    ];
    let file = build(&scene, &options);
    let save = "/destination/scripts/save-artifacts";
    check_saving(&file, "test:tag", save, "1001", "/destination");
}

// Scenario 42.
#[test]
fn stage_may_be_of_another_image() {
    let scene = scene();
    let options = [
        "test:tag",
        "--incremental",
        "--incremental-from-tag",
        "incremental:tag",
    ];
    let file = build(&scene, &options);
    let save = format!("{SCRIPTS}/save-artifacts");
    check_saving(&file, "incremental:tag", &save, "1001", "/tmp");
}

// Scenario 43.
#[test]
fn user_of_assemble_is_that_of_all_stages() {
    let scene = scene();
    let options = ["test:tag", "--incremental", "--assemble-user", "2250"];
    let file = build(&scene, &options);
    let save = format!("{SCRIPTS}/save-artifacts");
    check_saving(&file, "test:tag", &save, "2250", "/tmp");
    file.runs(&format!("{SCRIPTS}/assemble"), "2250");
}

// Scenario 44.
#[test]
fn source_of_a_directory_is_written_without_what_it_ignores() {
    let scene = Scene::new();
    for name in [
        "a_file",
        "bar/a_file",
        "bar/another_file",
        "baz/foobar/a_file",
    ] {
        scene.write(&format!("app/foo/{name}"), "text");
    }
    build_of(&scene, "app", &[]);
    let there = |name: &str| scene.path("out/upload/src/foo").join(name).exists();
    assert!(there("a_file") && there("bar/another_file") && there("baz/foobar/a_file"));
    scene.write(
        "app/.s2iignore",
        "dummy\n#skip_file\nfoo/bar/another_file\nfoo/baz/foobar",
    );
    build_of(&scene, "app", &[]);
    assert!(there("a_file") && there("bar/a_file"));
    assert!(!there("bar/another_file") && !there("baz/foobar"));
}

// Scenario 45.
#[test]
fn generate_takes_an_image_with_or_without_its_transport() {
    let scene = Scene::new();
    let transport = format!("docker://{BUILDER}");
    for (image, file) in [(&*transport, "one/Dockerfile"), (BUILDER, "two/Dockerfile")] {
        scene.s2i(&["generate", image, file]).ends_with(0);
    }
    let [one, two] = ["one", "two"].map(|dir| scene.read(&format!("{dir}/Dockerfile")));
    assert_eq!(one, two);
    Dockerfile::read(&scene, "one/Dockerfile")
        .has(&[&format!("FROM {BUILDER}")])
        .runs(&format!("{SCRIPTS}/assemble"), "1001")
        .command(&format!("{SCRIPTS}/run"))
        // B-16: the directory of the source is no description of the image.
        .lacks(&["io.k8s.description"]);
    assert!(scene.path("one/upload/src").is_dir());
    let options = ["-e", "A=b", "--assemble-user", "7", "-q"];
    scene
        .s2i(&[&["generate", BUILDER, "three/Dockerfile"][..], &options].concat())
        .ends_with(0);
    Dockerfile::read(&scene, "three/Dockerfile")
        .has(&["A=\"b\""])
        .runs(&format!("{SCRIPTS}/assemble"), "7");
    // B-31: a directory is no image of a registry, and no crash.
    let done = scene.s2i(&["generate", "dir:///tmp/image", "four/Dockerfile"]);
    check_failed(&done);
}

/// B-2: without a source, the ignore file of the working directory is nothing to perform.
#[test]
fn generate_performs_no_ignore_file() {
    let scene = Scene::new();
    scene.write(".s2iignore", "precious\n");
    scene.write("precious", "text");
    scene
        .s2i(&["generate", BUILDER, "out/Dockerfile"])
        .ends_with(0);
    assert_eq!(scene.read("precious"), "text");
}

// Scenario 57.
#[test]
fn dockerfile_of_a_remote_repository_is_written_with_a_line_about_it() {
    let scene = scene();
    let url = format!("file://{}", scene.path("repository").display());
    let line = [
        "build",
        &url,
        BUILDER,
        "--as-dockerfile=made/Dockerfile",
        "--loglevel=5",
    ];
    scene
        .s2i(&line)
        .ends_with(0)
        .warns("Application dockerfile generated in");
    assert!(scene.path("made/upload/src/server.js").is_file());
}

/// The instructions of the Go tool, for builders of images that don't know `RUN --mount`.
#[test]
fn instructions_of_the_go_tool_are_written_on_request() {
    let scene = scene();
    script(&scene, "scripts/assemble");
    let options = ["-s", "file://scripts", WITHOUT_MOUNTS];
    let file = build(&scene, &options);
    file.has(&["COPY --chown=1001:0 upload/src /tmp/src"])
        .has(&["COPY --chown=1001:0 upload/scripts /tmp/scripts"])
        .lacks(&["--mount"])
        .runs("/tmp/scripts/assemble", "1001")
        .command(&format!("{SCRIPTS}/run"));
}

/// B-17: the same build writes the same, into a directory that is there, and leaves nothing of the one before.
#[test]
fn dockerfile_is_the_same_when_it_is_written_again() {
    let scene = scene();
    let line = [
        "build",
        "repository",
        BUILDER,
        "--as-dockerfile",
        "out/Dockerfile",
        "-e",
        "A=b",
    ];
    scene.s2i(&line).ends_with(0);
    let first = scene.read("out/Dockerfile");
    fs::remove_file(scene.path("repository/lib/a.js")).unwrap();
    scene.s2i(&line).ends_with(0);
    assert_eq!(scene.read("out/Dockerfile"), first);
    scene.s2i(&[&line[..], &["--copy"]].concat()).ends_with(0);
    assert!(!scene.path("out/upload/src/lib/a.js").exists());
    assert!(scene.path("out/upload/src/server.js").exists());
}

/// B-17: users with a group, and paths with spaces.
#[test]
fn users_and_paths_are_written_as_instructions_need_them() {
    let scene = scene();
    script(&scene, "scripts/assemble");
    let options = [
        "--assemble-user",
        "1001:0",
        "-d",
        "/opt/with space",
        "-s",
        "file://scripts",
        WITHOUT_MOUNTS,
    ];
    build(&scene, &options)
        .has(&["--chown=1001:0 "])
        .lacks(&["1001:0:0"])
        .lacks(&[" /opt/with space/src"]);
}

/// The user is checked, and the message names it.
#[test]
fn user_that_is_not_allowed_gets_no_dockerfile() {
    let scene = scene();
    run(&scene, "repository", &["-u", "1-1000"]).ends_with(15);
    run(&scene, "repository", &["-u", "1-", "--assemble-user", "0"]).ends_with(15);
    assert!(!scene.path("out").exists());
    build(&scene, &["-u", "1000-"]);
}

#[test]
fn secrets_are_mounted() {
    let scene = scene();
    scene.write("token", "hunter2");
    build(&scene, &["--secret", "id=TOKEN,src=token"])
        .has(&["RUN ", "--mount=type=secret,id=TOKEN"]);
    assert!(!scene.read("out/Dockerfile").contains("hunter2"));
}

#[test]
fn runtime_image_makes_two_stages() {
    let scene = scene();
    let runtime = "127.0.0.1:9/acme/runtime:1";
    let options = ["--runtime-image", runtime, "-a", "/app/bin:bin;/app/page"];
    let file = build(&scene, &options);
    let starts = file.0.iter().filter(|line| line.starts_with("FROM "));
    let starts: Vec<_> = starts.collect();
    let expected = [
        "FROM scratch as source",
        &format!("FROM {BUILDER} as build"),
        &format!("FROM {runtime}"),
    ];
    assert_eq!(starts, expected, "{file}");
    file.has(&["--from=", "/app/bin"])
        .has(&["--from=", "/app/page"]);
}

#[test]
fn nothing_is_started_for_a_dockerfile_and_run() {
    let scene = scene();
    let done = run(&scene, "repository", &["--run"]);
    check_failed(&done);
    assert!(!Path::new(&scene.path("out")).exists());
}
