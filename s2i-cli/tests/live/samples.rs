//! The sample applications with the images of this project.
//!
//! Each is built as a user that only a cluster would give, runs as that user over a root that can't be
//! written to, answers what its page says and stops when it is asked to. In thorough runs, two clean builds of
//! it give the same layer, and one that begins with what the one before has saved says what it has used.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    containers::{self, Rights},
    engine::Layer,
    harness::{Live, has_network, is_thorough, skip},
    kit,
};

/// How long an application may take to stop, with what the engine does then: engines kill it after ten.
const STOPPING: Duration = Duration::from_secs(8);

/// An application and what its page says of it.
struct Sample {
    /// The folder of its builder, and its own.
    name: (&'static str, &'static str),
    runtime: Option<&'static str>,
    /// What the runtime image gets, if not what it says itself.
    artifacts: Option<&'static str>,
    /// A path, and what is in the answer to it.
    page: (&'static str, &'static str),
    /// How it ends when it is asked to.
    ends: &'static [i64],
    /// What is in the image, below the directory of the application.
    present: &'static [&'static str],
    /// What is not.
    absent: &'static [&'static str],
    /// Whether it needs what others keep.
    downloads: bool,
    /// Whether there is something that the next build can use.
    saves: bool,
    /// True if another sample of its kind is built again, or if its build takes long.
    is_built_once: bool,
    runs: Runs,
}

/// The test runs that build a sample.
#[derive(PartialEq)]
enum Runs {
    All,
    Thorough,
}

/// The status of an application that does nothing about the signal.
const SIGNALLED: &[i64] = &[143];

/// What most have in common.
const SAMPLE: Sample = Sample {
    name: ("", ""),
    runtime: None,
    artifacts: None,
    page: ("/", ""),
    ends: &[0],
    present: &[],
    absent: &[],
    downloads: true,
    saves: true,
    is_built_once: false,
    runs: Runs::Thorough,
};

impl Sample {
    fn builder(&self) -> String {
        format!("s2i/{}", self.name.0)
    }

    /// What can be done without the network of others is always tried.
    fn check(&self) {
        if self.runs == Runs::Thorough && !is_thorough() {
            return;
        }
        let runtimes = self.runtime.into_iter().map(ToOwned::to_owned);
        let images: Vec<_> = [self.builder()].into_iter().chain(runtimes).collect();
        let Some(live) = kit::with(&images) else {
            return;
        };
        if self.downloads && !has_network() {
            return skip("containers of this engine have no network");
        }
        let source = self.source(&live);
        // Finding out makes an image of its own.
        let user = kit::random_user(&live);
        let layer = self.build(&live, &source, user);
        self.has_what_it_should(&layer);
        self.answers_and_stops(&live, user);
        if !self.is_built_once && is_thorough() {
            let again = self.build(&live, &source, user);
            assert!(again == layer, "{:?}", difference(&layer, &again));
            self.uses_what_was_saved(&live, &source, user);
        }
    }

    fn source(&self, live: &Live) -> PathBuf {
        let (builder, name) = self.name;
        let folder = kit::sample(builder, name);
        if builder != "binary" {
            return folder;
        }
        let made = live.path("made");
        let mut go = Command::new("go");
        go.current_dir(folder).args(["build", "-trimpath", "-o"]);
        go.arg(made.join("hello")).arg("main.go");
        assert!(go.env("CGO_ENABLED", "0").status().unwrap().success());
        made
    }

    fn options(&self, user: &str) -> Vec<String> {
        let mut options = ["--no-cache", "--assemble-user", user]
            .map(ToOwned::to_owned)
            .to_vec();
        if let Some(runtime) = self.runtime {
            options.extend(["--runtime-image", runtime].map(ToOwned::to_owned));
        }
        if let Some(artifacts) = self.artifacts {
            options.extend(["--runtime-artifact", artifacts].map(ToOwned::to_owned));
        }
        if self.downloads {
            options.extend(kit::online());
        } else {
            options.extend(["--network", "none"].map(ToOwned::to_owned));
        }
        options
    }

    fn build(&self, live: &Live, source: &Path, user: &str) -> Layer {
        let options = self.options(user);
        let options: Vec<_> = options.iter().map(String::as_str).collect();
        live.build_with(&self.builder(), &options, source)
            .succeeds();
        live.engine.last_layer(&live.image("app"), &live.path(""))
    }

    fn has_what_it_should(&self, layer: &Layer) {
        let is_in = |name: &&&str| layer.contains_key(&format!("opt/app-root/src/{name}"));
        let missing: Vec<_> = self.present.iter().filter(|name| !is_in(name)).collect();
        let too_much: Vec<_> = self.absent.iter().filter(is_in).collect();
        assert!(missing.is_empty(), "{missing:?} is not there");
        assert!(too_much.is_empty(), "{too_much:?} is there");
    }

    fn answers_and_stops(&self, live: &Live, user: &'static str) {
        if !has_network() {
            return skip("containers of this engine have no network");
        }
        let (path, expected) = self.page;
        let rights = Rights {
            user: Some(user),
            read_only: true,
        };
        let server = containers::serve_with(live, rights);
        let page = server.get(path, "");
        assert!(page.contains(expected), "{page}");
        let start = Instant::now();
        let code = server.stop();
        assert!(self.ends.contains(&code), "{code}");
        assert!(start.elapsed() < STOPPING, "{:?}", start.elapsed());
    }

