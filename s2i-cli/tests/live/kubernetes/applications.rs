//! The samples of Go and Node.js: built in the cluster, run with the generated objects, and asked for their page.

use std::{fs, process::Stdio};

use super::{Machine, finish};
use crate::{harness::skip, images::Recipe, kit, process::Stream};

/// An application and the images of this project that it is built with.
struct Application {
    builder: &'static str,
    runtime: &'static str,
    sample: (&'static str, &'static str),
    /// A part of its page.
    page: &'static str,
}

#[test]
fn go_application_is_built_and_answers() {
    Application {
        builder: "s2i/go:latest",
        runtime: "s2i/go-runtime:latest",
        sample: ("go", "web"),
        page: "hello",
    }
    .check();
}

#[test]
fn node_application_is_built_and_answers() {
    Application {
        builder: "s2i/node:latest",
        runtime: "s2i/node-runtime:latest",
        sample: ("node", "plain"),
        page: "hello",
    }
    .check();
}

impl Application {
    fn check(&self) {
        let Some(mut machine) = Machine::ready(&Recipe::builder()) else {
            return;
        };
        for image in [self.builder, self.runtime] {
            if machine.live.engine.image(image).is_none() {
                return skip(&format!("the embedded engine has no {image}"));
            }
        }
        machine.builder = machine.push(self.builder, "builder");
        let runtime = machine.push(self.runtime, "runtime");
        let source = kit::sample(self.sample.0, self.sample.1);
        let app = machine.image("app");
        let options = ["--runtime-image", &runtime];
        let done = finish(&mut machine.build(&source, &options, &app)).succeeds();
        let reference = done.stream(Stream::Stdout)[0].to_owned();
        assert!(reference.contains("@sha256:"), "{reference}");
        let written = finish(&mut machine.s2i(&["kube", "app", &reference, "--name", "app"]));
        let objects = written.succeeds().stream(Stream::Stdout).join("\n");
        machine.apply(&objects);
        machine.kubectl(&["rollout", "status", "deployment/app", "--timeout=60s"]);
        let address = machine.kubectl(&[
            "get",
            "endpointslices",
            "--selector=kubernetes.io/service-name=app",
            "-o",
            "jsonpath={.items[0].endpoints[0].addresses[0]}:{.items[0].ports[0].port}",
        ]);
        let page = machine.live.path("page");
        let mut curl = std::process::Command::new("curl");
        curl.args(["--silent", "--fail", "--max-time", "20", "--output"]);
        curl.arg(&page).arg(format!("http://{address}/"));
        let status = curl.stdin(Stdio::null()).status().unwrap();
        let text = fs::read_to_string(&page).unwrap_or_default();
        assert!(status.success() && text.contains(self.page), "{text}");
    }
}
