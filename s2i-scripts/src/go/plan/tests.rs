//! Plans as tables: facts and request in, the plan as text out.

use super::*;
use crate::{
    assembly::{
        cache::Caches,
        testing::{directories, render},
    },
    explain::Explanation,
    go::{Kept, ModFile, Origin, Version, environment::Environment, facts::Program},
};

/// Programs are directories; their import paths are those of the module.
fn facts(layout: Layout, module: &str, programs: &[&str]) -> Facts {
    let module = ModFile::parse(module);
    let root = module.module.clone().unwrap_or_else(|| "app".into());
    let program = |directory: &&str| Program {
        directory: (*directory).to_owned(),
        import: match directory.strip_prefix("./") {
            Some(below) => format!("{root}/{below}"),
            None => root.clone(),
        },
        module: ".".into(),
    };
    Facts {
        environment: Environment {
            layout,
            module: ".".into(),
            toolchain: "local".into(),
            import: None,
            build_cache: "build-go1.26.8-linux-amd64".into(),
        },
        go: "/usr/local/go/bin/go".into(),
        toolchain: Version::parse("1.26.8"),
        warnings: Vec::new(),
        programs: programs.iter().map(program).collect(),
        cgo_programs: Vec::new(),
        constrained: Vec::new(),
        kept: Kept::default(),
        module,
        caches: Caches::default(),
        origin: Origin::default(),
        procfile: None,
        upx: None,
        has_compiler: false,
        has_git: false,
    }
}

const MODULE: Layout = Layout::Module { vendored: false };

#[test]
fn module_is_built_with_caches_in_the_scratch_directory() {
    let facts = facts(MODULE, "module example.com/shop/v2", &[".", "./cmd/tool"]);
    let plan = plan(&facts, &Request::default(), &directories()).unwrap();
    assert_eq!(
        render(&plan),
        "\
Go: module example.com/shop/v2
building package . with Go 1.26.8
# Building application from source
make /tmp/s2i-scratch/tmp
write /tmp/s2i-scratch/config/go/telemetry/mode \"off\"
make /opt/app-root/bin
in /tmp/src CGO_ENABLED=0 GOCACHE=/tmp/s2i-scratch/cache/build-go1.26.8-linux-amd64 GOENV=off GOFLAGS=-modcacherw \
GOMODCACHE=/tmp/s2i-scratch/cache/mod GOPATH=/tmp/s2i-scratch/gopath GOTMPDIR=/tmp/s2i-scratch/tmp \
GOTOOLCHAIN=local PWD=/tmp/src XDG_CONFIG_HOME=/tmp/s2i-scratch/config \
go build -trimpath -buildvcs=false '-ldflags=-s -w' -o /opt/app-root/bin/shop .
# Installing application
seal /opt/app-root/bin/shop @0"
    );
}

#[test]
fn files_without_a_module_get_one_beside_the_source() {
    let plan = plan(
        &facts(Layout::Files, "", &["."]),
        &Request::default(),
        &directories(),
    )
    .unwrap();
    let text = render(&plan);
    for line in [
        "Go: files without a go.mod",
        "write /tmp/s2i-scratch/go.mod \"module app\\n\\ngo 1.26\\n\"",
        r#"write /tmp/s2i-scratch/overlay.json "{\"Replace\":{\"/tmp/src/go.mod\":\"/tmp/s2i-scratch/go.mod\"}}""#,
    ] {
        assert!(text.lines().any(|known| known == line), "{line}\n\n{text}");
    }
    assert!(
        text.contains("-overlay=/tmp/s2i-scratch/overlay.json -o /opt/app-root/bin/app ."),
        "{text}"
    );
}

