//! The users of scripts: root is reported, and users that are not allowed are rejected.

use std::fs;

use s2i_core::label;

use crate::{
    harness::{Live, live},
    images::{Entry, Recipe},
    process::{Done, Stream},
};

/// The tables of users of the images here: `toor` is root by another name, and an image can't make root of 1001.
const PASSWD: &str =
    "root:x:0:0::/:/none\ntoor:x:0:0::/:/none\napp:x:1001:0::/app:/none\n1001:x:0:0::/:/none\n";

/// The line about root, without its reason.
const AS_ROOT: &str = "runs as root of its container";

fn recipe(user: &'static str) -> Recipe {
    let mut recipe = Recipe::builder().with("etc/passwd", Entry::Text(0o644, PASSWD));
    recipe.user = user;
    recipe
}

fn build(live: &Live, builder: &str, options: &[&str]) -> Done {
    live.build_with(builder, options, live.instructions("show-id"))
}

/// A build that is refused for this user leaves nothing, and nothing of the image has run.
#[track_caller]
fn refused(live: &Live, done: Done, script: &str, uid: u32, reason: &str) {
    done.ends_with(15)
        .says(&format!(
            "`{script}` would run as uid {uid} in a container of "
        ))
        .says(reason)
        .says("hint: name a user of an allowed number with --assemble-")
        .never_says(&format!("==> {script}"))
        .never_says("Uid:");
    live.nothing_left();
}

/// The number counts, in whatever form the image has it.
#[test]
fn root_of_an_image_is_reported_and_rejected() {
    let Some(live) = live() else { return };
    for (user, reason) in [
        ("", "has no USER"),
        ("0", "has USER `0`"),
        ("0:1001", "has USER `0:1001`"),
        ("root", "has USER `root`, by its table of users"),
        ("toor:0", "has USER `toor:0`, by its table of users"),
    ] {
        let builder = live.load("user", &recipe(user));
        let expected = format!("assemble {AS_ROOT}: the image `{builder}` {reason}");
        build(&live, &builder, &[])
            .succeeds()
            .says(&expected)
            .says("Uid: 0 0 0 0");
        live.engine.remove_image(&live.image("app")).unwrap();
        // The same build, which an engine may remember.
        let done = build(&live, &builder, &["--allowed-uids", "1-"]);
        refused(&live, done, "assemble", 0, reason);
    }
}

#[test]
fn root_of_a_label_or_option_is_reported_and_rejected() {
    let Some(live) = live() else { return };
    let labelled = recipe("1001").label(label::ASSEMBLE_USER, "toor");
    let labelled = live.load("label", &labelled);
    let plain = live.load("plain", &recipe("1001"));
    for (builder, options, reason) in [
        (
            &labelled,
            &[][..],
            "has the label io.openshift.s2i.assemble-user=`toor`, by its table of users",
        ),
        (
            &plain,
            &["--assemble-user", "0:0"],
            "--assemble-user is `0:0`",
        ),
        (
            &plain,
            &["--assemble-user", "root"],
            "--assemble-user is `root`, by its table of users",
        ),
    ] {
        let done = build(&live, builder, options).succeeds();
        done.says(AS_ROOT).says(reason).says("Uid: 0 0 0 0");
        live.engine.remove_image(&live.image("app")).unwrap();
        let options = [options, &["-u", "1-65535"]].concat();
        let done = build(&live, builder, &options);
        refused(&live, done, "assemble", 0, reason);
    }
}

#[test]
fn only_allowed_users_build() {
    let Some(live) = live() else { return };
    let named = live.load("named", &recipe("app"));
    let number = live.load("number", &recipe("1001"));
    for (builder, options) in [
        (&named, &["-u", "1001"][..]),
        (&named, &["-u", "0,1000-2000"]),
        (&named, &["-u", "7", "-u", "1-"]),
        (&number, &["-u", "1-"]),
        (&number, &["-u", "-1001", "--assemble-user", "1001:0"]),
        (&number, &["--allowed-uids", ""]),
    ] {
        build(&live, builder, options)
            .succeeds()
            .says("Uid: 1001 1001 1001 1001")
            .never_says(AS_ROOT);
    }
    live.engine.remove_image(&live.image("app")).unwrap();
    for (builder, reason) in [
        (&named, "has USER `app`, by its table of users"),
        (&number, "has USER `1001`"),
    ] {
        let done = build(&live, builder, &["-u", "-1000,1002-"]);
        refused(&live, done, "assemble", 1001, reason);
    }
    build(&live, &named, &["-u", "1-x"])
        .ends_with(2)
        .says("`1-x` is not a range of user numbers");
}

/// The option wins over the file.
#[test]
fn configuration_can_limit_users() {
    let Some(live) = live() else { return };
    let builder = live.load("root", &recipe("root"));
    let dir = live.path(".config/s2i");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("config.toml"), "allowed_uids = '1-'\n").unwrap();
    refused(&live, build(&live, &builder, &[]), "assemble", 0, "`root`");
    build(&live, &builder, &["-u", "0"]).succeeds();
}

