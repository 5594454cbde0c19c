//! Containers of ordinary users.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{Mutex, OnceLock, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};
use s2i_native::sandbox::{Program, Sandbox};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    layers::{self, ARTIFACTS, USE_ARTIFACTS},
    scene::{can_run, layer, paths, sandbox, temporary},
    sockets::{Daemon, has_scopes},
};

crate::tests!(
    numbers_are_the_users_own,
    rights_are_those_of_root_on_the_machine,
    a_single_number_is_enough_for_root,
    probe_reports_what_is_possible,
    artifacts_are_mounted_for_an_ordinary_user,
    supervised_programs_have_the_ids_of_the_user,
    abstract_sockets_are_out_of_reach_for_a_user,
    mounts_below_sys_are_read_only,
    a_probe_uses_no_directory_that_others_made,
    a_probe_that_is_killed_leaves_no_directory,
);

/// A user with ranges of numbers, and one without.
#[derive(Clone, Copy)]
struct User {
    uid: u32,
    gid: u32,
    /// The first of the range.
    first: Option<u32>,
}

static USERS: OnceLock<Mutex<Vec<&'static str>>> = OnceLock::new();

/// Removes the users that were made.
pub(crate) fn remove() {
    let Some(made) = USERS.get() else { return };
    for name in made
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .drain(..)
    {
        let _ = Command::new("userdel").arg(name).status();
    }
}

fn user(name: &'static str, has_range: bool) -> User {
    let mut made = USERS.get_or_init(Mutex::default).lock().unwrap();
    if ids_of(name).is_none() {
        // Ordinary users get ranges by themselves on some systems.
        run(Command::new("useradd").args(["--system", "--no-create-home", "--user-group", name]));
        made.push(name);
    }
    let (uid, gid) = ids_of(name).unwrap();
    if !has_range {
        return User {
            uid,
            gid,
            first: None,
        };
    }
    for (table, option) in [
        ("/etc/subuid", "--add-subuids"),
        ("/etc/subgid", "--add-subgids"),
    ] {
        let text = fs::read_to_string(table).unwrap_or_default();
        if range_of(&text, name).is_none() {
            let first = first_free(&text);
            let range = format!("{first}-{}", first + 65535);
            run(Command::new("usermod").args([option, &range, name]));
        }
    }
    let first = range_of(&fs::read_to_string("/etc/subuid").unwrap(), name);
    User { uid, gid, first }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
}

fn ids_of(name: &str) -> Option<(u32, u32)> {
    let table = fs::read_to_string("/etc/passwd").unwrap();
    let line = table
        .lines()
        .find(|line| line.split(':').next() == Some(name))?;
    let mut ids = line.split(':').skip(2).map(str::parse);
    Some((ids.next()?.ok()?, ids.next()?.ok()?))
}

fn range_of(table: &str, name: &str) -> Option<u32> {
    let line = table
        .lines()
        .find(|line| line.split(':').next() == Some(name))?;
    line.split(':').nth(1)?.parse().ok()
}

/// The first number above all ranges.
fn first_free(table: &str) -> u32 {
    let end = |line: &str| {
        let mut fields = line.split(':').skip(1).map(str::parse::<u32>);
        Some(fields.next()?.ok()? + fields.next()?.ok()?)
    };
    table
        .lines()
        .filter_map(end)
        .max()
        .unwrap_or(0)
        .max(100_000)
}

/// A directory of a user's own, with this program in it.
struct Home {
    user: User,
    temp: TempDir,
}

impl Home {
    fn of(user: User) -> Self {
        let temp = temporary();
        // By another process: what another test starts meanwhile would hold it open, and it could not be run.
        let mut copy = Command::new("cp");
        copy.arg(std::env::current_exe().unwrap());
        copy.arg(temp.path().join("program"));
        assert!(copy.status().unwrap().success());
        chown(temp.path(), Some(user.uid), Some(user.gid)).unwrap();
        Self { user, temp }
    }

