//! What the processes of a container may do.

use std::fs;

use rustix::fs::{FileType, Mode};
use s2i_core::wire::Exit;
use s2i_native::sandbox::Network;

use crate::scene::{Scene, can_run};

crate::tests!(
    capabilities_are_dockers_less_two,
    calls_are_refused_as_in_docker,
    the_ordinary_is_possible,
    devices_do_no_harm,
    the_user_is_the_one_that_was_asked_for,
    user_can_open_the_standard_streams,
);

const STATUS: &str = "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status";

fn capabilities_are_dockers_less_two() {
    if !can_run("capabilities") {
        return;
    }
    let check = |scene: Scene, input: &str, expected: &str| {
        let outcome = scene.run_with(input);
        let found: Vec<_> = outcome.out.split_whitespace().collect();
        let (none, all) = ("0000000000000000", expected);
        let expected = [
            "CapInh:",
            none,
            "CapPrm:",
            all,
            "CapEff:",
            all,
            "CapBnd:",
            all,
            "CapAmb:",
            none,
            "NoNewPrivs:",
            "1",
            "Seccomp:",
            "2",
        ];
        assert_eq!(found, expected, "{outcome:?}");
    };
    check(Scene::script(STATUS), "", "00000000a00405fb");
    let mut alone = Scene::script(STATUS);
    alone.sandbox.network = Network::None;
    check(alone, "", "00000000a00425fb");
    let mut user = Scene::script(STATUS);
    user.direct().user = "user".into();
    check(user, "", "0000000000000000");
    check(Scene::of(&[]).for_agent(true), STATUS, "00000000a00405fb");
    check(Scene::of(&[]).for_agent(false), STATUS, "00000000000000eb");
}

/// The number of the error that a system call gives.
fn error_of(call: &str) -> String {
    let script =
        format!("@a = ({call}); $r = syscall(shift @a, @a); print $r == -1 ? $!+0 : 'done';");
    let outcome = Scene::of(&["perl", "-e", &script]).run();
    assert_eq!(outcome.exit, Exit::Code(0), "{call}: {outcome:?}");
    outcome.out
}

