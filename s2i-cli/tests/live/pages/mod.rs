//! The pages of `docs/`: their readers' files are written, their commands are typed one after another,
//! and what a page shows is what must come.
//!
//! The last section of `docs/README.md` says how a page has to be written for that.

mod text;

use std::{
    cell::RefCell,
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    net::TcpListener,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::{Pid, Signal, kill_process_group};

use self::text::{Command as Typed, Part};
use crate::{
    harness::{Live, has_network, is_thorough, skip},
    kit,
    process::{Done, Running},
    registry::{self, PASSWORD, Registry, USER},
};

/// How the names of images on pages start.
const OWN: &str = "my-";

/// The registry of pages.
const REGISTRY: &str = "localhost:5000";

/// The port of applications on pages.
const PORT: &str = "8080";

/// What comes before the number of a command that ended, and its status.
const ENDED: &str = "@@ ended";

/// A page, and what it needs.
struct Page {
    name: &'static str,
    images: &'static [&'static str],
    registry: Needs,
    /// True if every run reads it. The others are read in thorough runs alone, because they take long.
    is_usual: bool,
}

/// Which registry a page needs.
#[derive(PartialEq)]
enum Needs {
    Nothing,
    Open,
    Login,
}

const PAGES: [Page; 5] = [
    Page {
        name: "own-builder.md",
        images: &["s2i/go"],
        registry: Needs::Open,
        is_usual: false,
    },
    Page {
        name: "tiny-go-images.md",
        images: &["s2i/go", "s2i/go-runtime", "s2i/binary", "s2i/scratch"],
        registry: Needs::Nothing,
        is_usual: false,
    },
    Page {
        name: "node.md",
        images: &["s2i/node", "s2i/node-runtime"],
        registry: Needs::Nothing,
        is_usual: true,
    },
    Page {
        name: "incremental-and-binaries.md",
        images: &["s2i/go", "s2i/go-runtime", "s2i/binary"],
        registry: Needs::Nothing,
        is_usual: false,
    },
    Page {
        name: "ci.md",
        images: &["s2i/go", "s2i/go:ci", "s2i/scratch"],
        registry: Needs::Login,
        is_usual: false,
    },
];

#[test]
fn own_builder() {
    PAGES[0].check();
}

#[test]
fn tiny_go_images() {
    PAGES[1].check();
}

#[test]
fn node() {
    PAGES[2].check();
}

#[test]
fn incremental_and_binaries() {
    PAGES[3].check();
}

#[test]
fn ci() {
    PAGES[4].check();
}

#[test]
fn every_page_has_a_test_and_a_link_to_it() {
    let index = fs::read_to_string(docs("README.md")).unwrap();
    let mut names: Vec<_> = fs::read_dir(docs(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| Path::new(name).extension() == Some("md".as_ref()) && name != "README.md")
        .collect();
    for name in &names {
        assert!(index.contains(&format!("]({name})")), "no link to {name}");
    }
    // The others have nothing that a reader would do.
    names.retain(|name| !text::parts(&fs::read_to_string(docs(name)).unwrap()).is_empty());
    names.sort();
    let mut tested = PAGES.map(|page| page.name);
    tested.sort_unstable();
    assert_eq!(names, tested);
}

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(name)
}

impl Page {
    fn check(&self) {
        if !self.is_usual && !is_thorough() {
            return;
        }
        let Some(live) = kit::with(self.images) else {
            return;
        };
        if !has_network() {
            return skip("containers of this engine have no network");
        }
        if self.registry != Needs::Nothing {
            if live.engine.is_podman() {
                return skip(
                    "Podman wants a certificate of every registry that it was not told of",
                );
            }
            if !registry::is_installed() {
                return;
            }
        }
        let directory = tempfile::tempdir().unwrap();
        let registry = match self.registry {
            Needs::Nothing => None,
            Needs::Open => Some(Registry::open(directory.path())),
            Needs::Login => Some(Registry::with_login(directory.path(), "")),
        };
        let page = fs::read_to_string(docs(self.name)).unwrap();
        let page = substitute(&page, &live, registry.as_ref());
        Reader::new(&live, &page).read(&page);
    }
}

