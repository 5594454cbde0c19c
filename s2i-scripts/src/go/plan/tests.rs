//! Plans as tables: facts and request in, the plan as text out.

use super::*;
use crate::go::{ModFile, Version};

fn places() -> Places {
    let path = |text: &str| text.parse().unwrap();
    Places {
        source: path("/tmp/src"),
        artifacts: path("/tmp/artifacts"),
        app_root: path("/opt/app-root"),
        scratch: path("/tmp/s2i-scratch"),
    }
}

fn facts(layout: Layout, module: &str, programs: &[&str]) -> Facts {
    Facts {
        layout,
        go: "/usr/local/go/bin/go".into(),
        toolchain: Version::parse("1.26.8"),
        wished: None,
        module: ModFile::parse(module),
        programs: programs.iter().map(|&program| program.to_owned()).collect(),
        artifacts: Vec::new(),
    }
}

const MODULE: Layout = Layout::Module { vendored: false };

fn render(plan: &Plan) -> String {
    let mut lines = plan.reasons.clone();
    for phase in &plan.phases {
        lines.push(format!("# {}", phase.title));
        lines.extend(phase.steps.iter().map(ToString::to_string));
    }
    lines.join("\n")
}

#[test]
fn a_module_is_built_in_the_scratch_directory() {
    let facts = facts(MODULE, "module example.com/shop/v2", &[".", "./cmd/tool"]);
    let plan = plan(&facts, &Request::default(), &places()).unwrap();
    assert_eq!(
        render(&plan),
        "\
Go: module example.com/shop/v2
building package . with Go 1.26.8
# Building application from source
make /tmp/s2i-scratch/tmp
write /tmp/s2i-scratch/config/go/telemetry/mode \"off\"
make /opt/app-root/bin
in /tmp/src CGO_ENABLED=0 GOCACHE=/tmp/s2i-scratch/cache/build GOENV=off GOFLAGS=-modcacherw \
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
        &places(),
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
    facts.artifacts = vec!["build", "mod"];
    let request = Request {
        keep_cache: true,
        epoch: 7,
        ..Request::default()
    };
    let text = render(&plan(&facts, &request, &places()).unwrap());
    for part in [
        "# Restoring build artifacts\n\
         move /tmp/artifacts/build -> /opt/app-root/cache/build\n\
         move /tmp/artifacts/mod -> /opt/app-root/cache/mod\n# Building",
        " GOCACHE=/opt/app-root/cache/build ",
        " GOMODCACHE=/opt/app-root/cache/mod ",
        "seal /opt/app-root/bin/shop @7\nshare /opt/app-root/cache",
    ] {
        assert!(text.contains(part), "{part}\n\n{text}");
    }
}

/// The command line of the build, from `build` on, and what is changed in its environment.
#[track_caller]
fn check_flags(request: &Request, expected: &str, expected_env: &str) {
    let plan = plan(&facts(MODULE, "module shop", &["."]), request, &places()).unwrap();
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
    let words = invocation.words();
    let words = words
        .strip_prefix("go build ")
        .and_then(|words| words.strip_suffix(" -o /opt/app-root/bin/shop ."));
    assert_eq!(words, Some(expected));
    let env =
        ["CGO_ENABLED", "GOFLAGS"].map(|name| invocation.env.get(name).map_or("-", String::as_str));
    assert_eq!(env.join(" "), expected_env);
}

#[test]
fn what_the_user_says_wins() {
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

/// Which package is built as which program, or why none is.
#[track_caller]
fn check_choice(programs: &[&str], target: &str, expected: &str) {
    let target = Some(target.to_owned()).filter(|target| !target.is_empty());
    let request = Request {
        target,
        ..Request::default()
    };
    let actual = match plan(
        &facts(MODULE, "module example.com/shop", programs),
        &request,
        &places(),
    ) {
        Ok(plan) => format!("{} -> {}", plan.reasons[1], plan.application),
        Err(err) => format!(
            "{} | {} | {}",
            err,
            err.cause().unwrap_or_default(),
            err.tries().join(" / ")
        ),
    };
    assert_eq!(actual, expected);
}

#[test]
fn the_root_wins_then_the_only_command() {
    let built = |package: &str, name: &str| {
        format!("building package {package} with Go 1.26.8 -> /opt/app-root/bin/{name}")
    };
    check_choice(&[".", "./cmd/a", "./cmd/b"], "", &built(".", "shop"));
    check_choice(&["./cmd/a", "./tools/gen"], "", &built("./cmd/a", "a"));
    for target in ["cmd/b", "./cmd/b", "./cmd/b/"] {
        check_choice(&[".", "./cmd/a", "./cmd/b"], target, &built("./cmd/b", "b"));
    }
    for target in [".", "./"] {
        check_choice(&[".", "./cmd/a"], target, &built(".", "shop"));
    }
    check_choice(&["./tools/gen"], "tools/gen", &built("./tools/gen", "gen"));
}

#[test]
fn choices_that_only_the_user_can_make_are_named() {
    check_choice(
        &["./cmd/a", "./cmd/b", "./x"],
        "",
        "there are several programs to build and none of them at the root | found ./cmd/a, ./cmd/b | \
         choose with GO_TARGET, for example `-e GO_TARGET=./cmd/a`",
    );
    check_choice(
        &["./tools/gen"],
        "",
        "there is no program to build in `/tmp/src` | the root is no `package main` and none is below `cmd/`; \
         programs elsewhere: ./tools/gen | choose with GO_TARGET, for example `-e GO_TARGET=./tools/gen`",
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
                "GO_TARGET names `{target}`, which is no program of this source | there are ./cmd/a | \
                 choose with GO_TARGET, for example `-e GO_TARGET=./cmd/a`"
            ),
        );
    }
}
