//! Scenarios 47, 50 to 54, 56 and 58: the command as scripts and people call it.

use std::fs;

use rustix::process::Signal;
use s2i_core::label;

use super::fixture;
use crate::{
    containers,
    harness::{Live, has_network, live, skip},
    images::{Entry, Recipe},
    process::{Done, Running, Stream},
    repository::Repository,
};

/// Runs `s2i build` as the line is typed in a directory, with the image `app` as the last but the options that follow.
fn build(live: &Live, before: &[&str], builder: &str, after: &[&str]) -> Done {
    let app = live.image("app");
    live.engine.remove_image(&app).unwrap();
    let network = ["--network", "none"];
    live.s2i([&["build"], &network[..], before, &[builder, &app], after].concat())
}

#[test]
fn volume_is_there_for_the_scripts() {
    let Some(live) = live() else { return };
    live.source(&[(
        "instructions",
        "show-file /home/mounted\nwrite /home/made by-assemble",
    )]);
    let dir = live.path("volume");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("mounted"), "from the machine\n").unwrap();
    let user = ["--assemble-user", "0"];
    for volume in [
        format!("{}:/home/:z", dir.display()),
        format!("{}:/home", dir.display()),
    ] {
        let builder = live.builder().to_owned();
        for option in [["--volume", &volume], ["-v", &volume]] {
            let options = [&option[..], &user].concat();
            build(&live, &["source"], &builder, &options)
                .succeeds()
                .says("from the machine");
            assert_eq!(fs::read(dir.join("made")).unwrap(), b"by-assemble");
            fs::remove_file(dir.join("made")).unwrap();
            let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
            assert!(!layer.contains_key("home/made"), "{layer:?}");
        }
    }
}

#[test]
fn read_only_volume_can_not_be_written() {
    let Some(live) = live() else { return };
    live.source(&[(
        "instructions",
        "show-file /home/mounted\nmust-not-write /home/mounted",
    )]);
    let dir = live.path("volume");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("mounted"), "from the machine\n").unwrap();
    let volume = format!("{}:/home:ro", dir.display());
    let options = ["-v", &volume, "--assemble-user", "0"];
    let builder = live.builder().to_owned();
    build(&live, &["source"], &builder, &options)
        .succeeds()
        .says("from the machine");
}

/// Lines that scripts search the log for, at the levels at which the Go tool writes them, and on its stream.
#[test]
fn lines_that_scripts_search_for_are_written() {
    let Some(live) = live() else { return };
    live.source(&[("instructions", "print assembled")]);
    let builder = live.builder().to_owned();
    let log = |level: &str| {
        let done = build(&live, &["source"], &builder, &["--loglevel", level]).succeeds();
        done.stream(Stream::Stderr).join("\n")
    };
    let [quiet, phases, all] = ["0", "1", "5"].map(log);
    for log in [&quiet, &phases, &all] {
        assert!(log.contains("Build completed successfully"), "{log}");
    }
    for line in ["Running S2I version", "Copying sources"] {
        assert!(phases.contains(line) && all.contains(line), "{phases}");
        assert!(!quiet.contains(line), "{quiet}");
    }
}

#[test]
fn deprecated_options_work_with_a_warning() {
    let Some(live) = live() else { return };
    live.source(&[("instructions", "print assembled")]);
    let mut recipe = Recipe::builder().with("opt/build", Entry::Directory(0o775));
    recipe.env.push("TEST_SOURCE=/opt/build/src");
    let builder = live.load("elsewhere", &recipe);
    build(&live, &["source"], &builder, &["--location", "/opt/build"])
        .succeeds()
        .says("assembled")
        .says("--destination");
    build(
        &live,
        &["source"],
        &builder,
        &["-l", "/opt/build", "--scripts", "image:///usr/libexec/s2i"],
    )
    .succeeds()
    .says("--scripts-url");
}

/// A repository with the source in a directory, as most container repositories have their test applications.
fn nested(live: &Live) -> Repository {
    let root = live.source(&[
        ("7/test/app/instructions", "copy /app\nprint state: first"),
        ("7/test/app/page", "hello"),
    ]);
    Repository::of(&root)
}

