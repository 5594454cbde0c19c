//! Sources that build and sources that do not.

use std::{fs, os::unix::fs::MetadataExt as _};

use s2i_core::Script;

use crate::image::Image;

/// A program that needs next to nothing of the standard library, so that it builds quickly.
const TINY: &str = "package main\n\nfunc main() { println(\"tiny\") }\n";

/// An image with Go, and a source that is a module.
fn module() -> Option<Image> {
    Some(Image::with_go()?.source("go.mod", "module m\n\ngo 1.24\n"))
}

#[test]
fn random_user_builds_the_same_program_twice_and_leaves_nothing_else() {
    let build = || {
        let image = Image::with_go()?;
        let image = image
            .source("go.mod", "module example.com/tiny/v3\n\ngo 1.24\n")
            .source("main.go", TINY);
        // Any user of group 0 that has no entry in /etc/passwd and no home; only root can become one.
        let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
        let image = if is_root {
            image.user(1_000_620_000)
        } else {
            image
        };
        let text = image.assemble();
        for line in [
            "---> Looking at the source\n",
            "     Go: module example.com/tiny/v3\n",
            "     building package . with Go 1.",
            "---> Building application from source\n     go build -trimpath -buildvcs=false '-ldflags=-s -w' -o ",
            "---> Installing application\n     done in ",
        ] {
            assert!(text.contains(line), "{line}\n\n{text}");
        }
        assert_eq!(image.list("app-root"), ["bin", "bin/tiny"]);
        assert_eq!(image.list("tmp"), ["src", "src/go.mod", "src/main.go"]);
        assert_eq!(
            (image.mode("app-root/bin/tiny"), image.mode("app-root/bin")),
            (0o755, 0o775)
        );
        assert_eq!(
            fs::metadata(image.path("app-root/bin/tiny"))
                .unwrap()
                .mtime(),
            0
        );
        let ran = image.script(Script::Run, &[]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), "tiny\n"));
        Some(fs::read(image.path("app-root/bin/tiny")).unwrap())
    };
    assert!(build() == build(), "two builds of the same source differ");
}

#[test]
fn files_without_a_module_build_without_changes_to_the_source() {
    let Some(image) = Image::with_go() else {
        return;
    };
    let image = image
        .source("main.go", "package main\n\nfunc main() { println(name) }\n")
        .source("name_linux.go", "package main\n\nconst name = \"linux\"\n")
        .source(
            "name_windows.go",
            "package main\n\nconst name = \"windows\"\n",
        )
        .source("main_test.go", "package main\n\nfunc main() {}\n")
        .source(
            "gen.go",
            "//go:build ignore\n\npackage main\n\nfunc main() {}\n",
        );
    let home = image.path("home");
    fs::create_dir(&home).unwrap();
    let image = image.env("HOME", home.to_str().unwrap());
    image.assemble();
    assert!(image.list("home").is_empty());
    assert_eq!(image.list("app-root/bin"), ["app"]);
    assert_eq!(image.script(Script::Run, &[]).stderr, "linux\n");
    assert!(!image.path("tmp/src/go.mod").exists());
}

#[test]
fn tags_flags_and_target_reach_the_build() {
    let Some(image) = module() else { return };
    let image = image.source("cmd/a/a.go", TINY).source(
        "cmd/b/b.go",
        "//go:build extra\n\npackage main\n\nvar v = \"0\"\n\nfunc main() { println(v) }\n",
    );
    let image = image
        .env("GO_TARGET", "cmd/b")
        .env("GO_TAGS", "extra")
        .env("GO_LDFLAGS", "-X main.v=7");
    image.assemble();
    assert_eq!(image.list("app-root/bin"), ["b"]);
    assert_eq!(image.script(Script::Run, &[]).stderr, "7\n");
}

