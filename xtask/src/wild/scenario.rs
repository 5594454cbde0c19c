//! The builds with an image, and the answers of their applications.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use s2i_test_engines::host;

use super::definition::{Definition, folder};
use crate::{bench::buildkit, demo, engine::Target};

/// The text in the sample, and that of the second build.
const ANSWERS: [&str; 2] = ["answer 1", "answer 2"];

/// A user that no image has.
const BUILD_USER: &str = "1234";

/// A user as platforms assign them.
const RUN_USER: &str = "1000650000";

/// The port of all applications.
const PORT: u16 = 8080;

/// A way to build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scenario {
    /// A first build.
    Clean,
    /// A build of a changed source after that, with its artifacts. A user as platforms assign them runs it.
    Incremental,
    /// `assemble` and `run` as a user that the image does not have.
    OtherUser,
    /// A Dockerfile that BuildKit or buildah builds.
    Dockerfile,
}

impl Scenario {
    /// All, in the order in which they run.
    pub(super) const ALL: [Self; 4] = [
        Self::Clean,
        Self::Incremental,
        Self::OtherUser,
        Self::Dockerfile,
    ];

    /// Returns the name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Incremental => "incremental",
            Self::OtherUser => "another user",
            Self::Dockerfile => "Dockerfile",
        }
    }
}

/// The builds with one image on one engine.
pub(super) struct Builds<'a> {
    /// The command `s2i`.
    pub(super) s2i: &'a Path,
    pub(super) target: &'a Target,
    pub(super) name: &'a str,
    pub(super) image: &'a Definition,
    /// The name of the image, and of its archive.
    pub(super) builder: (&'a str, &'a Path),
    /// A directory for the source and logs.
    pub(super) work: PathBuf,
}