#[test]
fn kept_caches_are_restored_at_their_own_level_and_shared() {
    let mut facts = facts(MODULE, "module shop", &["."]);
    facts.caches.saved = vec!["build-go1.26.8-linux-amd64".into(), "mod".into()];
    let request = Request {
        keep_cache: true,
        cache_limit: 9,
        epoch: 7,
        ..Request::default()
    };
    let text = render(&plan(&facts, &request, &directories()).unwrap());
    for part in [
        "# Restoring build artifacts\n\
         move /tmp/artifacts/build-go1.26.8-linux-amd64 -> /opt/app-root/cache/build-go1.26.8-linux-amd64\n\
         move /tmp/artifacts/mod -> /opt/app-root/cache/mod\n# Building",
        " GOCACHE=/opt/app-root/cache/build-go1.26.8-linux-amd64 ",
        " GOMODCACHE=/opt/app-root/cache/mod ",
        "seal /opt/app-root/bin/shop @7\n\
         trim /opt/app-root/cache/build-go1.26.8-linux-amd64 to 9\n\
         trim /opt/app-root/cache/mod to 9\nshare /opt/app-root/cache",
    ] {
        assert!(text.contains(part), "{part}\n\n{text}");
    }
}

/// Checks the command line of the build, from `build` on, and its environment.
#[track_caller]
fn check_flags(request: &Request, expected: &str, expected_env: &str) {
    let plan = plan(
        &facts(MODULE, "module shop", &["."]),
        request,
        &directories(),
    )
    .unwrap();
    let mut invocations = Vec::new();
    for step in plan.phases.iter().flat_map(|phase| &phase.steps) {
        invocations.extend(if let Step::Run(invocation) = step {
            Some(invocation)
        } else {
            None
        });
    }
    let [invocation] = invocations[..] else {
        panic!("{invocations:?}")
    };
    let words = invocation.command_line();
    let words = words
        .strip_prefix("go build ")
        .and_then(|words| words.strip_suffix(" -o /opt/app-root/bin/shop ."));
    assert_eq!(words, Some(expected));
    let env =
        ["CGO_ENABLED", "GOFLAGS"].map(|name| invocation.env.get(name).map_or("-", String::as_str));
    assert_eq!(env.join(" "), expected_env);
}

#[test]
fn variables_of_the_user_take_precedence() {
    let text = |text: &str| Some(text.to_owned());
    let request = Request {
        ldflags: text("-X main.v=1"),
        tags: text("a,b"),
        ..Request::default()
    };
    check_flags(
        &request,
        "-trimpath -buildvcs=false '-ldflags=-X main.v=1' -tags=a,b",
        "0 -modcacherw",
    );
    let request = Request {
        goflags: text("-mod=vendor '-ldflags=-s -X a.b=c' -trimpath=false"),
        ..Request::default()
    };
    check_flags(
        &request,
        "-buildvcs=false",
        "0 -mod=vendor '-ldflags=-s -X a.b=c' -trimpath=false -modcacherw",
    );
    let request = Request {
        set: vec![variables::CGO_ENABLED],
        ..Request::default()
    };
    check_flags(
        &request,
        "-trimpath -buildvcs=false '-ldflags=-s -w'",
        "- -modcacherw",
    );
}

/// Checks the packages that are built and the names of their programs, or the error.
#[track_caller]
fn check_choice(programs: &[&str], targets: &str, expected: &str) {
    let facts = facts(MODULE, "module example.com/shop", programs);
    check_facts(&facts, targets, expected);
}

#[track_caller]
fn check_facts(facts: &Facts, targets: &str, expected: &str) {
    let request = Request {
        targets: targets.split_whitespace().map(str::to_owned).collect(),
        ..Request::default()
    };
    let actual = match plan(facts, &request, &directories()) {
        Ok(plan) => {
            let seals = plan.phases.iter().flat_map(|phase| &phase.steps);
            let names = seals.filter_map(|step| match step {
                Step::Seal { path, .. } => path.file_name(),
                _ => None,
            });
            let names: Vec<_> = names.collect();
            format!(
                "{} -> {} {}",
                plan.reasons[1],
                plan.application,
                names.join(" ")
            )
        }
        Err(err) => {
            let Explanation { cause, hints, .. } = err.explain();
            let cause = cause.unwrap_or_default();
            format!("{err} | {cause} | {}", hints.join(" / "))
        }
    };
    assert_eq!(actual, expected);
}

