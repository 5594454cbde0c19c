//! Pushes to a registry on loopback and pulls from it, beside `skopeo` and `crane` with the same image.
//!
//! Each side starts from a result whose layer is not compressed: s2i from its store, the others from the archive of it.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use s2i_test_engines::host;

use super::{Row, Turn, image, ours, settle::settle, source, take_turns, watched};
use crate::{dist::Profile, engine::Target};

/// The kinds of transfers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    /// A push to an empty registry of an image that was never pushed.
    First,
    /// A push of the same image to the same registry.
    Second,
    Pull,
}

/// The rows of the report.
const ROWS: [(&str, Work); 3] = [
    ("push: first, 20,000 files, 425 MB", Work::First),
    ("push: second", Work::Second),
    ("pull", Work::Pull),
];

/// The time that a registry may take to start.
const START: Duration = Duration::from_secs(20);

/// One of the compared programs.
enum Side<'a> {
    Ours(&'a Target),
    Skopeo(PathBuf),
    Crane(PathBuf),
}

impl Side<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Ours(_) => OURS,
            Self::Skopeo(_) => OTHERS[0],
            Self::Crane(_) => OTHERS[1],
        }
    }
}

/// The name of our side.
const OURS: &str = "native";

/// The names of the sides that are not ours.
pub(crate) const OTHERS: [&str; 2] = ["skopeo", "crane"];

/// Measures the rows with this text in their name.
pub(crate) fn measure(row: &str, runs: usize, native: &Target, dir: &Path) -> Result<Vec<Row>> {
    let rows: Vec<_> = ROWS.iter().filter(|(name, _)| name.contains(row)).collect();
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let sides = [
        Side::Ours(native),
        Side::Skopeo(skopeo()?),
        Side::Crane(crane()?),
    ];
    let tree = source::make(dir, &source::LARGE)?;
    ours::build(native, None, image::NAME, &[], &tree)?;
    let scene = Scene {
        native,
        archive: dir.join("push.tar"),
        data: dir.join("registry"),
        pulled: dir.join("pulled"),
        tree,
    };
    let mut export = native.s2i(Profile::Release)?;
    export.args(["export", "-o"]).arg(&scene.archive);
    host::run(export.arg(ours::TAGS[0]))?;
    let measured = rows
        .iter()
        .map(|(name, work)| scene.row(name, *work, &sides, runs));
    let measured = measured.collect();
    let _ = fs::remove_file(&scene.archive);
    let _ = fs::remove_dir_all(&scene.pulled);
    let _ = fs::remove_file(&scene.pulled);
    measured
}

fn skopeo() -> Result<PathBuf> {
    host::require("skopeo", "apt-get install skopeo")
}

fn crane() -> Result<PathBuf> {
    let installed = || {
        let path = host::output(Command::new("go").args(["env", "GOPATH"])).ok()?;
        let program = Path::new(path.trim()).join("bin/crane");
        program.is_file().then_some(program)
    };
    host::find("crane").or_else(installed).context(
        "no `crane` is on this machine; install it with: go install github.com/google/go-containerregistry/cmd/crane@latest",
    )
}

/// The inputs of all rows.
struct Scene<'a> {
    native: &'a Target,
    /// The image as an archive of `docker save`.
    archive: PathBuf,
    /// The data of the registry.
    data: PathBuf,
    /// The place for what the others pull.
    pulled: PathBuf,
    tree: PathBuf,
}