    /// A container below a new directory.
    fn sandbox(&self, name: &str, lowers: Vec<PathBuf>, script: &str) -> Sandbox {
        let dir = self.temp.path().join(name);
        fs::create_dir(&dir).unwrap();
        let mut sandbox = sandbox(&dir, lowers, &["sh", "-c", script]);
        sandbox.user_xattrs = true;
        for dir in [&sandbox.upper, &sandbox.work] {
            chown(dir, Some(self.user.uid), Some(self.user.gid)).unwrap();
        }
        sandbox
    }

    fn run(&self, sandbox: &Sandbox) -> Output {
        let spec = self.temp.path().join("spec.json");
        fs::write(&spec, serde_json::to_vec(sandbox).unwrap()).unwrap();
        self.program(&["--run", spec.to_str().unwrap()])
    }

    fn program(&self, args: &[&str]) -> Output {
        Command::new(self.temp.path().join("program"))
            .args(args)
            .uid(self.user.uid)
            .gid(self.user.gid)
            .output()
            .unwrap()
    }
}

/// Returns whether an ordinary user can have user namespaces here.
fn can_enter(test: &str) -> bool {
    if !can_run(test) {
        return false;
    }
    let tools = ["useradd", "usermod", "newuidmap"];
    let dirs = ["/usr/sbin", "/usr/bin", "/sbin"];
    let is_there = |tool: &&str| dirs.iter().any(|dir| Path::new(dir).join(tool).exists());
    if let Some(missing) = tools.iter().find(|tool| !is_there(tool)) {
        eprintln!("skipped: {test} needs `{missing}`");
        return false;
    }
    let user = user("s2i-single", false);
    let unshared = Command::new("unshare")
        .args(["--user", "--map-root-user", "true"])
        .uid(user.uid)
        .status();
    let can = unshared.is_ok_and(|status| status.success());
    if !can {
        eprintln!("skipped: {test} needs user namespaces for ordinary users");
    }
    can
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn numbers_are_the_users_own() {
    if !can_enter("numbers in a user namespace") {
        return;
    }
    let home = Home::of(user("s2i-ranges", true));
    let script = "id -u; mkdir /app; echo x >/app/root; echo y >/app/user; chown 1001:7 /app/user; rm /etc/group; \
                  rm -r /tmp; mkdir /tmp; stat -c %u:%g /app/root /app/user";
    let first = home.sandbox("first", vec![layer()], script);
    assert_eq!(text(&home.run(&first)), "0\n0:0\n1001:7\n");
    let owner = |path: &str| {
        let metadata = fs::symlink_metadata(first.upper.join(path)).unwrap();
        (metadata.uid(), metadata.gid())
    };
    let (own, range) = (home.user.uid, home.user.first.unwrap());
    assert_eq!(owner("app/root"), (own, home.user.gid));
    // From 1 on the range is what is inside.
    assert_eq!(owner("app/user").0, range + 1000);
    let script = "id -u; id -g; stat -c %u:%g /app/root /app/user; echo z >>/app/user && cat /app/user; \
                  (echo z >>/app/root) 2>/dev/null || echo no; ls /etc | grep -c group";
    let mut second = home.sandbox("second", vec![first.upper, layer()], script);
    if let Program::Direct(direct) = &mut second.program {
        direct.user = "1001:7".into();
    }
    let output = home.run(&second);
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(out, "1001\n7\n0:0\n1001:7\ny\nz\nno\n0\n", "{output:?}");
}

fn artifacts_are_mounted_for_an_ordinary_user() {
    if !can_enter("mounted artifacts of a user") {
        return;
    }
    let home = Home::of(user("s2i-ranges", true));
    let mut sandbox = home.sandbox("artifacts", vec![layer()], USE_ARTIFACTS);
    let dir = home.temp.path().join("artifacts-mount");
    let lowers = layers::mount_artifacts(&mut sandbox, &dir);
    let owner = format!("{}:{}", home.user.uid, home.user.gid);
    run(Command::new("chown").args(["-R", &owner]).arg(&dir));
    assert_eq!(text(&home.run(&sandbox)), ARTIFACTS);
    assert_eq!(paths(&sandbox.upper), [""; 0]);
    assert_eq!(fs::read_to_string(lowers[1].join("old")).unwrap(), "old");
}

fn supervised_programs_have_the_ids_of_the_user() {
    if !can_enter("programs of the user") {
        return;
    }
    for name in ["s2i-ranges", "s2i-single"] {
        let home = Home::of(user(name, name == "s2i-ranges"));
        let file = home.temp.path().join("file");
        let script = "id -u; id -g; id -un; echo x >\"$0\"";
        let out = text(&home.program(&["--restore-ids", script, file.to_str().unwrap()]));
        let User { uid, gid, .. } = home.user;
        assert_eq!(out, format!("{uid}\n{gid}\n{name}\n"));
        let metadata = fs::metadata(&file).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (uid, gid));
    }
}