fn one(package: &str, name: &str) -> String {
    format!("building package {package} with Go 1.26.8 -> /opt/app-root/bin/{name} {name}")
}

fn several(packages: &str, names: &str) -> String {
    format!("building packages {packages} with Go 1.26.8 -> /opt/app-root/bin {names}")
}

#[test]
fn root_is_built_or_else_all_commands() {
    check_choice(&[".", "./cmd/a", "./cmd/b"], "", &one(".", "shop"));
    check_choice(&["./cmd/a", "./tools/gen"], "", &one("./cmd/a", "a"));
    check_choice(
        &["./cmd/a", "./cmd/b", "./x"],
        "",
        &several("./cmd/a ./cmd/b", "a b"),
    );
    for target in ["cmd/b", "./cmd/b", "./cmd/b/"] {
        check_choice(&[".", "./cmd/a", "./cmd/b"], target, &one("./cmd/b", "b"));
    }
    for target in [".", "./"] {
        check_choice(&[".", "./cmd/a"], target, &one(".", "shop"));
    }
    check_choice(&["./tools/gen"], "tools/gen", &one("./tools/gen", "gen"));
    check_choice(&["./tools/gen"], "", &one("./tools/gen", "gen"));
    check_choice(&["./cmd"], "", &one("./cmd", "cmd"));
    check_choice(
        &["./cmd", "./cmd/a", "./cmds"],
        "",
        &several("./cmd ./cmd/a", "cmd a"),
    );
    check_choice(
        &[".", "./cmd/a", "./x"],
        "x . x",
        &several("./x .", "x shop"),
    );
    check_choice(&[".", "./cmd/a"], "./...", &several(". ./cmd/a", "shop a"));
    check_choice(
        &[".", "./cmd", "./cmd/a"],
        "./cmd/...",
        &several("./cmd ./cmd/a", "cmd a"),
    );
}

#[test]
fn choices_that_only_the_user_can_make_are_errors() {
    check_choice(
        &["./tools/gen", "./x"],
        "",
        "there is no program to build in `/tmp/src` | the root is not a `package main`, and there is none below `cmd/`; \
         programs elsewhere: ./tools/gen, ./x | choose with GO_TARGET, for example `-e GO_TARGET=./tools/gen`",
    );
    check_choice(
        &[],
        "",
        "there is no program to build in `/tmp/src` | no package of the source is a `package main` | ",
    );
    for target in ["../x", "/etc", "-o", "./cmd/c", "./cmd/../cmd/a"] {
        check_choice(
            &["./cmd/a"],
            target,
            &format!(
                "GO_TARGET names `{target}`, which is not a program of this source | there are ./cmd/a | \
                 choose with GO_TARGET, for example `-e GO_TARGET=./cmd/a`"
            ),
        );
    }
    check_choice(
        &["./a/tool", "./b/tool"],
        "./...",
        "several programs would be called `tool` | found ./a/tool, ./b/tool | \
         choose with GO_TARGET, for example `-e GO_TARGET=./a/tool`",
    );
}

#[test]
fn workspace_has_the_programs_of_its_modules() {
    let mut facts = facts(
        Layout::Workspace,
        "go 1.25\nuse (\n./api\n./tools\n./lib\n)",
        &[],
    );
    let program = |directory: &str, import: &str| Program {
        directory: directory.into(),
        import: import.into(),
        module: ".".into(),
    };
    facts.programs = vec![
        program("./api", "example.com/api/v2"),
        program("./api/cmd/x", "example.com/api/v2/cmd/x"),
        program("./tools/cmd/gen", "example.com/tools/cmd/gen"),
        program("./lib/internal/try", "example.com/lib/internal/try"),
    ];
    check_facts(&facts, "", &several("./api ./tools/cmd/gen", "api gen"));
    check_facts(
        &facts,
        "./lib/internal/try",
        &one("./lib/internal/try", "try"),
    );
}