/// The page with names and ports that nobody else has.
fn substitute(page: &str, live: &Live, registry: Option<&Registry>) -> String {
    for name in text::names(page, OWN) {
        live.image(&name[OWN.len()..]);
    }
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    let own = live.image("x");
    let own = own.strip_suffix('x').expect("what was asked for");
    let page = page.replace(OWN, own).replace(PORT, &port);
    match registry {
        Some(registry) => page.replace(REGISTRY, &format!("localhost:{}", registry.port)),
        None => page,
    }
}

/// Whoever reads a page and does what it says. What is left of that goes away with the reader.
struct Reader<'a> {
    live: &'a Live,
    /// The names of images that the page makes.
    names: BTreeSet<String>,
    /// The ids that they had.
    seen: RefCell<BTreeSet<String>>,
    /// The programs that the page would need and that are not there.
    missed: RefCell<BTreeSet<String>>,
}

impl<'a> Reader<'a> {
    fn new(live: &'a Live, page: &str) -> Self {
        let own = live.image("x");
        let starts = [own.trim_end_matches('x'), "localhost:"];
        let names = starts
            .iter()
            .flat_map(|start| text::names(page, start))
            .filter(|name| name.starts_with("s2i-test/") || name.contains('/'));
        Self {
            live,
            names: names.map(str::to_owned).collect(),
            seen: RefCell::default(),
            missed: RefCell::default(),
        }
    }

    fn read(&self, page: &str) {
        let parts = text::parts(page);
        let (script, typed) = self.script(&parts);
        let running = self.start(&script);
        for number in 0..typed.len() {
            running.wait_for(&format!("{ENDED} {number} 0"));
            self.look();
        }
        let done = running.finish().succeeds();
        // containerd counts a layer twice: as it came, and unpacked.
        let has_sizes = !self.live.engine.has_containerd_store();
        let is_size = |line: &str| line.starts_with("size ") || line.ends_with("…MB");
        check(&done, &typed, |line| has_sizes || !is_size(line));
    }

    /// The script that does what the parts say, and the commands that are typed.
    fn script<'p>(&self, parts: &'p [Part<'p>]) -> (String, Vec<&'p Typed<'p>>) {
        let files = self.live.path("files");
        fs::create_dir_all(&files).unwrap();
        let mut script = "exec 2>&1\nset -o pipefail\necho $$ >../reader\n\
                          trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n"
            .to_owned();
        let mut typed = Vec::new();
        for (number, part) in parts.iter().enumerate() {
            match part {
                Part::File { path, text } => {
                    let file = files.join(number.to_string());
                    fs::write(&file, text).unwrap();
                    let mode = if text.starts_with("#!") { 755 } else { 644 };
                    let from = file.display();
                    let _ = writeln!(script, "install -D -m {mode} {from} '{path}' || exit");
                }
                Part::Command(command) if self.can(command) => {
                    let number = typed.len();
                    let text = &command.text;
                    let _ = write!(
                        script,
                        "{text}\nstatus=$?; echo; echo {ENDED} {number} $status\n\
                         [ $status = 0 ] || exit\n"
                    );
                    typed.push(command);
                }
                Part::Command(_) => {}
            }
        }
        (script, typed)
    }

    /// Whether there is what the command needs. Docker's client is of use with Docker alone.
    fn can(&self, command: &Typed<'_>) -> bool {
        let Some(program) = command.needs else {
            return true;
        };
        if program == "docker" && (self.live.engine.is_native() || self.live.engine.is_podman()) {
            return false;
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path).any(|dir| dir.join(program).exists());
        if !found && self.missed.borrow_mut().insert(program.to_owned()) {
            skip(&format!("without `{program}`, a part of the page"));
        }
        found
    }