#[test]
fn image_is_built_again_from_its_labels() {
    let Some(live) = live() else { return };
    let repository = nested(&live);
    let builder = live.builder().to_owned();
    let context = ["source", "--context-dir=7/test/app"];
    let app = live.image("app");
    build(&live, &context, &builder, &["--incremental=true"]).succeeds();
    let file = repository.root.join("7/test/app/instructions");
    fs::write(file, "copy /app\nprint state: second").unwrap();
    repository.commit("second");
    let (latest, again) = (format!("{app}:latest"), format!("{app}:v1"));
    let mut command = live.command();
    command.args(live.engine.options());
    // The location of the source is absolute, so that the directory does not matter.
    command.args(["rebuild", &latest, &again, "-p", "never"]);
    command.current_dir(live.path("tmp"));
    let done = Running::start(&mut command).finish();
    let rebuilt = live.engine.image(&again);
    live.engine.remove_image(&again).unwrap();
    done.succeeds().says("state: second");
    let labels = rebuilt.unwrap().config.unwrap().labels.unwrap();
    assert_eq!(labels[label::BUILD_SOURCE_CONTEXT_DIR], "7/test/app");
    assert_eq!(
        labels[label::BUILD_IMAGE],
        format!("docker.io/{builder}:latest")
    );
    assert_eq!(
        labels[label::BUILD_COMMIT_ID],
        repository.git(&["rev-parse", "HEAD"])
    );
}

#[test]
fn image_without_the_labels_can_not_be_built_again() {
    let Some(live) = live() else { return };
    let builder = live.builder().to_owned();
    let done = live.s2i(["rebuild", "-p", "never", &builder, &live.image("app")]);
    let code = done.status.code();
    assert!(matches!(code, Some(1..=99)), "{code:?}");
    done.says(label::BUILD_IMAGE);
    live.nothing_left();
}

/// B-41: a rebuild keeps what the image was built with.
#[test]
fn rebuild_keeps_the_scripts_of_the_source() {
    let Some(live) = live() else { return };
    let builder = live.load("baked", &fixture::baked());
    let root = fixture::source(&live);
    let own = "#!/usr/bin/interpret\nmake-dir /app/src\ncopy /app/src\nwrite /app/assemble-ran\nprint custom assemble\n";
    fixture::script(&root.join(".s2i/bin"), "assemble", own);
    Repository::of(&root);
    let app = live.image("app");
    build(&live, &["source"], &builder, &[])
        .succeeds()
        .says("custom assemble");
    let before = live.engine.image(&app).unwrap().id.unwrap();
    let done = live.s2i(["rebuild", "-p", "never", &app]);
    if live.engine.image(&app).unwrap().id.as_ref() != Some(&before) {
        live.engine.remove_image(&before).unwrap();
    }
    done.succeeds().says("custom assemble");
}

#[test]
fn usage_shows_its_sample_and_takes_the_options_of_builds() {
    let Some(live) = live() else { return };
    let recipe = Recipe::builder()
        .with("usr/libexec/s2i/usage", Entry::Program)
        .with(
            "usage-instructions",
            Entry::Text(0o644, "print Sample invocation: s2i build"),
        );
    let builder = live.load("usage", &recipe);
    for options in [
        &["--loglevel=5"][..],
        &["--incremental", "--rm=false", "-p", "if-not-present"],
        &["--save-temp-dir", "-d", "/tmp", "--callback-url", ""],
        &["-l", "/tmp"],
    ] {
        let args = [&["usage", &builder], options].concat();
        live.s2i(args).succeeds().says("Sample invocation");
    }
    // B-8: it leaves no image.
    assert_eq!(live.engine.unnamed(&builder), 0);
    live.nothing_left();
}

#[test]
fn scripts_of_the_source_replace_both_of_the_image() {
    let Some(live) = live() else { return };
    let builder = live.load("baked", &fixture::baked());
    let root = live.source(&[("7/file", "text")]);
    for (dir, name) in [(".s2i/bin", "assemble"), (".s2i/bin", "run")] {
        let script = format!("#!/usr/bin/interpret\nprint Running custom {name}\n");
        fixture::script(&root.join("7").join(dir), name, &script);
    }
    Repository::of(&root);
    build(&live, &["source"], &builder, &["--context-dir=7"])
        .succeeds()
        .says("Running custom assemble");
    let ran = containers::run(&live, &[]);
    assert_eq!(ran.stdout, "Running custom run\n");
}

/// Scripts in `.sti/bin` are those of very old sources.
#[test]
fn scripts_in_the_old_directory_work_with_a_warning() {
    let Some(live) = live() else { return };
    let builder = live.load("baked", &fixture::baked());
    let root = live.source(&[("file", "text")]);
    let script = "#!/usr/bin/interpret\nprint Running custom assemble\n";
    fixture::script(&root.join(".sti/bin"), "assemble", script);
    build(&live, &["source"], &builder, &["--copy"])
        .succeeds()
        .says("Running custom assemble")
        .says(".sti/bin");
}

