//! What every live test works with: a name of its own, a private temp directory, `s2i` as a process,
//! and the check that nothing is left.

use std::{
    cell::{OnceCell, RefCell},
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant, SystemTime},
};

use bollard::models::ImageConfig;
use tempfile::TempDir;

use crate::{
    engine::{Engine, GOING, VARIABLE},
    images::Recipe,
    process::{Done, Running},
    report,
};

pub(crate) use crate::report::skip;

/// The modification time of the files of sources, in seconds since 1970.
pub(crate) const SOURCE_TIME: u64 = 1_600_000_000;

/// One live test.
pub(crate) struct Live {
    pub(crate) engine: Engine,
    /// A part of names that is unique to this test, also among processes.
    unique: String,
    dir: TempDir,
    images: RefCell<Vec<String>>,
    builder: OnceCell<String>,
    test: String,
    start: Instant,
}

/// Starts a live test. Without an engine, the test is skipped, or fails if live tests are required.
pub(crate) fn live() -> Option<Live> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let Some(engine) = Engine::from_env() else {
        skip(&format!("{VARIABLE} names no engine"));
        let required = std::env::var_os("S2I_TEST_REQUIRE_LIVE").is_some();
        assert!(
            !required,
            "live tests are required, and {VARIABLE} names no engine"
        );
        return None;
    };
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let dir = tempfile::Builder::new().prefix("live-").tempdir().unwrap();
    fs::create_dir(dir.path().join("tmp")).unwrap();
    Some(Live {
        engine,
        unique: format!("{}-{number}", std::process::id()),
        dir,
        images: RefCell::default(),
        builder: OnceCell::new(),
        test: report::test_name(),
        start: Instant::now(),
    })
}

/// Starts a test whose embedded engine has a store of its own.
pub(crate) fn live_alone() -> Option<Live> {
    let mut live = live()?;
    live.engine.part();
    Some(live)
}

/// Returns whether the run includes tests that take long. Otherwise the test is reported as skipped.
pub(crate) fn is_thorough() -> bool {
    let is_thorough = std::env::var_os("S2I_TEST_THOROUGH").is_some();
    if !is_thorough {
        skip("`cargo xtask test --thorough` runs it");
    }
    is_thorough
}

/// Starts a test of the embedded engine. With another engine, it is skipped for this reason.
pub(crate) fn live_native(reason: &str) -> Option<Live> {
    let live = live()?;
    if live.engine.is_native() {
        return Some(live);
    }
    skip(reason);
    None
}

/// Starts a test of the embedded engine with a store of its own.
pub(crate) fn live_native_alone(reason: &str) -> Option<Live> {
    let mut live = live_native(reason)?;
    live.engine.part();
    Some(live)
}

/// Returns whether containers of the engine have a network.
pub(crate) fn has_network() -> bool {
    std::env::var_os("S2I_TEST_NETWORK").is_some()
}

impl Live {
    /// Returns the name of an image of this test, which is removed at its end.
    pub(crate) fn image(&self, what: &str) -> String {
        let name = format!("s2i-test/{}-{what}", self.unique);
        if !self.images.borrow().contains(&name) {
            self.images.borrow_mut().push(name.clone());
        }
        name
    }

    /// The same without a `/` in the name.
    pub(crate) fn image_without_path(&self, what: &str) -> String {
        let name = format!("s2i-test-{}-{what}", self.unique);
        self.images.borrow_mut().push(name.clone());
        name
    }

    /// Puts an image into the engine with `s2i load`.
    pub(crate) fn load(&self, what: &str, recipe: &Recipe) -> String {
        let name = self.image(what);
        // An image that loses its name to another one would stay.
        self.engine.remove_image(&name).unwrap();
        let dir = self.path(&format!("image-{what}"));
        fs::create_dir(&dir).unwrap();
        let archive = recipe.write(&name, &dir);
        self.s2i(["load".as_ref(), "-i".as_ref(), archive.as_os_str()])
            .succeeds();
        fs::remove_dir_all(dir).unwrap();
        name
    }

    /// The config of an image of this test.
    pub(crate) fn config(&self, what: &str) -> ImageConfig {
        let image = self.engine.image(&self.image(what)).expect("the image");
        image.config.expect("a config")
    }

    /// The usual builder.
    pub(crate) fn builder(&self) -> &str {
        self.builder
            .get_or_init(|| self.load("builder", &Recipe::builder()))
    }

    /// Returns whether containers of the engine have this user. Those of an ordinary user have few.
    pub(crate) fn has_user(&self, number: u64) -> bool {
        let source = self.instructions("show-file /proc/self/uid_map");
        let done = self.build(&[], source).succeeds();
        let ranges = done.lines.iter().filter_map(|line| {
            let fields = line.text.split_whitespace().map(str::parse::<u64>);
            match &fields.collect::<Result<Vec<_>, _>>().ok()?[..] {
                [first, _, count] => Some(*first..first + count),
                _ => None,
            }
        });
        let ranges: Vec<_> = ranges.collect();
        assert!(!ranges.is_empty(), "no map of users");
        ranges.iter().any(|range| range.contains(&number))
    }

