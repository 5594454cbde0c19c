//! The choice of the builder, as `--dry-run` shows it.

use std::fs;

use crate::{
    daemon::Knobs,
    scene::{Done, Scene},
};

/// A scene whose source is a Go module, with a page in a subdirectory and an ignored package.
fn scene() -> Scene {
    let scene = Scene::with_engine(Knobs::default());
    for builder in ["s2i/go", "s2i/node", "s2i/binary"] {
        scene.s2i(&["pull", builder]).ends_with(0);
    }
    scene.write("site/go.mod", "module x\n");
    scene.write("site/.s2iignore", "package.json\n");
    scene.write("site/package.json", "{}");
    scene.write("site/page/index.html", "<html>");
    scene
}

fn plan(scene: &Scene, source: &str, options: &[&str]) -> Done {
    scene.s2i(&[&["build", "--dry-run", source, "web"], options].concat())
}

#[test]
fn builder_follows_from_the_files_that_are_built() {
    let scene = scene();
    scene.git("site", &["init", "--quiet", "--initial-branch=main"]);
    scene.git("site", &["add", "--all"]);
    let author = [
        "-c",
        "user.name=Ada Lovelace",
        "-c",
        "user.email=ada@example.org",
    ];
    let commit = ["commit", "--quiet", "--message", "first"];
    scene.git("site", &[&author[..], &commit].concat());
    fs::remove_file(scene.path("site/go.mod")).unwrap();
    let url = format!("file://{}", scene.path("site").display());
    let page = &["--context-dir", "page"][..];
    let page_files = &["--context-dir", "page", "--copy"][..];
    for (source, options, builder) in [
        (url.as_str(), &[][..], "s2i/go: the source has a go.mod"),
        (&url, page, "s2i/binary: the source has an index.html"),
        (
            "site",
            page_files,
            "s2i/binary: the source has an index.html",
        ),
    ] {
        let message = format!("builder {builder}; web is the name of the result: ");
        plan(&scene, source, options).ends_with(0).warns(&message);
    }
    plan(&scene, "site", &["--copy"])
        .ends_with(18)
        .warns("no builder image can be picked");
    fs::remove_file(scene.path("site/.s2iignore")).unwrap();
    plan(&scene, "site", &["--copy"])
        .ends_with(0)
        .warns("builder s2i/node: the source has a package.json;");
    let options = ["--copy", "--exclude", "json$"];
    plan(&scene, "site", &options).ends_with(18);
    fs::copy(env!("CARGO_BIN_EXE_s2i"), scene.path("site/program")).unwrap();
    plan(&scene, "site", &options)
        .ends_with(0)
        .warns("builder s2i/binary: the source has the program program;");
}

#[test]
fn builder_may_come_from_a_template_of_kubesphere() {
    let scene = scene();
    let template = "kind: S2iBuilderTemplate\nmetadata: {name: go}\nspec: {codeFramework: go, defaultBaseImage: s2i/binary}\n";
    scene.write("etc/go.yaml", template);
    scene.write("etc/s2i.toml", "[builders]\ntemplates = ['go.yaml']\n");
    let run = || {
        let mut command = scene.command(&["build", "--dry-run", "app", "web"]);
        let output = command
            .env("S2I_CONFIG", scene.path("etc/s2i.toml"))
            .output();
        scene.done(&output.unwrap())
    };
    run()
        .ends_with(0)
        .warns("builder s2i/binary: the source has the Go file main.go;");
    scene.write("etc/go.yaml", "a: [");
    run()
        .ends_with(2)
        .warns("can't use the template `DIR/etc/go.yaml`: the text can't be read as YAML or JSON");
}

#[test]
fn source_without_known_files_lists_the_known_ones() {
    let scene = scene();
    scene.write("plain/README.md", "hello");
    plan(&scene, "plain", &[])
        .ends_with(18)
        .warns("a `go.mod`, `go.work`, `Gopkg.toml`, `glide.yaml`, `Godeps` or file of Go (for s2i/go)")
        .warns("hint: name one, with `s2i build SOURCE BUILDER TAG`");
}

#[test]
fn missing_picked_builder_is_explained() {
    let scene = scene();
    scene.write("s2i.toml", "[builders]\ngo = 'team/go'\n");
    let mut command = scene.command(&["build", "--dry-run", "app", "web", "-p", "never"]);
    let output = command.env("S2I_CONFIG", scene.path("s2i.toml")).output();
    scene
        .done(&output.unwrap())
        .ends_with(21)
        .warns("there is no builder image `team/go`, which was picked because the source has the Go file main.go: ")
        .warns("hint: `cargo xtask images` makes the images of s2i");
}