/// Scenario 72: the option comes before the source, and the source before the image.
#[test]
fn scripts_come_from_the_option_then_the_source_then_the_image() {
    let Some(live) = live() else { return };
    let builder = live.load("baked", &fixture::baked());
    let root = live.source(&[("file", "text")]);
    let script = |from: &str| format!("#!/usr/bin/interpret\nprint from the {from}\n");
    fixture::script(&root.join(".s2i/bin"), "assemble", &script("source"));
    fixture::script(&live.path("given"), "assemble", &script("option"));
    build(&live, &["source"], &builder, &["--copy"])
        .succeeds()
        .says("from the source");
    build(
        &live,
        &["source"],
        &builder,
        &["--copy", "--scripts-url", "file://given"],
    )
    .succeeds()
    .says("from the option")
    .never_says("from the source");
    // With scripts in the image, those of the source are not looked at.
    build(
        &live,
        &["source"],
        &builder,
        &["--copy", "-s", "image:///tmp/scripts"],
    )
    .succeeds()
    .never_says("from the source");
}

#[test]
fn hosts_are_added_for_the_scripts() {
    let Some(live) = live() else { return };
    live.source(&[("instructions", "show-file /etc/hosts")]);
    let builder = live.builder().to_owned();
    let (app, options) = (
        live.image("app"),
        ["--add-host", "packages.example.org:0.0.0.0"],
    );
    let mut args = vec!["build", "source", &builder];
    if !has_network() && !live.engine.is_native() {
        return skip("containers of this engine have no network, and so no such file");
    }
    args.extend(options);
    args.push(&app);
    let done = live.s2i(args).succeeds();
    let lines = done.lines.iter().map(|line| &line.text);
    let mut fields = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
    assert!(fields.any(|line| line == ["0.0.0.0", "packages.example.org"]));
    let layer = live.engine.last_layer(&app, &live.path(""));
    // Podman leaves the place of its own file, empty.
    let hosts = layer.get("etc/hosts");
    assert!(
        hosts.is_none_or(|file| file.size == 0 && live.engine.is_podman()),
        "{layer:?}"
    );
    for bad in ["name", "name:here", ":1.2.3.4"] {
        let done = live.s2i(["build", "source", &builder, &app, "--add-host", bad]);
        done.ends_with(2);
    }
}

/// The bit of `CAP_NET_RAW` in the sets of a process.
const NET_RAW: u64 = 1 << 13;

#[test]
fn capabilities_are_dropped() {
    let Some(live) = live() else { return };
    live.source(&[("instructions", "show-id")]);
    let builder = live.builder().to_owned();
    let bounding = |options: &[&str]| {
        let options = [&["--assemble-user", "0"], options].concat();
        let done = build(&live, &["source"], &builder, &options).succeeds();
        let mut lines = done.lines.iter();
        let set = lines.find_map(|line| line.text.strip_prefix("CapEff: "));
        u64::from_str_radix(set.expect("a set"), 16).unwrap()
    };
    let usual = bounding(&[]);
    let dropped = bounding(&["--cap-drop", "NET_RAW,SYS_CHROOT", "--cap-drop=MKNOD"]);
    assert_eq!(dropped & NET_RAW, 0, "{dropped:x}");
    assert_eq!(dropped & usual, dropped, "{usual:x} and {dropped:x}");
}

#[test]
fn labels_are_added() {
    let Some(live) = live() else { return };
    live.source(&[("instructions", "print assembled")]);
    let builder = live.builder().to_owned();
    let options = ["--label", "team=web", "--label", "io.k8s.description=own"];
    build(&live, &["source"], &builder, &options).succeeds();
    let config = live.engine.image(&live.image("app")).unwrap().config;
    let labels = config.unwrap().labels.unwrap();
    assert_eq!(labels["team"], "web");
    assert_eq!(labels["io.k8s.description"], "own");
    build(&live, &["source"], &builder, &["--label", "=x"]).ends_with(2);
}