    /// Starts a shell in an empty directory, where `s2i` is the one under test.
    fn start(&self, script: &str) -> Running {
        let (page, programs) = (self.live.path("page"), self.live.path("programs"));
        for dir in [&page, &programs] {
            fs::create_dir(dir).unwrap();
        }
        self.wrap(&programs);
        let file = self.live.path("script");
        fs::write(&file, script).unwrap();
        let engine = self.live.command();
        let mut bash = Command::new("bash");
        bash.arg(file).current_dir(page).env_clear();
        bash.envs(
            engine
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([programs].into_iter().chain(std::env::split_paths(&path)));
        bash.env("PATH", path.unwrap());
        if let Some(file) = Some(kit::CERTIFICATES).filter(|file| Path::new(file).exists()) {
            bash.env("S2I_TRUST_CA", file);
        }
        if let Some(api) = self.live.engine.api() {
            bash.env("DOCKER_HOST", &api.url);
        }
        bash.env("CI_REGISTRY_USER", USER);
        bash.env("CI_REGISTRY_PASSWORD", PASSWORD);
        // What it leaves in the background is ended with it.
        Running::start(bash.process_group(0))
    }

    /// Writes the programs that come first: `s2i` with the options of the engine, and Debian's `docker`,
    /// which speaks both ways of building.
    fn wrap(&self, dir: &Path) {
        let s2i = self.live.engine.s2i();
        let options = self.live.engine.options();
        let words = std::iter::once(s2i.get_program())
            .chain(s2i.get_args())
            .chain(options.iter().map(AsRef::as_ref));
        let words: Vec<_> = words
            .map(|word| format!("'{}'", word.to_str().unwrap()))
            .collect();
        // Builds ask servers as this machine does, which is less likely to fail than an engine's own way.
        let text = format!(
            "#!/bin/sh\n\
             if [ \"$1\" = build ]; then shift; set -- build --network host \"$@\"; fi\n\
             exec {} \"$@\"\n",
            words.join(" ")
        );
        let wrapper = dir.join("s2i");
        fs::write(&wrapper, text).unwrap();
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
        let debians = Path::new("/usr/bin/docker");
        if debians.exists() {
            std::os::unix::fs::symlink(debians, dir.join("docker")).unwrap();
        }
    }

    /// Remembers which images there are.
    fn look(&self) {
        let ids = self
            .names
            .iter()
            .filter_map(|name| self.live.engine.image(name)?.id);
        self.seen.borrow_mut().extend(ids);
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let group = fs::read_to_string(self.live.path("reader")).unwrap_or_default();
        let group = group.trim().parse().ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            // After the end there is none.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let engine = &self.live.engine;
        let id = |name: &String| engine.image(name)?.id;
        let named: BTreeSet<_> = self.names.iter().filter_map(id).collect();
        // An image that lost its name to another one would stay.
        let replaced = self.seen.take();
        let replaced = replaced.difference(&named);
        let problems: Vec<_> = replaced
            .chain(&self.names)
            .filter_map(|image| engine.remove_image(image).err())
            .collect();
        if !std::thread::panicking() {
            assert!(problems.is_empty(), "{problems:?}");
        }
    }
}

/// What each command says must be what the page shows, of the lines that count.
fn check(done: &Done, typed: &[&Typed<'_>], counts: impl Fn(&str) -> bool) {
    let lines: Vec<_> = done.lines.iter().map(|line| line.text.as_str()).collect();
    let said = lines.split(|line| line.starts_with(ENDED));
    for (command, said) in typed.iter().zip(said) {
        let shown = command.output.iter().copied();
        let shown: Vec<_> = shown.filter(|line| counts(line)).collect();
        let missing = text::missing(&shown, said);
        assert_eq!(
            missing,
            None,
            "`{}` does not say it:\n  {}",
            command.text,
            said.join("\n  ")
        );
    }
}
