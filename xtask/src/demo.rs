//! `cargo xtask demo`: from a fresh clone to a page of an application that is built from source.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use s2i_test_engines::{host, paths, web};

use crate::{
    dist::{self, Arch, Profile},
    engine::{Choice, Otherwise, Target},
    images,
    setup::{check_programs, step},
};

/// The sample application.
const SAMPLE: &str = "builder-images/go/samples/web";

/// The text that its page must contain.
const GREETING: &str = "hello from s2i";

/// The time that the application has until it responds.
const PATIENCE: Duration = Duration::from_secs(20);

/// Arguments of `demo`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Use this engine: `native`, a kind of `cargo xtask engine`, or a URL; by default, an engine that responds,
    /// otherwise the embedded one
    #[arg(long)]
    engine: Option<String>,
}

/// `cargo xtask demo`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let start = Instant::now();
    check_programs()?;
    step(start, "finding a container engine");
    let engine = Choice::make(args.engine.as_deref(), Otherwise::Native)?;
    println!("using {}", engine.target);
    step(
        start,
        "building s2i, its agent and the scripts of the images",
    );
    let s2i = dist::s2i(Arch::host()?, Profile::Release)?;
    step(start, "composing the images s2i/go and s2i/go-runtime");
    images::load(&["go", "go-runtime"], &engine.target, Profile::Release)?;
    let demo = Demo {
        target: &engine.target,
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
    target: &'a Target,
}

impl Demo<'_> {
    /// Builds the image, runs it, requests its page, and removes both.
    fn build_and_ask(&self, tag: &str, more: &[&str]) -> Result<()> {
        let mut build = self.target.s2i(Profile::Release)?;
        build.current_dir(paths::root());
        build.args(["build", "--copy", SAMPLE, "s2i/go", tag]);
        host::run(build.args(more))?;
        let asked = self.run_and_ask(tag);
        let removed = host::run(
            self.target
                .s2i(Profile::Release)?
                .args(["rmi", tag])
                .stdout(Stdio::null()),
        );
        asked?;
        removed
    }

    fn run_and_ask(&self, tag: &str) -> Result<()> {
        let port = free_port()?;
        let mut run = self.target.s2i(Profile::Release)?;
        run.args(["run", "--read-only", "--env"]);
        run.args([format!("PORT={port}"), "--publish".into()]);
        run.args([format!("{port}:{port}"), tag.into()]);
        serve_and_ask(&mut run, &format!("http://127.0.0.1:{port}"), GREETING)
    }
}

/// Returns an unused port. Another program may take it before its use, and then the task fails with an error.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("can't find a free port")?;
    Ok(listener.local_addr()?.port())
}

/// Starts a command whose application serves `address`, requests the page there, which must contain a text, and stops the
/// command.
pub(crate) fn serve_and_ask(run: &mut Command, address: &str, text: &str) -> Result<()> {
    let mut running = run.spawn()?;
    let asked = ask(address, text, &mut running);
    if running.try_wait()?.is_none() {
        // The application receives the signal, and its container ends with it.
        let pid = running.id().to_string();
        host::run(Command::new("kill").arg(pid))?;
        running.wait()?;
    }
    asked
}

fn ask(address: &str, text: &str, running: &mut Child) -> Result<()> {
    let start = Instant::now();
    let page = loop {
        match web::get(address) {
            Ok(page) => break page,
            Err(err) => {
                if let Some(status) = running.try_wait()? {
                    bail!("the application ended before it answered: {status}");
                }
                if start.elapsed() > PATIENCE {
                    return Err(err);
                }
                thread::sleep(Duration::from_millis(20));
            }
        }
    };
    println!(
        "GET {address}/ answers after {:.2} s: {}",
        start.elapsed().as_secs_f64(),
        page.trim()
    );
    if !page.contains(text) {
        bail!("the page does not contain `{text}`");
    }
    Ok(())
}
