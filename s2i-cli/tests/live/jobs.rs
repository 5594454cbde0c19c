//! Jobs in containers of Docker, without any right, beside a registry with a password.

use std::{cell::RefCell, fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use serde_json::json;

use crate::{
    engine::Engine,
    harness::{Live, live, skip},
    images::{Entry, Recipe},
    process::{Done, Running},
    registry::{self, PASSWORD, Registry, USER},
};

/// The client that starts the containers of jobs.
const DOCKER: &str = "/usr/bin/docker";

/// The user of the builder, and one as clusters give them.
pub(crate) const USERS: [&str; 2] = ["1001:0", "1000620000:0"];

/// A builder whose files a random user of group 0 can change.
pub(crate) fn builder() -> Recipe {
    Recipe::builder()
        .with("app/gone", Entry::Text(0o644, "text"))
        .with("app/changed", Entry::Text(0o666, "text"))
        .with("app/unchanged", Entry::Directory(0o775))
}

/// Docker with a builder, and a registry with a password that has it too.
pub(crate) struct Machine {
    pub(crate) live: Live,
    pub(crate) registry: Registry,
    /// The builder in the registry.
    pub(crate) builder: String,
    /// The names in the registry that images of the engine have.
    names: RefCell<Vec<String>>,
}

impl Drop for Machine {
    fn drop(&mut self) {
        for name in self.names.take() {
            let _ = self.live.engine.remove_image(&name);
        }
    }
}

impl Machine {
    pub(crate) fn ready(recipe: &Recipe) -> Option<Self> {
        let live = live()?;
        if live.engine.is_native() || live.engine.is_podman() {
            skip("Docker starts the containers of jobs");
            return None;
        }
        if !Path::new(DOCKER).exists() || !registry::is_installed() {
            return None;
        }
        let dir = live.path("registry");
        fs::create_dir(&dir).unwrap();
        let registry = Registry::with_login(&dir, "");
        let logins = live.path(".docker");
        fs::create_dir(&logins).unwrap();
        let host = format!("127.0.0.1:{}", registry.port);
        let entry = json!({"username": USER, "password": PASSWORD});
        let config = json!({"auths": {&host: entry}}).to_string();
        fs::write(logins.join("config.json"), config).unwrap();
        let local = live.load("here", recipe);
        let builder = format!("{host}/team/builder:1");
        for path in ["", ".docker"] {
            fs::set_permissions(live.path(path), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let machine = Self {
            live,
            registry,
            builder: builder.clone(),
            names: RefCell::default(),
        };
        machine.publish(&local, &builder);
        Some(machine)
    }

    /// Pushes an image of the engine under this name.
    pub(crate) fn publish(&self, local: &str, name: &str) {
        self.names.borrow_mut().push(name.to_owned());
        self.live.s2i(["tag", local, name]).succeeds();
        self.live.s2i(["push", name]).succeeds();
    }

    /// Returns a name in the registry.
    pub(crate) fn image(&self, name: &str) -> String {
        format!("127.0.0.1:{}/team/{name}", self.registry.port)
    }

    /// Returns the command of a job in a container of an image. The programs of this machine that it needs are mounted.
    pub(crate) fn job(&self, user: &str, options: &[&str], image: &str, source: &Path) -> Command {
        let mut docker = Command::new(DOCKER);
        let api = self.live.engine.api().expect("an engine with an API");
        docker.env("DOCKER_HOST", &api.url);
        docker.args(["run", "--rm", "--network", "host", "--user", user]);
        docker.args(["--cap-drop", "ALL", "--security-opt", "no-new-privileges"]);
        let s2i = Path::new(env!("CARGO_BIN_EXE_s2i"));
        docker.arg(format!("--volume={}:/usr/bin/s2i:ro", s2i.display()));
        for library in libraries(s2i) {
            docker.arg(format!("--volume={library}:{library}:ro"));
        }
        docker.arg(format!("--volume={}:/src:ro", source.display()));
        let logins = self.live.path(".docker");
        docker.arg(format!("--volume={}:/logins:ro", logins.display()));
        docker.args(["--env", "DOCKER_CONFIG=/logins", "--env", "CI=true"]);
        docker.args(options).arg(image);
        docker
    }

    /// Builds in a container of the builder, and pushes the result.
    pub(crate) fn build(&self, user: &str, options: &[&str], source: &Path, app: &str) -> Done {
        let mut job = self.job(user, &[], &self.builder, source);
        job.args(["s2i", "build", "--engine", "here", "--copy", "--push"]);
        job.args(options).args(["/src", &self.builder, app]);
        Running::start(&mut job).finish()
    }

    /// Returns the embedded engine with the builder, to compare with.
    pub(crate) fn beside(&self) -> Engine {
        let beside = Engine::beside();
        self.native(&beside, &["pull", &self.builder]).succeeds();
        beside
    }

    pub(crate) fn native(&self, engine: &Engine, args: &[&str]) -> Done {
        let mut command = self.live.command();
        Running::start(command.args(engine.options()).args(args)).finish()
    }
}

/// Returns the files of libraries that a program of this machine needs.
pub(crate) fn libraries(program: &Path) -> Vec<String> {
    let listed = Command::new("ldd").arg(program).output().unwrap();
    let text = String::from_utf8(listed.stdout).unwrap();
    let words = text.split_whitespace().filter(|word| word.starts_with('/'));
    words.map(str::to_owned).collect()
}

pub(crate) fn layer_ids(engine: &Engine, image: &str) -> Vec<String> {
    let found = engine.image(image).expect("the image");
    found.root_fs.unwrap().layers.unwrap()
}