impl Builds<'_> {
    /// Loads the builder into the engine, and copies the sample.
    pub(super) fn prepare(&self) -> Result<()> {
        host::run(self.s2i("load").arg("-i").arg(self.builder.1))?;
        fs::create_dir_all(&self.work)?;
        let sample = folder(self.name).join("source");
        host::run(Command::new("cp").arg("-rT").args([sample, self.source()]))
    }

    /// Builds and asks the application. Returns the time of the build.
    pub(super) fn run(&self, scenario: Scenario) -> Result<Duration> {
        let start = Instant::now();
        let (options, user, answer): (Vec<String>, _, _) = match scenario {
            Scenario::Clean => (vec![], None, ANSWERS[0]),
            Scenario::Incremental => {
                let page = self.source().join(&self.image.page);
                let text = fs::read_to_string(&page)?;
                fs::write(page, text.replace(ANSWERS[0], ANSWERS[1]))?;
                let again = self.image.again.iter();
                let again = again.flat_map(|variable| ["--env".to_owned(), variable.clone()]);
                let options = again.chain(["--incremental".to_owned()]).collect();
                (options, Some(RUN_USER), ANSWERS[1])
            }
            Scenario::OtherUser => {
                let options = ["--assemble-user", BUILD_USER].map(str::to_owned);
                (options.into(), Some(BUILD_USER), ANSWERS[1])
            }
            Scenario::Dockerfile => {
                self.build_dockerfile()?;
                let time = start.elapsed();
                self.ask(scenario, None, ANSWERS[1])?;
                return Ok(time);
            }
        };
        let mut build = self.s2i("build");
        build.arg(self.source()).args([self.builder.0, &self.app()]);
        self.logged(scenario, build.arg("--copy").args(options))?;
        let time = start.elapsed();
        if let (Scenario::Incremental, Some(text)) = (scenario, &self.image.restores) {
            let log = fs::read_to_string(self.log(scenario))?;
            ensure!(log.contains(text), "the log has no `{text}`");
        }
        self.ask(scenario, user, answer)?;
        Ok(time)
    }

    /// Returns the log of a build.
    pub(super) fn log(&self, scenario: Scenario) -> PathBuf {
        self.work.join(format!("{}.log", scenario.name()))
    }

    /// Removes the application and the builder from the engine.
    pub(super) fn clean(&self) {
        for image in [&self.app(), self.builder.0] {
            // A build that failed has left none.
            let _ = self.s2i("rmi").arg(image).output();
        }
    }

    fn app(&self) -> String {
        format!("{}-app", self.builder.0)
    }

    fn source(&self) -> PathBuf {
        self.work.join("source")
    }

    fn s2i(&self, command: &str) -> Command {
        let mut s2i = Command::new(self.s2i);
        s2i.arg(command).args(self.target.options());
        s2i
    }

    /// Runs a command with its output at the end of a log.
    fn logged(&self, scenario: Scenario, command: &mut Command) -> Result<()> {
        let mut log = File::options();
        let log = log.create(true).append(true).open(self.log(scenario))?;
        host::run(command.stdout(log.try_clone()?).stderr(log))
    }

    /// Runs the application and requests its page.
    fn ask(&self, scenario: Scenario, user: Option<&str>, answer: &str) -> Result<()> {
        let port = self.port()?;
        let log = File::options().append(true).open(self.log(scenario))?;
        let mut run = self.s2i("run");
        run.args(["--publish", &format!("{port}:{PORT}")]);
        run.args(user.into_iter().flat_map(|user| ["--user", user]));
        run.arg(self.app()).stdout(log.try_clone()?).stderr(log);
        demo::serve_and_ask(&mut run, &format!("http://127.0.0.1:{port}"), answer)
    }

    /// Returns a free port, which is that of the application on the embedded engine.
    fn port(&self) -> Result<u16> {
        if self.target.url().is_some() {
            return demo::free_port();
        }
        let free = TcpListener::bind(("127.0.0.1", PORT));
        free.context("the application needs the port 8080 of this machine")?;
        Ok(PORT)
    }

    fn build_dockerfile(&self) -> Result<()> {
        let scenario = Scenario::Dockerfile;
        let context = self.work.join("context");
        let mut write = self.s2i("build");
        write.arg(self.source()).args([self.builder.0, "--copy"]);
        // No registry has the labels of this image.
        write.args(["--pull-policy", "never", "--image-scripts-url"]);
        write.args([
            self.image.scripts_url(),
            "--assemble-user",
            &self.image.user,
        ]);
        let file = context.join("Dockerfile");
        self.logged(scenario, write.arg("--as-dockerfile").arg(file))?;
        let Some(url) = self.target.url() else {
            return self.build_with_buildah(&context);
        };
        let mut build = Command::new(buildkit::client()?);
        build.env("DOCKER_BUILDKIT", "1");
        build.args(["--host", url, "build", "--tag", &self.app()]);
        self.logged(scenario, build.arg(context))
    }

    /// Builds without an engine, and loads the result.
    fn build_with_buildah(&self, context: &Path) -> Result<()> {
        let buildah = host::require("buildah", "apt-get install buildah")?;
        let storage = self.work.join("containers");
        let buildah = || {
            let mut buildah = Command::new(&buildah);
            buildah.arg("--root").arg(&storage);
            buildah.arg("--runroot").arg(storage.join("run"));
            buildah
        };
        let scenario = Scenario::Dockerfile;
        let builder = format!("docker-archive:{}", self.builder.1.display());
        let app = format!("docker.io/{}", self.app());
        let archive = self.work.join("app.tar");
        let to = format!("docker-archive:{}", archive.display());
        let build = ["build", "--isolation", "chroot", "--pull=never", "--tag"];
        self.logged(scenario, buildah().args(["pull", "--quiet", &builder]))?;
        self.logged(scenario, buildah().args(build).arg(&app).arg(context))?;
        self.logged(scenario, buildah().args(["push", "--quiet", &app, &to]))?;
        self.logged(scenario, buildah().args(["rmi", "--all", "--force"]))?;
        let loaded = self.logged(scenario, self.s2i("load").arg("-i").arg(&archive));
        fs::remove_file(&archive).context("can't remove the archive of buildah")?;
        loaded
    }
}
