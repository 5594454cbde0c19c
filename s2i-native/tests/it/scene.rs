//! An image made of this machine's own programs, and containers of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{Read as _, Write as _},
    os::{
        fd::AsRawFd as _,
        unix::{fs::symlink, process::CommandExt as _},
    },
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::{Mutex, OnceLock, PoisonError},
};

use s2i_core::wire::Exit;
use s2i_native::sandbox::{Direct, Limits, Network, Program, Running, Sandbox};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};
use tempfile::TempDir;

/// The programs of the image; Perl makes any system call.
const PROGRAMS: [&str; 16] = [
    "cat", "chmod", "chown", "grep", "id", "ln", "ls", "mkdir", "mkfifo", "mknod", "perl",
    "readlink", "rm", "sh", "sleep", "stat",
];

/// Returns whether this process can make containers, and reports if it can't.
pub(crate) fn can_run(test: &str) -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        eprintln!("skipped: {test} needs root");
    }
    is_root
}

static LAYER: OnceLock<Mutex<Option<TempDir>>> = OnceLock::new();

/// The one layer of the image.
pub(crate) fn layer() -> PathBuf {
    let layer = LAYER.get_or_init(|| Mutex::new(Some(make_layer())));
    let layer = layer.lock().unwrap_or_else(PoisonError::into_inner);
    layer.as_ref().expect("tests are running").path().to_owned()
}

/// Removes what all tests shared.
pub(crate) fn remove() {
    if let Some(layer) = LAYER.get() {
        layer.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn make_layer() -> TempDir {
    let layer = temporary();
    let root = layer.path();
    for dir in ["etc", "root", "tmp", "usr/bin", "usr/lib", "usr/lib64"] {
        fs::create_dir_all(root.join(dir)).unwrap();
    }
    for dir in ["bin", "lib", "lib64"] {
        symlink(format!("usr/{dir}"), root.join(dir)).unwrap();
    }
    fs::write(
        root.join("etc/passwd"),
        "root:x:0:0::/root:/bin/sh\nuser:x:1001:7::/home/user:/bin/sh\n",
    )
    .unwrap();
    fs::write(
        root.join("etc/group"),
        "root:x:0:\nstaff:x:7:\nmore:x:8:user\n",
    )
    .unwrap();
    // This program too, for where it gets into a container.
    let mut files: BTreeSet<_> = libraries(&std::env::current_exe().unwrap())
        .into_iter()
        .collect();
    for program in PROGRAMS {
        let path = find(program);
        files.extend(libraries(&path));
        fs::copy(&path, root.join("usr/bin").join(program)).unwrap();
    }
    for file in files {
        let place = root.join(file.strip_prefix("/").unwrap());
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::copy(&file, place).unwrap();
    }
    layer
}

/// Like all of ours, so that it is noticed when it stays. Ordinary users may look in.
pub(crate) fn temporary() -> TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let temp = tempfile::Builder::new().prefix("s2i-").tempdir().unwrap();
    fs::set_permissions(temp.path(), fs::Permissions::from_mode(0o755)).unwrap();
    temp
}

fn find(program: &str) -> PathBuf {
    let dirs = ["/usr/bin", "/bin", "/usr/sbin"];
    let mut paths = dirs.iter().map(|dir| Path::new(dir).join(program));
    let found = paths.find(|path| path.exists());
    found.unwrap_or_else(|| panic!("these tests need `{program}` and it is not there"))
}

fn libraries(program: &Path) -> Vec<PathBuf> {
    let output = Command::new("ldd").arg(program).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let path = |line: &str| {
        line.split_whitespace()
            .find(|word| word.starts_with('/'))
            .map(PathBuf::from)
    };
    text.lines().filter_map(path).collect()
}

/// A container that is about to start, and its directories.
pub(crate) struct Scene {
    pub(crate) sandbox: Sandbox,
    pub(crate) agent: Option<Vec<u8>>,
    pub(crate) temp: TempDir,
}

/// The outcome of a container.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) exit: Exit,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Scene {
    /// A command of the image, as root.
    pub(crate) fn of(argv: &[&str]) -> Self {
        let temp = temporary();
        let sandbox = sandbox(temp.path(), vec![layer()], argv);
        Self {
            sandbox,
            agent: None,
            temp,
        }
    }

    /// A shell script in the image, as root.
    pub(crate) fn script(script: &str) -> Self {
        Self::of(&["sh", "-c", script])
    }

    /// The same in place of s2i's agent.
    pub(crate) fn for_agent(mut self, for_root: bool) -> Self {
        self.sandbox.program = Program::Agent { for_root };
        self.agent = Some(fs::read(find("sh")).unwrap());
        self
    }

    pub(crate) fn direct(&mut self) -> &mut Direct {
        match &mut self.sandbox.program {
            Program::Direct(direct) => direct,
            _ => panic!("it has another program"),
        }
    }

    pub(crate) fn start(&self) -> Running {
        let (stdin, stdout, stderr) = (Stdio::piped(), Stdio::piped(), Stdio::piped());
        let agent = self.agent.as_deref();
        self.sandbox.spawn(agent, stdin, stdout, stderr).unwrap()
    }

    /// Starts it, and waits until it has ended.
    pub(crate) fn run(&self) -> Outcome {
        self.run_with("")
    }

    /// The same, with something to read.
    pub(crate) fn run_with(&self, input: &str) -> Outcome {
        let mut running = self.start();
        let mut stdin = running.stdin.take().unwrap();
        // Who does not read it has ended already.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let (mut out, mut err) = (String::new(), String::new());
        running
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut out)
            .unwrap();
        running
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut err)
            .unwrap();
        let exit = running.wait().unwrap();
        Outcome { exit, out, err }
    }

    /// Returns the entries of the directory of the changes, by path.
    pub(crate) fn changes(&self) -> Vec<String> {
        paths(&self.sandbox.upper)
    }
}