fn calls_are_refused_as_in_docker() {
    if !can_run("refused calls") || !cfg!(target_arch = "x86_64") {
        return;
    }
    let (not_permitted, unknown) = ("1", "38");
    let table = [
        (
            "mount",
            r#"165, "none", "/tmp", "tmpfs", 0, 0"#,
            not_permitted,
        ),
        ("umount2", r#"166, "/proc", 2"#, not_permitted),
        (
            "mknod of a device",
            r#"133, "/tmp/sda", 0060600, 0x800"#,
            not_permitted,
        ),
        ("keyctl", "250, 0, 0, 0, 0, 0", not_permitted),
        ("add_key", r#"248, "user", "a", "b", 1, 0"#, not_permitted),
        ("bpf", "321, 0, 0, 0", not_permitted),
        ("unshare of the user", "272, 0x10000000", not_permitted),
        ("setns", "308, 0, 0", not_permitted),
        (
            "clone with a namespace",
            "56, 0x10000011, 0, 0, 0, 0",
            not_permitted,
        ),
        ("clone3", "435, 0, 0", unknown),
        ("one that nobody knows yet", "470", unknown),
        ("one of x32", "0x40000027", unknown),
        ("io_uring_setup", "425, 1, 0", not_permitted),
        ("userfaultfd", "323, 0", not_permitted),
        ("perf_event_open", "298, 0, 0, 0, 0, 0", not_permitted),
        ("open_by_handle_at", "304, 0, 0, 0", not_permitted),
        ("kexec_load", "246, 0, 0, 0, 0", not_permitted),
        ("reboot", "169, 0, 0, 0, 0", not_permitted),
        ("socket of vsock", "41, 40, 1, 0", not_permitted),
        ("socket of alg", "41, 38, 5, 0", not_permitted),
        (
            "socket with a hidden family",
            "41, 0x100000028, 1, 0",
            not_permitted,
        ),
        ("personality", "135, 0x0040000", not_permitted),
    ];
    for (name, call, expected) in table {
        assert_eq!(error_of(call), expected, "{name}");
    }
}

fn the_ordinary_is_possible() {
    if !can_run("allowed calls") || !cfg!(target_arch = "x86_64") {
        return;
    }
    let table = [
        ("socket of the internet", "41, 2, 1, 0"),
        ("socket of this machine", "41, 1, 1, 0"),
        ("personality, asked", "135, 0xffffffff"),
        ("fork", "56, 0x11, 0, 0, 0, 0"),
        ("chroot", r#"161, "/""#),
        ("a pipe with a name", r#"133, "/tmp/p", 0010644, 0"#),
    ];
    for (name, call) in table {
        assert!(error_of(call).contains("done"), "{name}");
    }
}

fn devices_do_no_harm() {
    if !can_run("devices") {
        return;
    }
    let scene = Scene::script(
        "echo x >/dev/null && read -r line </dev/zero & \
         chmod 666 /dev/null 2>&1; rm -f /dev/null 2>&1; \
         cat /own 2>&1; ls /dev; echo $(stat -c %a /dev/null)",
    );
    // As in the layer of an image that was unpacked by root.
    let layer = scene.temp.path().join("layer");
    fs::create_dir(&layer).unwrap();
    let device = rustix::fs::makedev(1, 3);
    let own = layer.join("own");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &own,
        FileType::CharacterDevice,
        Mode::RWXU,
        device,
    )
    .unwrap();
    let mut scene = scene;
    scene.sandbox.lowers.insert(0, layer);
    let outcome = scene.run();
    let out = &outcome.out;
    assert!(
        out.contains("chmod: changing permissions of '/dev/null': Read-only file system"),
        "{out}"
    );
    assert!(
        out.contains("rm: cannot remove '/dev/null': Device or resource busy"),
        "{out}"
    );
    assert!(out.contains("cat: /own: Permission denied"), "{out}");
    let devices =
        "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero 666";
    let words: Vec<_> = out.split_whitespace().collect();
    assert!(words.join(" ").ends_with(devices), "{out}");
}

fn the_user_is_the_one_that_was_asked_for() {
    if !can_run("users of an image") {
        return;
    }
    let table = [
        ("", "uid=0(root) gid=0(root) groups=0(root)", "/root"),
        (
            "user",
            "uid=1001(user) gid=7(staff) groups=7(staff),8(more)",
            "/home/user",
        ),
        (
            "1001:0",
            "uid=1001(user) gid=0(root) groups=0(root)",
            "/home/user",
        ),
        ("4711", "uid=4711 gid=0(root) groups=0(root)", "/"),
    ];
    for (user, expected, home) in table {
        let mut scene = Scene::script("id; echo $HOME $PATH $HOSTNAME $A; pwd; stat -c %u:%a .");
        let direct = scene.direct();
        direct.user = user.into();
        direct.cwd = "/made/here".into();
        direct.env = vec!["A=b=c".into(), "PATH=/bin".into(), "broken".into()];
        let outcome = scene.run();
        let expected = format!("{expected}\n{home} /bin box b=c\n/made/here\n0:755\n");
        assert_eq!(outcome.out, expected, "{outcome:?}");
    }
}

/// Images link their log files to `/dev/stdout` and `/dev/stderr`.
fn user_can_open_the_standard_streams() {
    if !can_run("streams") {
        return;
    }
    let mut scene = Scene::script("echo out > /dev/stdout && echo err > /dev/stderr");
    scene.direct().user = "user".into();
    let outcome = scene.run();
    assert_eq!(outcome.exit, Exit::Code(0), "{outcome:?}");
    assert_eq!((&*outcome.out, &*outcome.err), ("out\n", "err\n"));
}