#[test]
fn modules_below_the_root_are_built_in_their_own_directories() {
    let mut facts = facts(MODULE, "module example.com/fleet", &["./cmd/tool"]);
    facts.programs.push(Program {
        directory: "./cmd/controller".into(),
        import: "example.com/fleet/cmd/controller".into(),
        module: "./cmd/controller".into(),
    });
    let request = Request {
        targets: vec!["./cmd/controller".into()],
        test: true,
        ..Request::default()
    };
    let text = render(&plan(&facts, &request, &directories()).unwrap());
    for part in [
        "./cmd/controller is of the module in ./cmd/controller\n",
        " GOWORK=off PWD=/tmp/src/cmd/controller ",
        " go test ./...\n",
        " -o /opt/app-root/bin/controller .\n",
    ] {
        assert!(text.contains(part), "{part}\n\n{text}");
    }
    assert_eq!(text.matches("in /tmp/src/cmd/controller ").count(), 2);
    let text = render(&plan(&facts, &Request::default(), &directories()).unwrap());
    for part in [
        "\nin /tmp/src CGO_ENABLED=0 ",
        " -o /opt/app-root/bin/ ./cmd/tool\nin /tmp/src/cmd/controller CGO_ENABLED=0 ",
        " -o /opt/app-root/bin/ .\n",
    ] {
        assert!(text.contains(part), "{part}\n\n{text}");
    }
}

#[test]
fn source_without_modules_is_built_at_its_import_path() {
    let mut facts = facts(Layout::Gopath { godeps: true }, "", &["."]);
    facts.environment.import = Some("example.com/old/shop".into());
    facts.programs[0].import = "example.com/old/shop".into();
    let text = render(&plan(&facts, &Request::default(), &directories()).unwrap());
    for part in [
        "Go: without modules, as example.com/old/shop, with Godeps/_workspace",
        "link /tmp/s2i-scratch/gopath/src/example.com/old/shop -> /tmp/src",
        "in /tmp/s2i-scratch/gopath/src/example.com/old/shop CGO_ENABLED=0 GO111MODULE=off ",
        " GOPATH=/tmp/s2i-scratch/gopath/src/example.com/old/shop/Godeps/_workspace:/tmp/s2i-scratch/gopath ",
        " -o /opt/app-root/bin/shop .",
    ] {
        assert!(text.contains(part), "{part}\n\n{text}");
    }
}

#[test]
fn tests_compression_and_processes_are_steps() {
    let mut facts = facts(MODULE, "module shop", &["."]);
    facts.upx = Some("/usr/bin/upx".into());
    facts.procfile = Some("web: shop --serve\n".into());
    let request = Request {
        test: true,
        compress: true,
        ..Request::default()
    };
    let text = render(&plan(&facts, &request, &directories()).unwrap());
    for part in [
        "# Testing\nmake /tmp/s2i-scratch/tmp\n",
        " go test ./...\n# Building application from source\nmake /opt/app-root/bin\n",
        "# Installing application\nwrite /opt/app-root/bin/Procfile \"web: shop --serve\\n\"\n",
        " upx --best --lzma /opt/app-root/bin/shop\nseal /opt/app-root/bin/shop @0",
    ] {
        assert!(text.contains(part), "{part}\n\n{text}");
    }
    facts.upx = None;
    let error = plan(&facts, &request, &directories()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "COMPRESS_BINARY=true needs `upx`, and this image has none"
    );
    let request = Request {
        cgo: true,
        ..Request::default()
    };
    let error = plan(&facts, &request, &directories()).unwrap_err();
    assert_eq!(error.explain().code, crate::exit::TOOLCHAIN);
}