/// Everything below a directory, by path.
pub(crate) fn paths(dir: &Path) -> Vec<String> {
    fn walk(dir: &Path, prefix: &str, found: &mut Vec<String>) {
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{prefix}{}", entry.file_name().display());
            if entry.file_type().unwrap().is_dir() {
                walk(&entry.path(), &format!("{path}/"), found);
            }
            found.push(path);
        }
    }
    let mut found = Vec::new();
    walk(dir, "", &mut found);
    found.sort();
    found
}

/// A container below a directory.
pub(crate) fn sandbox(dir: &Path, lowers: Vec<PathBuf>, argv: &[&str]) -> Sandbox {
    let [upper, work] = ["upper", "work"].map(|name| dir.join(name));
    for dir in [&upper, &work] {
        fs::create_dir(dir).unwrap();
    }
    Sandbox {
        hosts: Vec::new(),
        lowers,
        upper,
        work,
        user_xattrs: false,
        network: Network::Host,
        hostname: "box".into(),
        limits: Limits::default(),
        overlays: Vec::new(),
        tmpfs: Vec::new(),
        binds: Vec::new(),
        read_only: false,
        program: Program::Direct(Direct {
            argv: argv.iter().map(ToString::to_string).collect(),
            ..Direct::default()
        }),
    }
}

/// The jobs of this program when a test starts it again.
pub(crate) fn helper() -> Option<ExitCode> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["--run", spec] => Some(run_helper(spec)),
        ["--run-without-landlock", spec] => {
            forbid(&[nix::libc::SYS_landlock_create_ruleset]);
            Some(run_helper(spec))
        }
        ["--probe", store] => Some(probe(store)),
        ["--restore-ids", script, file] => Some(with_own_ids(script, file)),
        ["--supervise", script] => Some(supervise(script)),
        ["--supervise-without-handles", script] => {
            // As before Linux 5.3.
            forbid(&[nix::libc::SYS_pidfd_open]);
            Some(supervise(script))
        }
        [.., "--write-to-exe"] => Some(write_to_exe()),
        _ => None,
    }
}

fn probe(store: &str) -> ExitCode {
    let report = s2i_native::userns::probe(Path::new(store));
    println!("{}", serde_json::to_string(&report).unwrap());
    ExitCode::SUCCESS
}

/// Runs a script with the ids that started this program, from a namespace where they are root's.
fn with_own_ids(script: &str, file: &str) -> ExitCode {
    s2i_native::userns::enter().unwrap();
    let mut command = s2i_native::supervised_command("sh");
    let status = command.args(["-c", script, file]).status();
    assert!(status.unwrap().success());
    ExitCode::SUCCESS
}

/// Runs a supervised script.
fn supervise(script: &str) -> ExitCode {
    let mut command = s2i_native::supervised_command("sh");
    let status = command.args(["-c", script]).status();
    let code = status.unwrap().code().and_then(|code| code.try_into().ok());
    code.map_or(ExitCode::FAILURE, u8::into)
}

/// Has not these system calls from here on, as with a kernel before they were there.
fn forbid(calls: &[i64]) {
    let rules: BTreeMap<_, _> = calls.iter().map(|call| (*call, Vec::new())).collect();
    let refused = SeccompAction::Errno(nix::libc::ENOSYS.cast_unsigned());
    let arch = TargetArch::try_from(std::env::consts::ARCH).unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, arch);
    let program: BpfProgram = filter.unwrap().try_into().unwrap();
    seccompiler::apply_filter(&program).unwrap();
}

/// Keeps its own file open until it does not run any more.
fn write_to_exe() -> ExitCode {
    let own = fs::File::open("/proc/self/exe").unwrap();
    rustix::io::fcntl_setfd(&own, rustix::io::FdFlags::empty()).unwrap();
    let path = format!("/proc/self/fd/{}", own.as_raw_fd());
    let script = format!("readlink {path}; echo x >>{path} || echo can not be written");
    let err = Command::new("/bin/sh").args(["-c", &script]).exec();
    panic!("{err}");
}

/// Runs the sandbox that a file describes, in a user namespace without privileges.
fn run_helper(spec: &str) -> ExitCode {
    s2i_native::userns::enter().unwrap();
    let sandbox: Sandbox = serde_json::from_slice(&fs::read(spec).unwrap()).unwrap();
    let running = sandbox.spawn(None, Stdio::inherit(), Stdio::inherit(), Stdio::inherit());
    match running.unwrap().wait().unwrap() {
        Exit::Code(code) => code.into(),
        Exit::Signal(_) => ExitCode::FAILURE,
    }
}