fn rights_are_those_of_root_on_the_machine() {
    if !can_enter("rights in a user namespace") {
        return;
    }
    let home = Home::of(user("s2i-ranges", true));
    let script = "grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp:)' /proc/self/status; cat /proc/self/mountinfo; \
                  cat /proc/kcore; ls /sys/fs/cgroup /sys/firmware; \
                  for node in null zero random; do : </dev/$node || echo $node; done; echo x >/dev/null; \
                  ls -d /proc/[0-9]*";
    let out = text(&home.run(&home.sandbox("one", vec![layer()], script)));
    let rights: Vec<_> = out.split_whitespace().take(8).collect();
    let (all, one, two) = ("00000000a00405fb", "1", "2");
    assert_eq!(
        rights,
        [
            "CapEff:",
            all,
            "CapBnd:",
            all,
            "NoNewPrivs:",
            one,
            "Seccomp:",
            two
        ]
    );
    assert!(!out.contains(home.temp.path().to_str().unwrap()), "{out}");
    assert!(
        out.ends_with("/sys/firmware:\n/proc/1\n") || out.ends_with("/sys/fs/cgroup:\n/proc/1\n"),
        "{out}"
    );
    let mut alone = home.sandbox(
        "two",
        vec![layer()],
        "ls /sys/class/net; cat /sys/class/net/lo/flags",
    );
    alone.network = s2i_native::sandbox::Network::None;
    assert_eq!(text(&home.run(&alone)), "lo\n0x9\n");
}

fn a_single_number_is_enough_for_root() {
    if !can_enter("a single number") {
        return;
    }
    let home = Home::of(user("s2i-single", false));
    let script = "id -u; echo x >/new; stat -c %u:%g /new";
    assert_eq!(
        text(&home.run(&home.sandbox("one", vec![layer()], script))),
        "0\n0:0\n"
    );
    let mut other = home.sandbox("two", vec![layer()], "true");
    if let Program::Direct(direct) = &mut other.program {
        direct.user = "user".into();
    }
    let output = home.run(&other);
    assert_eq!(output.status.code(), Some(125));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.starts_with("s2i: can't become user 1001:7"), "{said}");
}

fn probe_reports_what_is_possible() {
    if !can_enter("probes") {
        return;
    }
    let report = |home: &Home| -> Value {
        let store = home.temp.path().join("store");
        let output = home.program(&["--probe", store.to_str().unwrap()]);
        let left: Vec<_> = fs::read_dir(home.temp.path()).unwrap().flatten().collect();
        assert_eq!(left.len(), 1, "beside the program: {left:?}");
        serde_json::from_str(&text(&output)).unwrap()
    };
    let home = Home::of(user("s2i-ranges", true));
    let found = report(&home);
    assert_eq!(
        found["trial"],
        serde_json::json!({ "Ok": null }),
        "{found:#}"
    );
    assert_eq!(
        found["plan"]["ranges"]["uids"][0]["first"],
        home.user.first.unwrap()
    );
    assert_eq!(
        (&found["euid"], &found["is_inside"]),
        (&home.user.uid.into(), &false.into())
    );
    let found = report(&Home::of(user("s2i-single", false)));
    assert_eq!(
        found["trial"],
        serde_json::json!({ "Ok": null }),
        "{found:#}"
    );
    let why = "no range for this user in `/etc/subuid`";
    assert_eq!(found["plan"]["single"]["why"], why);
    let root = Home::of(User {
        uid: 0,
        gid: 0,
        first: None,
    });
    let found = report(&root);
    assert_eq!(
        (&found["plan"], &found["trial"]["Ok"]),
        (&"nothing".into(), &Value::Null),
        "{found:#}"
    );
}