    /// A path in the directory of this test.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Makes a directory with these files.
    pub(crate) fn source(&self, files: &[(&str, &str)]) -> PathBuf {
        let root = self.path("source");
        for (name, text) in files {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            set_time(&path, SOURCE_TIME);
        }
        root
    }

    /// Makes a source whose `assemble` does this.
    pub(crate) fn instructions(&self, lines: &str) -> PathBuf {
        self.source(&[("instructions", lines)])
    }

    /// Builds `source` with the usual builder to the image `app`.
    pub(crate) fn build(&self, options: &[&str], source: impl AsRef<OsStr>) -> Done {
        self.start_build(options, source).finish()
    }

    /// The same with another builder.
    pub(crate) fn build_with(
        &self,
        builder: &str,
        options: &[&str],
        source: impl AsRef<OsStr>,
    ) -> Done {
        self.spawn(self.build_args(builder, options, source.as_ref()))
            .finish()
    }

    /// Starts a build with the usual builder.
    pub(crate) fn start_build(&self, options: &[&str], source: impl AsRef<OsStr>) -> Running {
        self.spawn(self.build_args(self.builder(), options, source.as_ref()))
    }

    /// The arguments of a build to the image `app`. Where containers have no network, they are asked
    /// for none.
    pub(crate) fn build_args(
        &self,
        builder: &str,
        options: &[&str],
        source: &OsStr,
    ) -> Vec<OsString> {
        // An image that loses its name to another one would stay.
        self.engine.remove_image(&self.image("app")).unwrap();
        let mut args: Vec<OsString> = vec!["build".into()];
        args.extend(options.iter().map(Into::into));
        if !has_network() && !options.contains(&"--network") {
            args.extend(["--network".into(), "none".into()]);
        }
        args.extend([source.into(), builder.into(), self.image("app").into()]);
        args
    }

    /// Runs `s2i` on the engine under test.
    pub(crate) fn s2i(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Done {
        self.spawn(args).finish()
    }

    /// Starts `s2i` on the engine under test.
    pub(crate) fn spawn(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Running {
        Running::start(self.command().args(self.engine.options()).args(args))
    }

    /// `s2i` in the private surroundings of this test.
    pub(crate) fn command(&self) -> Command {
        self.engine.give(self.dir.path());
        let mut command = self.engine.s2i();
        command.current_dir(self.dir.path());
        command.env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.dir.path());
        command.env("TMPDIR", self.path("tmp"));
        command
    }

    /// The one container of this test, as soon as it is there.
    pub(crate) fn container(&self) -> String {
        let start = Instant::now();
        loop {
            if let [name] = &self.containers()[..] {
                return name.clone();
            }
            assert!(start.elapsed() < GOING, "no container of {}", self.unique);
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The containers of this test.
    fn containers(&self) -> Vec<String> {
        let prefix = format!("s2i-test/{}-", self.unique);
        self.engine.containers(&prefix)
    }

    /// Waits until no container of this test is there, as after a kill of `s2i`.
    pub(crate) fn wait_until_no_container(&self) {
        let there = self.containers_after(GOING);
        assert!(there.is_empty(), "still there: {there:?}");
    }

    /// The containers of this test that still exist after this time.
    fn containers_after(&self, timeout: Duration) -> Vec<String> {
        let start = Instant::now();
        loop {
            let there = self.containers();
            if there.is_empty() || start.elapsed() >= timeout {
                return there;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The containers that this test left behind.
    fn left_behind(&self) -> Vec<String> {
        // The removal of a dead container by another test takes a moment.
        let is_shared = self.engine.is_native();
        self.containers_after(if is_shared { GOING } else { Duration::ZERO })
    }

    /// Fails when a container or a temporary file of this test is there, or the image `app`.
    pub(crate) fn nothing_left(&self) {
        assert_eq!(self.left_behind(), [""; 0]);
        assert_eq!(names_in(&self.path("tmp")), [""; 0]);
        assert!(
            self.engine.image(&self.image("app")).is_none(),
            "there is an image"
        );
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let containers = self.left_behind();
        for name in &containers {
            self.engine.remove_container(name);
        }
        // The newest image is removed first, as it may be based on an older one.
        let images = self.images.take();
        let removed = images
            .iter()
            .rev()
            .map(|name| self.engine.remove_image(name));
        let problems: Vec<_> = removed.filter_map(Result::err).collect();
        let temporary = names_in(&self.path("tmp"));
        report::ran(&self.test, self.start.elapsed());
        if !thread::panicking() {
            assert!(containers.is_empty(), "left behind: {containers:?}");
            assert!(temporary.is_empty(), "left behind: {temporary:?}");
            assert!(problems.is_empty(), "{problems:?}");
        }
    }
}

/// Sets the modification time of a file, in seconds since 1970.
pub(crate) fn set_time(path: &Path, seconds: u64) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    fs::File::open(path).unwrap().set_modified(time).unwrap();
}

/// Returns the names in a directory, in no order.
pub(crate) fn names_in(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect()
}