impl Scene<'_> {
    fn row(&self, name: &'static str, work: Work, sides: &[Side<'_>], runs: usize) -> Result<Row> {
        let shared = match work {
            Work::First => None,
            Work::Second | Work::Pull => {
                let registry = Registry::start(&self.data)?;
                for side in sides {
                    watched::measure(&mut self.push(side, &registry)?)?;
                }
                Some(registry)
            }
        };
        let row = take_turns(name, sides, runs, Side::name, |side| {
            let registry = match &shared {
                Some(registry) => registry,
                None => &Registry::start(&self.data)?,
            };
            let turn = self.turn(work, side, registry);
            if shared.is_none() {
                self.remove_result(registry)?;
            }
            turn
        });
        if let Some(registry) = &shared {
            self.remove_result(registry)?;
        }
        row
    }

    fn turn(&self, work: Work, side: &Side<'_>, registry: &Registry) -> Result<Turn> {
        if work != Work::Second {
            // Nothing is known about the layer from an earlier push, and nothing is left of an earlier pull.
            self.remove_result(registry)?;
            host::captured(self.native.s2i(Profile::Release)?.arg("prune"))?;
            let _ = fs::remove_dir_all(&self.pulled);
            let _ = fs::remove_file(&self.pulled);
        }
        let mut command = match work {
            Work::First | Work::Second => self.push(side, registry)?,
            Work::Pull => self.pull(side, registry)?,
        };
        settle(&self.tree)?;
        watched::measure(&mut command)
    }

    /// Removes the name that the image has for this registry.
    fn remove_result(&self, registry: &Registry) -> Result<()> {
        self.native.remove_images(&[&registry.name(OURS)])
    }

    fn push(&self, side: &Side<'_>, registry: &Registry) -> Result<Command> {
        let name = registry.name(side.name());
        Ok(match side {
            Side::Ours(target) => {
                let mut tag = target.s2i(Profile::Release)?;
                host::captured(tag.args(["tag", ours::TAGS[0], &name]))?;
                let mut command = target.s2i(Profile::Release)?;
                command.args(["push", &name]);
                command
            }
            Side::Skopeo(program) => {
                let mut command = Command::new(program);
                let archive = format!("docker-archive:{}", self.archive.display());
                command.args(["--insecure-policy", "copy", "--dest-tls-verify=false"]);
                command.args([archive, format!("docker://{name}")]);
                command
            }
            Side::Crane(program) => {
                let mut command = Command::new(program);
                command.arg("push").arg(&self.archive).arg(name);
                command
            }
        })
    }

    fn pull(&self, side: &Side<'_>, registry: &Registry) -> Result<Command> {
        let name = registry.name(side.name());
        Ok(match side {
            Side::Ours(target) => {
                let mut command = target.s2i(Profile::Release)?;
                command.args(["pull", &name]);
                command
            }
            Side::Skopeo(program) => {
                let mut command = Command::new(program);
                let to = format!("dir:{}", self.pulled.display());
                command.args(["--insecure-policy", "copy", "--src-tls-verify=false"]);
                command.args([format!("docker://{name}"), to]);
                command
            }
            Side::Crane(program) => {
                let mut command = Command::new(program);
                command.args(["pull", &name]).arg(&self.pulled);
                command
            }
        })
    }
}

/// A registry with empty storage, until it is dropped.
struct Registry {
    port: u16,
    child: Child,
    data: PathBuf,
}

impl Registry {
    fn start(data: &Path) -> Result<Self> {
        let program = host::require("docker-registry", "apt-get install docker-registry")?;
        let _ = fs::remove_dir_all(data);
        fs::create_dir_all(data).with_context(|| format!("can't make {}", data.display()))?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let settings = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:{port}\n",
            data.join("data").display(),
        );
        let file = data.join("config.yml");
        fs::write(&file, settings).with_context(|| format!("can't write {}", file.display()))?;
        let mut command = Command::new(program);
        command.arg("serve").arg(file);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let registry = Self {
            port,
            child: child.with_context(|| format!("can't start {command:?}"))?,
            data: data.into(),
        };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if start.elapsed() > START {
                bail!("{command:?} does not listen on port {port}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(registry)
    }

    /// The name of the image of a side.
    fn name(&self, side: &str) -> String {
        format!("127.0.0.1:{}/bench/{side}:latest", self.port)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.data);
    }
}