fn abstract_sockets_are_out_of_reach_for_a_user() {
    if !can_enter("abstract sockets of a user") || !has_scopes("abstract sockets of a user") {
        return;
    }
    let daemon = Daemon::start();
    let home = Home::of(user("s2i-ranges", true));
    let connect = format!("perl -e '{}'", daemon.connect());
    let not_permitted = "1";
    assert_eq!(
        text(&home.run(&home.sandbox("one", vec![layer()], &connect))),
        not_permitted
    );
}

/// The `/sys` of an ordinary user's container is the host's, with what is mounted below it.
fn mounts_below_sys_are_read_only() {
    if !can_enter("mounts below /sys") {
        return;
    }
    let home = Home::of(user("s2i-ranges", true));
    let script = "cat /sys/kernel/file; for dir in /sys/kernel /sys/kernel/deep; do \
                      (echo x >$dir/new) 2>/dev/null && echo wrote $dir; \
                      (: <$dir/null) 2>/dev/null && echo opened $dir; \
                      $dir/true 2>/dev/null && echo ran $dir; \
                  done; echo end";
    let sandbox = home.sandbox("one", vec![layer()], script);
    let spec = home.temp.path().join("spec.json");
    fs::write(&spec, serde_json::to_vec(&sandbox).unwrap()).unwrap();
    // In `hidden` something is under another mount, and only root gets into `closed`.
    let mounts = "set -e; mount -t tmpfs -o mode=777 t /sys/kernel; echo below >/sys/kernel/file; \
                  for dir in deep hidden hidden/below closed closed/below; do \
                      mkdir -p /sys/kernel/$dir; mount -t tmpfs -o mode=777 t /sys/kernel/$dir; \
                  done; mount -t tmpfs t /sys/kernel/hidden; chmod 700 /sys/kernel/closed; \
                  for dir in /sys/kernel /sys/kernel/deep; do \
                      mknod -m 666 $dir/null c 1 3; cp /bin/true $dir/true; \
                  done; exec setpriv --reuid $0 --regid $1 --clear-groups $2 --run $3";
    let User { uid, gid, .. } = home.user;
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", mounts])
        .args([uid.to_string(), gid.to_string()])
        .arg(home.temp.path().join("program"))
        .arg(spec)
        .output()
        .unwrap();
    assert_eq!(text(&output), "below\nend\n", "{output:?}");
}

/// Any user may write to where a store is to be, as in `/tmp`.
fn a_probe_uses_no_directory_that_others_made() {
    if !can_run("probes in a shared directory") {
        return;
    }
    let temp = temporary();
    // What is executed in place of the shell has its number.
    let script = "mkdir -m 777 $0/trial-$$; exec $1 --probe $0/store";
    let output = Command::new("sh")
        .args(["-c", script])
        .arg(temp.path())
        .arg(std::env::current_exe().unwrap())
        .output()
        .unwrap();
    let report: Value = serde_json::from_str(&text(&output)).unwrap();
    assert!(report["trial"].get("Ok").is_some(), "{report:#}");
    // It is there, and nothing else.
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
}

/// The whole process group is killed, as Ctrl-C in a terminal does it.
fn a_probe_that_is_killed_leaves_no_directory() {
    if !can_run("a probe that is killed") {
        return;
    }
    let temp = temporary();
    let is_empty = || fs::read_dir(temp.path()).unwrap().next().is_none();
    // A probe that ends between two looks is none that could be killed in time.
    let is_killed = (0..20).any(|_| {
        let mut probe = Command::new(std::env::current_exe().unwrap())
            .arg("--probe")
            .arg(temp.path().join("store"))
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        while is_empty() && probe.try_wait().unwrap().is_none() {}
        let is_there = !is_empty();
        let _ = kill_process_group(Pid::from_child(&probe), Signal::KILL);
        is_there && !probe.wait().unwrap().success()
    });
    assert!(is_killed, "no directory was seen");
    let start = Instant::now();
    while !is_empty() {
        assert!(start.elapsed() < Duration::from_secs(30), "it stays");
        thread::sleep(Duration::from_millis(10));
    }
}