#[test]
fn plan_is_json_and_is_not_executed() {
    let Some(image) = module() else { return };
    let image = image.source("main.go", TINY);
    let outcome = image.script(Script::Assemble, &["--plan"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    let plan: serde_json::Value = serde_json::from_slice(&outcome.stdout).unwrap();
    assert_eq!(plan["recipe"], "go");
    assert_eq!(
        plan["application"],
        image.path("app-root/bin/m").to_str().unwrap()
    );
    assert_eq!(plan["phases"][0]["steps"][3]["do"], "run");
    assert_eq!(plan["phases"][0]["steps"][3]["args"][0], "build");
    assert_eq!(image.list("app-root"), ["bin"]);
    assert_eq!(image.list("tmp"), ["src", "src/go.mod", "src/main.go"]);
}

#[test]
fn module_for_a_newer_go_is_refused_where_none_can_be_fetched() {
    let Some(image) = Image::with_go() else {
        return;
    };
    let image = image
        .source(
            "go.mod",
            "module m\n\ngo 1.999\n\nrequire example.com/x v1.0.0\n",
        )
        .source("main.go", TINY);
    let text = image.refuse(12);
    for part in [
        "assemble: the source needs Go 1.999 and this image has Go 1.",
        "; a newer Go could not be fetched\n",
        "\n  try: or build with a builder image that has Go 1.999 or newer\n",
    ] {
        assert!(text.contains(part), "{part}\n\n{text}");
    }
    let text = image.env("GOTOOLCHAIN", "local").refuse(12);
    assert!(
        text.starts_with("assemble: the source needs Go 1.999 and this image has Go 1."),
        "{text}"
    );
}

#[test]
fn toolchain_that_is_only_preferred_does_not_have_to_be_fetched() {
    let Some(image) = Image::with_go() else {
        return;
    };
    let image = image
        .source("go.mod", "module m\n\ngo 1.24\n")
        .source(".tool-versions", "golang 1.999.1\n")
        .source("main.go", TINY);
    let outcome = image.script(Script::Assemble, &[]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let warning = "warning: .tool-versions prefers Go 1.999.1, which could not be fetched; Go 1.";
    assert!(outcome.stderr.contains(warning), "{}", outcome.stderr);
}

#[test]
fn newer_toolchain_is_fetched_once_and_saved() {
    let Some(image) = Image::with_go() else {
        return;
    };
    let Some(image) = image.online() else {
        return;
    };
    let image = image
        .source("go.mod", "module m\n\ngo 1.24\n\ntoolchain go1.27.0\n")
        .source(
            "main.go",
            "package main\n\nimport \"runtime\"\n\nfunc main() { println(runtime.Version()) }\n",
        )
        .env("S2I_KEEP_CACHE", "true");
    let text = image.assemble();
    assert!(text.contains(" with Go 1.27.0\n"), "{text}");
    assert_eq!(image.script(Script::Run, &[]).stderr, "go1.27.0\n");
    fs::rename(image.path("app-root/cache"), image.path("tmp/artifacts")).unwrap();
    let image = image.env("GOPROXY", "off");
    let text = image.assemble();
    assert!(text.contains(" with Go 1.27.0\n"), "{text}");
}

#[test]
fn program_of_a_module_below_the_root_is_built() {
    let Some(image) = Image::with_go() else {
        return;
    };
    let controller =
        "package main\n\nimport \"example.com/fleet/api\"\n\nfunc main() { println(api.Name) }\n";
    let image = image
        .source("go.mod", "module example.com/fleet\n\ngo 1.24\n")
        .source("api/api.go", "package api\n\nconst Name = \"fleet\"\n")
        .source("cmd/controller/go.mod", "module example.com/fleet/cmd/controller\n\ngo 1.24\n\nrequire example.com/fleet v0.0.0\n\nreplace example.com/fleet => ../../\n")
        .source("cmd/controller/main.go", controller);
    for target in ["", "./cmd/controller", "./..."] {
        let image = Image::with_go()
            .unwrap()
            .source_of(&image)
            .env("GO_TARGET", target);
        let text = image.assemble();
        assert_eq!(image.list("app-root/bin"), ["controller"], "{text}");
        assert_eq!(image.script(Script::Run, &[]).stderr, "fleet\n");
    }
}

#[test]
fn only_program_is_built_wherever_it_is() {
    for directory in ["cmd", "app/main"] {
        let Some(image) = module() else { return };
        let image = image.source(&format!("{directory}/main.go"), TINY);
        image.assemble();
        assert_eq!(image.script(Script::Run, &[]).stderr, "tiny\n");
    }
}

#[test]
fn inconsistent_vendor_directory_is_reported_by_go() {
    let Some(image) = Image::with_go() else {
        return;
    };
    let image = image
        .source(
            "go.mod",
            "module m\n\ngo 1.24\n\nrequire example.com/x v1.0.0\n",
        )
        .source("main.go", TINY)
        .source("vendor/modules.txt", "# example.com/y v1.0.0\n");
    let text = image.refuse(13);
    assert!(
        text.starts_with("go: inconsistent vendoring in ROOT/tmp/src:\n"),
        "{text}"
    );
    assert!(text.contains("\nassemble: `go list "), "{text}");
}

#[test]
fn compile_error_is_shown_and_the_scratch_directory_removed() {
    let Some(image) = Image::with_go() else {
        return;
    };
    let text = image.sample("go/broken").refuse(13);
    assert!(
        text.contains("./main.go:5:2: undefined: undefinedOnPurpose\n"),
        "{text}"
    );
    assert!(
        text.contains("\n  cause: its output above has the reason\n"),
        "{text}"
    );
}

#[test]
fn all_commands_are_built_and_run_starts_the_requested_one() {
    let Some(image) = Image::with_go() else {
        return;
    };
    let program = |text: &str| format!("package main\n\nfunc main() {{ println(\"{text}\") }}\n");
    let image = image
        .source("go.mod", "module m\n\ngo 1.24\n")
        .source("cmd/a/a.go", &program("first"))
        .source("cmd/b/b.go", &program("second"))
        .source("Procfile", "both: b --flag\n");
    let text = image.assemble();
    assert!(
        text.contains("     run starts one of a, b, as APP selects\n"),
        "{text}"
    );
    assert_eq!(image.list("app-root/bin"), ["Procfile", "a", "b"]);
    let image = image.env("APP", "a");
    assert_eq!(image.script(Script::Run, &[]).stderr, "first\n");
    let image = image.env("APP", "both");
    assert_eq!(image.script(Script::Run, &[]).stderr, "second\n");
}

#[test]
fn workspace_is_built_module_by_module() {
    let Some(image) = Image::with_go() else {
        return;
    };
    let image = image
        .source("go.work", "go 1.24\n\nuse (\n\t./api\n\t./lib\n)\n")
        .source(
            "api/go.mod",
            "module example.com/api\n\ngo 1.24\n\nrequire example.com/lib v1.0.0\n",
        )
        .source(
            "api/main.go",
            "package main\n\nimport \"example.com/lib\"\n\nfunc main() { println(lib.Name) }\n",
        )
        .source("lib/go.mod", "module example.com/lib\n\ngo 1.24\n")
        .source(
            "lib/lib.go",
            "package lib\n\nconst Name = \"from the other module\"\n",
        );
    let text = image.assemble();
    assert!(
        text.contains("     Go: workspace of ./api, ./lib\n"),
        "{text}"
    );
    assert_eq!(
        image.script(Script::Run, &[]).stderr,
        "from the other module\n"
    );
}

#[test]
fn sources_without_modules_are_built_by_their_import_path() {
    let Some(image) = Image::with_go() else {
        return;
    };
    let image = image
        .source("main.go", "package main // import \"example.com/old/shop\"\n\nimport (\n\t\"example.com/dep\"\n\t\"example.com/old/shop/inner\"\n)\n\nfunc main() { println(inner.Name + dep.Name) }\n")
        .source("inner/inner.go", "package inner\n\nconst Name = \"inner\"\n")
        .source("Godeps/_workspace/src/example.com/dep/dep.go", "package dep\n\nconst Name = \" and dep\"\n");
    let text = image.assemble();
    assert!(
        text.contains(
            "     Go: without modules, as example.com/old/shop, with Godeps/_workspace\n"
        ),
        "{text}"
    );
    assert_eq!(image.list("app-root"), ["bin", "bin/shop"]);
    assert_eq!(image.script(Script::Run, &[]).stderr, "inner and dep\n");
}

#[test]
fn failed_test_fails_the_build_on_request() {
    let Some(image) = module() else { return };
    let image = image
        .source("main.go", TINY)
        .source("main_test.go", "package main\n\nimport \"testing\"\n\nfunc TestIt(t *testing.T) { t.Fatal(\"not today\") }\n");
    let image = image.env("GO_TEST", "true").env("GOFLAGS", "-vet=off");
    let outcome = image.script(Script::Assemble, &[]);
    assert_eq!(outcome.code, Some(13), "{}", outcome.stderr);
    assert!(outcome.text().contains("not today"), "{}", outcome.text());
    assert!(
        outcome.stderr.contains("`go test ./...` failed"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn packages_that_need_c_are_named() {
    let Some(image) = module() else { return };
    let image = image
        .source(
            "main.go",
            "package main\n\nimport \"m/native\"\n\nfunc main() { native.Call() }\n",
        )
        .source(
            "native/native.go",
            "package native\n\n// void call(void) {}\nimport \"C\"\n\nfunc Call() { C.call() }\n",
        );
    let text = image.refuse(13);
    assert!(
        text.contains(
            "\n  try: these packages need cgo, and this image has no C compiler: m/native; "
        ),
        "{text}"
    );
    let image = image.env("CGO_ENABLED", "1");
    assert_eq!(
        image.refuse(12),
        "assemble: CGO_ENABLED=1 needs a C compiler, and this image has none\n  \
         try: build without it: CGO_ENABLED=0\n  \
         try: or add a C compiler to the image, and the parts of Go's standard library for it\n"
    );
}

#[test]
fn templates_are_filled_in_and_secrets_are_masked() {
    let Some(image) = module() else { return };
    let image = image
        .source(
            "main.go",
            "package main\n\nvar v string\n\nfunc main() { println(v) }\n",
        )
        .env(
            "GO_LDFLAGS",
            "-X main.v={{.Version}}@{{.Date}}@s3cr3t-value",
        )
        .env("OPENSHIFT_BUILD_REFERENCE", "v1.2.3")
        .env("MY_TOKEN", "s3cr3t-value");
    let text = image.assemble();
    assert!(
        text.contains("-X main.v=v1.2.3@1970-01-01T00:00:00Z@redacted"),
        "{text}"
    );
    assert_eq!(
        image.script(Script::Run, &[]).stderr,
        "v1.2.3@1970-01-01T00:00:00Z@s3cr3t-value\n"
    );
    let netrc = image.path("tmp/src/.netrc");
    fs::write(&netrc, "machine example.org login me password x\n").unwrap();
    let outcome = image
        .env("NETRC", netrc.to_str().unwrap())
        .script(Script::Assemble, &[]);
    assert_eq!(outcome.code, Some(2));
    assert!(
        outcome
            .stderr
            .contains("cause: the file would stay in the image"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn other_sources_are_refused() {
    if let Some(image) = Image::with_go() {
        let image = image.source("pom.xml", "");
        assert_eq!(
            image.refuse(10),
            "assemble: `ROOT/tmp/src` has no application that this image can build\n  \
             cause: there is no `go.mod`, `go.work` or Go file at the root of the source\n  \
             try: if the application is in a subdirectory, name it with `--context-dir`\n"
        );
    }
    let image = Image::new();
    assert_eq!(
        image.refuse(10),
        "assemble: there is no source in `ROOT/tmp/src`\n  \
         try: give `s2i build` a directory or a repository with files in it\n"
    );
    let image = image.source("main.go", TINY);
    assert_eq!(
        image.refuse(12),
        "assemble: there is no `go` on the PATH\n  \
         try: build with a builder image; a runtime image has no toolchain\n"
    );
    let image = image.env("APP_ROOT", "https://me:secret@host");
    let text = image.script(Script::Assemble, &[]).stderr;
    assert!(
        text.starts_with("assemble: the value `https://redacted@host` of APP_ROOT is invalid\n"),
        "{text}"
    );
    assert!(!text.contains("secret"), "{text}");
}