/// The builder may have a plain user, and the runtime image root.
#[test]
fn runtime_image_is_checked_too() {
    let Some(live) = live() else { return };
    let builder = live.load("builder-of-app", &recipe("app"));
    for (user, label, option, reason) in [
        ("", None, None, "has no USER"),
        ("toor", None, None, "has USER `toor`"),
        ("app", Some("toor"), None, "assemble-runtime-user=`toor`"),
        ("app", None, Some("0"), "--assemble-runtime-user is `0`"),
    ] {
        let mut runtime = Recipe::runtime().with("etc/passwd", Entry::Text(0o644, PASSWD));
        runtime.user = user;
        runtime
            .labels
            .extend(label.map(|user| (label::ASSEMBLE_RUNTIME_USER, user)));
        let runtime = live.load("runtime", &runtime);
        let mut options = vec!["--runtime-image", &runtime];
        options.extend(
            option
                .iter()
                .flat_map(|user| ["--assemble-runtime-user", user]),
        );
        let source = live.instructions("print assembled");
        let done = live.build_with(&builder, &options, &source).succeeds();
        done.says(&format!(
            "assemble-runtime, if the image has it, {AS_ROOT}: "
        ))
        .says(reason)
        .never_says(&format!("assemble {AS_ROOT}"));
        live.engine.remove_image(&live.image("app")).unwrap();
        options.extend(["-u", "1-"]);
        let done = live.build_with(&builder, &options, &source);
        refused(&live, done, "assemble-runtime", 0, reason);
    }
}

/// It is no clean build: what the image before has saved is not done without in silence.
#[test]
fn previous_image_is_checked_too() {
    let Some(live) = live() else { return };
    let saving = |user| recipe(user).with("usr/libexec/s2i/save-artifacts", Entry::Program);
    let builder = live.load("saving", &saving("app"));
    let app = live.image("app");
    let source = live.instructions("make-artifacts 1 1\nshow-id");
    let source = source.to_str().unwrap();
    for (user, uid) in [("", 0), ("toor", 0), ("1002", 1002)] {
        let before = live.load("before", &saving(user));
        let mut args = vec!["build", "--copy", "--network", "none", source];
        live.s2i([&args[..], &[&before, &app, "--assemble-user", "app"]].concat())
            .succeeds();
        let id = live.engine.image(&app).unwrap().id;
        args.extend([&builder, &app, "--incremental", "-u", "1001"]);
        let done = live.s2i(&args).ends_with(15);
        done.says(&format!(
            "`save-artifacts` would run as uid {uid} in a container of `{app}`"
        ))
        .never_says("a clean build")
        .never_says("Uid:");
        assert_eq!(live.engine.image(&app).unwrap().id, id);
        live.engine.remove_image(&app).unwrap();
        live.nothing_left();
    }
}

/// Files that go into a container can't change the user that was checked.
#[test]
fn artifacts_that_replace_the_user_table_have_no_effect() {
    let Some(live) = live() else { return };
    let mut runtime = Recipe::runtime()
        .with("etc", Entry::Directory(0o775))
        .with("etc/passwd", Entry::Text(0o644, PASSWD))
        .label(label::ASSEMBLE_INPUT_FILES, "/app/passwd;/app/app");
    runtime.user = "app";
    runtime.working_dir = "/etc";
    let runtime = live.load("runtime", &runtime);
    let source = live.source(&[
        ("passwd", "app:x:0:0::/:/none\n"),
        ("app/runtime-instructions", "show-file /etc/passwd\nshow-id"),
    ]);
    live.build(&["--runtime-image", &runtime, "-u", "1001"], source)
        .succeeds()
        .says("app:x:0:0::/:/none")
        .says("Uid: 1001 1001 1001 1001");
}

#[test]
fn usage_is_checked_too() {
    let Some(live) = live() else { return };
    let recipe = recipe("toor").with("usr/libexec/s2i/usage", Entry::Program);
    let builder = live.load("usage", &recipe);
    live.s2i(["usage", &builder]).succeeds().says(AS_ROOT);
    let done = live.s2i(["usage", &builder, "-u", "1-"]).ends_with(15);
    let done = done.says("`usage` would run as uid 0");
    assert_eq!(done.stream(Stream::Stdout), [""; 0]);
    live.nothing_left();
}

/// A builder that is given in another way keeps its name, and a result that is built again gets it again.
#[test]
fn name_of_a_builder_is_not_overwritten() {
    let Some(live) = live() else { return };
    let builder = live.load("victim", &Recipe::builder());
    let id = live.engine.image(&builder).unwrap().id;
    let short = id.as_ref().unwrap().trim_start_matches("sha256:")[..12].to_owned();
    let alias = live.image("alias");
    live.s2i(["tag", &builder, &alias]).succeeds();
    let source = live.instructions("show-id");
    let source = source.to_str().unwrap();
    let build = |builder: &str, tag: &str| {
        live.s2i(["build", "--copy", "--network", "none", source, builder, tag])
    };
    for (given, tag) in [(&short, &builder), (&alias, &builder), (&builder, &alias)] {
        build(given, tag)
            .ends_with(18)
            .says("that is the name of an image that it is built from")
            .never_says("==> start");
        assert_eq!(live.engine.image(tag).unwrap().id, id);
    }
    let build_again = |builder: &str, tag: &str| {
        build(builder, tag).succeeds();
        let id = || live.engine.image(tag).unwrap().id.unwrap();
        let first = id();
        build(builder, tag).succeeds();
        // An image that loses its name to another one would stay.
        if id() != first {
            live.engine.remove_image(&first).unwrap();
        }
    };
    let app = live.image("app");
    build_again(&builder, &app);
    // The result of a build can be a builder, also with an existing name as the result.
    build_again(&app, &live.image("more"));
}
