//! `cargo xtask demo`: from a fresh clone to a page of an application that was built from source.

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::{
    dist::{self, Arch},
    engine::{Choice, http},
    host, images, paths,
    setup::{check_programs, step},
};

/// The application that is built.
const SAMPLE: &str = "builder-images/go/samples/web";

/// What its page must say.
const GREETING: &str = "hello from s2i";

/// How long the application may take until it answers.
const PATIENCE: Duration = Duration::from_secs(20);

/// Arguments of `demo`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The engine: a kind of `cargo xtask engine`, or a URL; without it, one that answers, else one
    /// that is started for the demo
    #[arg(long)]
    engine: Option<String>,
}

/// `cargo xtask demo`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let start = Instant::now();
    check_programs()?;
    step(start, "finding a container engine");
    let engine = Choice::make(args.engine.as_deref())?;
    println!("using {}", engine.url);
    step(
        start,
        "building s2i, its agent and the scripts of the images",
    );
    let s2i = dist::s2i(Arch::host()?)?;
    step(start, "composing the images s2i/go and s2i/go-runtime");
    images::load(&["go", "go-runtime"], &engine.url)?;
    let demo = Demo {
        s2i: &s2i,
        url: &engine.url,
    };
    step(
        start,
        "building the sample application, builder image included",
    );
    demo.build_and_ask("s2i-demo/web", &[])?;
    step(start, "building it again, into the slim runtime image");
    demo.build_and_ask("s2i-demo/web-slim", &["--runtime-image", "s2i/go-runtime"])?;
    step(
        start,
        "done; the images of the application are removed, s2i/go and s2i/go-runtime stay",
    );
    println!(
        "build your own: {} build DIRECTORY s2i/go NAME --runtime-image s2i/go-runtime",
        s2i.display()
    );
    Ok(())
}

struct Demo<'a> {
    s2i: &'a std::path::Path,
    url: &'a str,
}

impl Demo<'_> {
    /// Builds the image, runs it, fetches its page, and removes both.
    fn build_and_ask(&self, tag: &str, more: &[&str]) -> Result<()> {
        let mut command = Command::new(self.s2i);
        command
            .current_dir(paths::root())
            .args(["--url", self.url, "build", "--copy", SAMPLE, "s2i/go", tag]);
        host::run(command.args(more))?;
        let asked = self.run_and_ask(tag);
        let removed = http::request(self.url, "DELETE", &format!("/images/{tag}?force=true"));
        asked?;
        removed.map(drop)
    }

    fn run_and_ask(&self, tag: &str) -> Result<()> {
        let body = json!({
            "Image": tag,
            "ExposedPorts": {"8080/tcp": {}},
            "HostConfig": {
                "AutoRemove": true,
                "ReadonlyRootfs": true,
                "PortBindings": {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]},
            },
        });
        let created = http::post(self.url, "/containers/create", &body)?;
        let id = created["Id"]
            .as_str()
            .context("the engine gave no container id")?
            .to_owned();
        let asked = self.start_and_ask(&id);
        let removed = http::request(
            self.url,
            "DELETE",
            &format!("/containers/{id}?force=true&v=true"),
        );
        asked?;
        removed.map(drop)
    }

    fn start_and_ask(&self, id: &str) -> Result<()> {
        http::request(self.url, "POST", &format!("/containers/{id}/start"))?;
        let container = http::get(self.url, &format!("/containers/{id}/json"))?;
        let port = published_port(&container)?;
        let address = format!("http://127.0.0.1:{port}");
        let start = Instant::now();
        let page = loop {
            match http::request(&address, "GET", "/") {
                Ok(page) => break page,
                Err(_) if start.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(20)),
                Err(err) => return Err(err),
            }
        };
        println!(
            "GET {address}/ answers after {:.2} s: {}",
            start.elapsed().as_secs_f64(),
            page.trim()
        );
        if !page.contains(GREETING) {
            bail!("the page does not say `{GREETING}`");
        }
        Ok(())
    }
}

fn published_port(container: &Value) -> Result<&str> {
    let ports = &container["NetworkSettings"]["Ports"]["8080/tcp"];
    ports[0]["HostPort"]
        .as_str()
        .context("the engine published no port")
}
