//! Files that programs read when they run, and build constraints.

use std::fs;

use s2i_core::Script;

use crate::image::Image;

/// A program that reads a file below its working directory.
const READER: &str = "package main\n\nimport \"os\"\n\nfunc main() {\n\ttext, err := os.ReadFile(\"templates/index.html\")\n\tif err != nil {\n\t\tpanic(err)\n\t}\n\tprintln(string(text))\n}\n";

fn reader() -> Option<Image> {
    let image = Image::with_go()?
        .source("go.mod", "module m\n\ngo 1.24\n")
        .source("main.go", READER)
        .source("templates/index.html", "<title>page</title>")
        .source("templates/helper.go", "package templates\n")
        .source("views/other.html", "");
    Some(image)
}

#[test]
fn files_that_the_code_names_are_there_when_the_program_runs() {
    let Some(image) = reader() else { return };
    let outcome = image.script(Script::Assemble, &[]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let text = outcome.text();
    assert!(
        text.contains("     files for programs that run: templates, because the code names them\n"),
        "{text}"
    );
    assert!(
        outcome
            .stderr
            .contains("these are left out: views; if it reads them when it runs, keep them with `-e GO_KEEP_FILES=views`"),
        "{}",
        outcome.stderr
    );
    assert_eq!(
        image.list("app-root/src"),
        ["templates", "templates/index.html"]
    );
    assert_eq!(
        image.mode("app-root/src/templates/index.html") & 0o060,
        0o060
    );
    let ran = image.script(Script::Run, &[]);
    assert_eq!(ran.stderr, "<title>page</title>\n");
}

#[test]
fn user_decides_about_the_files_that_stay() {
    let Some(image) = reader() else { return };
    let image = image.env("GO_KEEP_FILES", "views:templates/*.go");
    image.assemble();
    let kept = [
        "templates",
        "templates/helper.go",
        "views",
        "views/other.html",
    ];
    assert_eq!(image.list("app-root/src"), kept);
    fs::remove_dir_all(image.path("app-root")).unwrap();
    fs::create_dir_all(image.path("app-root/bin")).unwrap();
    let text = image.env("GO_KEEP_FILES", "none.txt").refuse(2);
    assert!(
        text.contains("cause: the source has no such file or directory\n"),
        "{text}"
    );
}

#[test]
fn tags_that_leave_out_every_program_are_named() {
    let Some(image) = Image::with_go() else {
        return;
    };
    let image = image.source("go.mod", "module m\n\ngo 1.24\n").source(
        "cmd/web/main.go",
        "//go:build prod\n\npackage main\n\nfunc main() { println(1) }\n",
    );
    let text = image.refuse(10);
    assert!(
        text.contains(
            "\n  cause: build constraints leave out every `package main`: ./cmd/web (prod)\n  \
             try: choose with GO_TAGS, for example `-e GO_TAGS=prod`\n"
        ),
        "{text}"
    );
    image.env("GO_TAGS", "prod").assemble();
}

#[test]
fn embedded_files_of_another_build_are_named() {
    let Some(image) = Image::with_go() else {
        return;
    };
    let image = image
        .source("go.mod", "module m\n\ngo 1.24\n")
        .source(
            "main.go",
            "package main\n\nimport _ \"embed\"\n\n//go:embed web/dist/index.html\nvar page string\n\nfunc main() { println(page) }\n",
        )
        .source("web/package.json", "{}");
    let text = image.refuse(13);
    assert!(
        text.contains("\n  try: main.go embeds `web/dist/index.html`, which is not in the source: it has to be made by the build of web/package.json; "),
        "{text}"
    );
}

#[test]
fn modules_that_cannot_be_fetched_are_a_matter_of_the_network_and_not_of_compilers() {
    let Some(image) = Image::with_go() else {
        return;
    };
    let image = image
        .source(
            "go.mod",
            "module m\n\ngo 1.24\n\nrequire example.org/x v1.0.0\n",
        )
        .source(
            "go.sum",
            "example.org/x v1.0.0 h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nexample.org/x v1.0.0/go.mod h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        )
        .source(
            "main.go",
            "package main\n\nimport _ \"example.org/x\"\n\nfunc main() {}\n",
        )
        .env("GOPROXY", "http://127.0.0.1:9")
        .env("GONOSUMDB", "*");
    let text = image.refuse(13);
    assert!(
        text.contains("\n  try: a server could not be reached: "),
        "{text}"
    );
    assert!(!text.contains("compiler"), "{text}");
}