    fn uses_what_was_saved(&self, live: &Live, source: &Path, user: &str) {
        let options = self.options(user);
        let (builder, app) = (self.builder(), live.image("app"));
        // With a runtime image, what the next build can use is in an image of its own.
        let kept = live.image("app:latest-build");
        let id = |name: &str| live.engine.image(name)?.id;
        let build = || {
            let mut args = vec!["build", "--incremental"];
            args.extend(options.iter().map(String::as_str));
            args.extend([source.to_str().unwrap(), &builder, &app]);
            let before = [&app, &kept].map(|name| id(name));
            let done = live.s2i(args);
            // What lost its name would stay.
            for (name, before) in [&app, &kept].into_iter().zip(before) {
                if let Some(before) = before.filter(|before| Some(before) != id(name).as_ref()) {
                    live.engine.remove_image(&before).unwrap();
                }
            }
            done
        };
        build().succeeds();
        let second = build().succeeds();
        if self.saves {
            second.says("Restoring build artifacts");
        }
    }
}

fn difference<'a>(one: &'a Layer, other: &'a Layer) -> Vec<&'a String> {
    let names = one.keys().chain(other.keys());
    names
        .filter(|name| one.get(*name) != other.get(*name))
        .collect()
}

/// A test for each.
macro_rules! samples {
    ($($test:ident: $sample:expr;)*) => {
        $(
            #[test]
            fn $test() {
                $sample.check();
            }
        )*
    };
}

samples! {
    go_web: Sample {
        name: ("go", "web"),
        page: ("/", "hello from s2i, version 1.0"),
        downloads: false,
        ..SAMPLE
    };
    go_web_in_the_runtime_image: Sample {
        name: ("go", "web"),
        runtime: Some("s2i/go-runtime"),
        page: ("/healthz", "ok"),
        downloads: false,
        is_built_once: true,
        runs: Runs::All,
        ..SAMPLE
    };
    go_modules: Sample {
        name: ("go", "modules"),
        runtime: Some("s2i/go-runtime"),
        page: ("/", "hello from s2i"),
        ends: SIGNALLED,
        runs: Runs::All,
        ..SAMPLE
    };
    go_workspace: Sample {
        name: ("go", "workspace"),
        page: ("/", "hello from the workspace"),
        ends: SIGNALLED,
        downloads: false,
        is_built_once: true,
        ..SAMPLE
    };
    go_several: Sample {
        name: ("go", "several"),
        page: ("/", "hello from web"),
        ends: SIGNALLED,
        downloads: false,
        is_built_once: true,
        ..SAMPLE
    };
    go_gopath: Sample {
        name: ("go", "gopath"),
        page: ("/", "hello from GOPATH"),
        ends: SIGNALLED,
        downloads: false,
        is_built_once: true,
        ..SAMPLE
    };
    go_procfile_in_the_runtime_image_as_a_whole: Sample {
        name: ("go", "procfile"),
        runtime: Some("s2i/go-runtime"),
        artifacts: Some("/opt/app-root"),
        page: ("/", "hello from the Procfile"),
        ends: SIGNALLED,
        downloads: false,
        is_built_once: true,
        ..SAMPLE
    };
    node_plain: Sample {
        name: ("node", "plain"),
        page: ("/", "hello from s2i, on Node.js v"),
        downloads: false,
        saves: false,
        runs: Runs::All,
        ..SAMPLE
    };
    node_express: Sample {
        name: ("node", "express"),
        runtime: Some("s2i/node-runtime"),
        page: ("/", "hello from express, for production"),
        present: &["node_modules/express"],
        absent: &["node_modules/semver"],
        runs: Runs::All,
        ..SAMPLE
    };
    node_pnpm: Sample {
        name: ("node", "pnpm"),
        runtime: Some("s2i/node-runtime"),
        page: ("/", "hello from pnpm-sample, 1m"),
        ends: SIGNALLED,
        ..SAMPLE
    };
    node_yarn: Sample {
        name: ("node", "yarn"),
        runtime: Some("s2i/node-runtime"),
        page: ("/", "hello from yarn-sample, 1m"),
        ends: SIGNALLED,
        is_built_once: true,
        ..SAMPLE
    };
    node_berry: Sample {
        name: ("node", "berry"),
        runtime: Some("s2i/node-runtime"),
        page: ("/", "hello from berry-sample, 1m"),
        ends: SIGNALLED,
        is_built_once: true,
        ..SAMPLE
    };
    node_typescript: Sample {
        name: ("node", "typescript"),
        runtime: Some("s2i/node-runtime"),
        page: ("/", "hello from typescript"),
        present: &["dist/server.js"],
        absent: &["node_modules/typescript"],
        ends: SIGNALLED,
        is_built_once: true,
        ..SAMPLE
    };
    node_workspace: Sample {
        name: ("node", "workspace"),
        runtime: Some("s2i/node-runtime"),
        page: ("/", "hello from the workspace"),
        absent: &["apps/worker"],
        downloads: false,
        saves: false,
        ends: SIGNALLED,
        ..SAMPLE
    };
    node_next: Sample {
        name: ("node", "next"),
        runtime: Some("s2i/node-runtime"),
        page: ("/", "hello from next"),
        present: &["server.js"],
        absent: &["app"],
        is_built_once: true,
        ..SAMPLE
    };
    node_site_without_node: Sample {
        name: ("node", "site"),
        runtime: Some("s2i/go-runtime"),
        artifacts: Some("/opt/app-root/src"),
        page: ("/any/page", "hello from vite"),
        absent: &["package.json"],
        is_built_once: true,
        ..SAMPLE
    };
    node_html: Sample {
        name: ("node", "html"),
        page: ("/", "hello from html"),
        downloads: false,
        saves: false,
        runs: Runs::All,
        ..SAMPLE
    };
    binary_hello: Sample {
        name: ("binary", "hello"),
        page: ("/hello", "world"),
        // It is compiled by the Go of this machine, and older ones end so as the first process.
        ends: &[2, 143],
        downloads: false,
        saves: false,
        runs: Runs::All,
        ..SAMPLE
    };
}