/// The builder is the runtime image as well.
#[test]
fn builder_can_be_the_runtime_image() {
    let Some(live) = live() else { return };
    let mut recipe = Recipe::builder()
        .label(label::ASSEMBLE_INPUT_FILES, "/app/page")
        .with("srv", Entry::Directory(0o775))
        .with("usr/libexec/s2i/assemble-runtime", Entry::Program);
    recipe.working_dir = "/srv";
    let builder = live.load("both", &recipe);
    nested(&live);
    let options = [format!("--runtime-image={builder}")];
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    build(
        &live,
        &["--ref=main", "--context-dir=7/test/app", "source"],
        &builder,
        &options,
    )
    .succeeds()
    .says("assemble-runtime in /srv");
    let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    assert!(layer.contains_key("srv/page") && !layer.contains_key("app/page"));
}

/// Ctrl-C ends the container that `--run` has started, and the image stays.
#[test]
fn result_is_run_until_it_is_stopped() {
    let Some(live) = live() else { return };
    live.source(&[("page", "hello")]);
    let (builder, app) = (live.builder().to_owned(), live.image("app"));
    let mut args = vec![
        "build",
        "source",
        &builder,
        &app,
        "--run=true",
        "--loglevel=5",
    ];
    if !has_network() {
        args.extend(["--network", "none"]);
    }
    let running = live.spawn(args);
    running.wait_for("as a result of the --run=true option");
    running.wait_for("listening on port 8080");
    running.signal(Signal::INT);
    let done = running.finish();
    assert!(!matches!(done.status.code(), Some(0) | None));
    assert!(live.engine.image(&app).is_some());
    live.engine.remove_image(&app).unwrap();
    live.nothing_left();
}

#[test]
fn status_of_the_application_is_that_of_run() {
    let Some(live) = live() else { return };
    let builder = live.load("baked", &fixture::baked());
    let root = live.source(&[("file", "text")]);
    let script = "#!/usr/bin/interpret\nprint it begins\nexit 7\n";
    fixture::script(&root.join(".s2i/bin"), "run", script);
    build(&live, &["source", "--copy"], &builder, &["--run"])
        .ends_with(7)
        .says("it begins");
}

/// The image's ENTRYPOINT wraps the command of the result as it did that of the builder.
#[test]
fn entrypoint_that_runs_its_arguments_stays() {
    let Some(live) = live() else { return };
    let recipe = fixture::baked()
        .with("usr/bin/wrapper", Entry::Program)
        .with("usr/bin/true", Entry::Program);
    let recipe = with_entrypoint(recipe, "/usr/bin/wrapper");
    let builder = live.load("entry", &recipe);
    fixture::build(&live, &builder, &[], &fixture::source(&live)).succeeds();
    let config = live
        .engine
        .image(&live.image("app"))
        .unwrap()
        .config
        .unwrap();
    assert_eq!(config.entrypoint.unwrap_or_default(), ["/usr/bin/wrapper"]);
    let ran = containers::run(&live, &[]);
    assert_eq!(ran.stdout, "wrapped\nrun ended\n");
}

/// B-7: an ENTRYPOINT that does something else than its arguments neither wraps `assemble` nor stays.
#[test]
fn entrypoint_that_is_the_program_itself_is_dropped() {
    let Some(live) = live() else { return };
    let recipe = fixture::baked()
        .with("usr/bin/server", Entry::Program)
        .with("usr/bin/true", Entry::Program);
    let recipe = with_entrypoint(recipe, "/usr/bin/server");
    let builder = live.load("program", &recipe);
    let done = fixture::build(&live, &builder, &[], &fixture::source(&live)).succeeds();
    done.says("warning").says("ENTRYPOINT");
    let config = live
        .engine
        .image(&live.image("app"))
        .unwrap()
        .config
        .unwrap();
    assert_eq!(config.entrypoint.unwrap_or_default(), [""; 0]);
    fixture::check_clean(&live);
}

fn with_entrypoint(mut recipe: Recipe, path: &'static str) -> Recipe {
    recipe.entrypoint = vec![path];
    recipe
}

#[test]
fn config_has_nothing_that_the_builder_had_not() {
    let Some(live) = live() else { return };
    let builder = live.load("baked", &fixture::baked());
    fixture::build(&live, &builder, &[], &fixture::source(&live)).succeeds();
    let config = live
        .engine
        .image(&live.image("app"))
        .unwrap()
        .config
        .unwrap();
    assert_eq!(config.user.unwrap_or_default(), "");
    let config = serde_json::to_value(live.engine.image(&live.image("app")).unwrap().config);
    assert!(
        config
            .unwrap()
            .get("Healthcheck")
            .is_none_or(serde_json::Value::is_null)
    );
}
