//! What a container sees of the machine.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    os::fd::AsRawFd as _,
    process::Command,
};

use s2i_core::wire::Exit;
use s2i_native::sandbox::{Bind, Network};

use crate::scene::{Scene, can_run};

crate::tests!(
    mounts_are_its_own,
    revealing_paths_are_masked,
    no_open_file_is_inherited,
    processes_are_its_own,
    it_has_a_name,
    without_network_there_is_itself,
    binds_and_memory_are_mounted,
    a_read_only_root_can_not_be_written,
    mounts_below_a_bind_are_restricted,
);

fn mounts_are_its_own() {
    if !can_run("mounts") {
        return;
    }
    let scene = Scene::script("cat /proc/self/mountinfo");
    let outcome = scene.run();
    let points: BTreeSet<_> = outcome
        .out
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .collect();
    let most: Vec<_> = points
        .iter()
        .filter(|point| !point.starts_with("/proc/") && !point.starts_with("/sys/"))
        .copied()
        .collect();
    let expected = [
        "/",
        "/dev",
        "/dev/full",
        "/dev/mqueue",
        "/dev/null",
        "/dev/pts",
        "/dev/random",
        "/dev/shm",
        "/dev/tty",
        "/dev/urandom",
        "/dev/zero",
        "/etc/hostname",
        "/etc/hosts",
        "/etc/resolv.conf",
        "/proc",
        "/sys",
    ];
    assert_eq!(most, expected, "{outcome:?}");
    for place in [scene.temp.path(), &scene.sandbox.lowers[0]] {
        let place = place.to_str().unwrap();
        assert!(!outcome.out.contains(place), "{place} in {}", outcome.out);
    }
    let flags = |point: &str| {
        let find = |line: &&str| line.split(' ').nth(4) == Some(point);
        let line = outcome.out.lines().find(find).unwrap_or_default();
        line.split(' ').nth(5).unwrap_or_default().to_owned()
    };
    for (point, expected) in [
        ("/", "rw,nodev,relatime"),
        ("/proc", "rw,nosuid,nodev,noexec,relatime"),
        ("/proc/sys", "ro,nosuid,nodev,noexec,relatime"),
        ("/sys", "ro,nosuid,nodev,noexec,relatime"),
        ("/dev", "rw,nosuid,noexec,relatime"),
        ("/dev/shm", "rw,nosuid,nodev,noexec,relatime"),
        ("/etc/hosts", "ro,nosuid,nodev,noexec,relatime"),
    ] {
        assert_eq!(flags(point), expected, "{point}");
    }
}

fn revealing_paths_are_masked() {
    if !can_run("masks") {
        return;
    }
    let outcome = Scene::script(
        "cat /proc/kcore /proc/keys /proc/timer_list /proc/interrupts; ls /sys/firmware /proc/acpi /proc/scsi 2>/dev/null; \
         for file in /proc/sys/kernel/hostname /proc/sysrq-trigger /proc/irq/default_smp_affinity /sys/kernel/uevent_helper; do \
             [ -e $file ] || continue; (echo b >$file) 2>/dev/null && echo wrote $file; \
         done; mkdir /sys/fs/cgroup/x 2>/dev/null && echo made; echo end",
    )
    .run();
    assert_eq!(outcome.exit, Exit::Code(0), "{outcome:?}");
    let said: Vec<_> = outcome
        .out
        .lines()
        .filter(|line| !line.starts_with('/') && !line.is_empty())
        .collect();
    assert_eq!(said, ["end"], "{outcome:?}");
}

fn no_open_file_is_inherited() {
    if !can_run("open files") {
        return;
    }
    // As a shell or a build tool leaves them open for everything that it starts.
    let dir = File::open("/").unwrap();
    rustix::io::fcntl_setfd(&dir, rustix::io::FdFlags::empty()).unwrap();
    let found = |scene: Scene, input: &str| {
        let outcome = scene.run_with(input);
        assert_eq!(outcome.exit, Exit::Code(0), "{outcome:?}");
        outcome.out
    };
    let open = "perl -e 'opendir $d, \"/proc/self/fd\"; print join \" \", sort grep { !/[.]/ } readdir $d'";
    assert_eq!(found(Scene::script(open), ""), "0 1 2 3");
    assert_eq!(found(Scene::of(&[]).for_agent(true), open), "0 1 2 3");
    let first = "ls /proc/1/fd";
    assert_eq!(
        found(Scene::script(&format!("{first}; true")), ""),
        "0\n1\n2\n"
    );
    assert!(dir.as_raw_fd() > 2);
}

fn processes_are_its_own() {
    if !can_run("processes") {
        return;
    }
    let outcome = Scene::script(
        "echo $$; ls -d /proc/[0-9]*; cat /proc/1/cgroup; readlink /proc/1/exe; umask",
    )
    .run();
    let lines: Vec<_> = outcome.out.lines().collect();
    assert_eq!(lines[..2], ["1", "/proc/1"], "{outcome:?}");
    assert!(
        lines.contains(&"/usr/bin/sh") && lines.last() == Some(&"0022"),
        "{outcome:?}"
    );
    // Where everything else of the host would be, there is the root of its own.
    assert!(
        lines
            .iter()
            .all(|line| !line.contains(":/..") || line.ends_with("/..")),
        "{outcome:?}"
    );
    let agent = Scene::of(&[]).for_agent(true);
    let outcome = agent.run_with("cat /proc/1/cmdline /proc/1/environ; readlink /proc/1/exe");
    assert_eq!(
        outcome.out, "s2i-agent\0/memfd:s2i-agent (deleted)\n",
        "{outcome:?}"
    );
}

fn it_has_a_name() {
    if !can_run("names") {
        return;
    }
    let script =
        "cat /proc/sys/kernel/hostname /etc/hostname; grep box /etc/hosts; cat /etc/resolv.conf";
    let outcome = Scene::script(script).run();
    let servers = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    assert_eq!(
        outcome.out,
        format!("box\nbox\n127.0.0.1\tbox\n{servers}"),
        "{outcome:?}"
    );
}

fn without_network_there_is_itself() {
    if !can_run("networks") {
        return;
    }
    let mut scene =
        Scene::script("ls /sys/class/net; cat /sys/class/net/lo/flags /etc/resolv.conf");
    scene.sandbox.network = Network::None;
    // Up, and the loopback.
    assert_eq!(scene.run().out, "lo\n0x9\n");
    scene = Scene::of(&[
        "perl",
        "-e",
        "socket(S, 2, 1, 0); bind(S, pack('S n a4 x8', 2, 7777, \"\\x7f\\0\\0\\1\")); listen(S, 1); \
         socket(C, 2, 1, 0); print connect(C, pack('S n a4 x8', 2, 7777, \"\\x7f\\0\\0\\1\")) ? 'yes' : $!;",
    ]);
    scene.sandbox.network = Network::None;
    assert_eq!(scene.run().out, "yes");
}

fn binds_and_memory_are_mounted() {
    if !can_run("binds") {
        return;
    }
    let mut scene = Scene::script(
        "cat /in/file /one; (echo x >/in/file) 2>/dev/null || echo no; echo y >/out/file; \
         echo z >/memory/file; cat /out/file /memory/file; stat -c %a /memory",
    );
    for dir in ["in", "out"] {
        let from = scene.temp.path().join(dir);
        fs::create_dir(&from).unwrap();
        fs::write(from.join("file"), format!("{dir}\n")).unwrap();
        scene.sandbox.binds.push(Bind {
            from,
            to: format!("/{dir}").into(),
            read_only: dir == "in",
        });
    }
    let one = Bind {
        from: scene.temp.path().join("in/file"),
        to: "/one".into(),
        read_only: true,
    };
    scene.sandbox.binds.push(one);
    scene.sandbox.tmpfs.push("/memory".into());
    let outcome = scene.run();
    assert_eq!(outcome.out, "in\nin\nno\ny\nz\n1777\n", "{outcome:?}");
    assert_eq!(
        fs::read_to_string(scene.temp.path().join("out/file")).unwrap(),
        "y\n"
    );
    assert!(scene.changes().is_empty());
}

fn a_read_only_root_can_not_be_written() {
    if !can_run("read-only roots") {
        return;
    }
    let mut scene =
        Scene::script("(echo x >/etc/x) 2>/dev/null || echo no; echo y >/tmp/y && cat /tmp/y; pwd");
    scene.sandbox.read_only = true;
    scene.sandbox.tmpfs.push("/tmp".into());
    scene.direct().cwd = "/new".into();
    let outcome = scene.run();
    assert_eq!(outcome.out, "no\ny\n/new\n", "{outcome:?}");
}

fn mounts_below_a_bind_are_restricted() {
    if !can_run("mounts below binds") {
        return;
    }
    let mut scene = Scene::script(
        "for dir in /fixed /fixed/below '/fixed/below/a b' /open /open/below '/open/below/a b'; do \
             (echo x >\"$dir/new\") 2>/dev/null && echo wrote $dir; \
         done; (: <'/open/below/a b/null') 2>/dev/null && echo opened; echo end",
    );
    let from = scene.temp.path().join("from");
    fs::create_dir(&from).unwrap();
    for (to, read_only) in [("/fixed", true), ("/open", false)] {
        scene.sandbox.binds.push(Bind {
            from: from.clone(),
            to: to.into(),
            read_only,
        });
    }
    let spec = scene.temp.path().join("spec.json");
    fs::write(&spec, serde_json::to_vec(&scene.sandbox).unwrap()).unwrap();
    let script = "set -e; for dir in below 'below/a b'; do \
                      mkdir \"$0/$dir\"; mount -t tmpfs t \"$0/$dir\"; \
                  done; mknod -m 666 \"$0/below/a b/null\" c 1 3; exec $1 --run $2";
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", script])
        .arg(&from)
        .arg(std::env::current_exe().unwrap())
        .arg(spec)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        said, "wrote /open\nwrote /open/below\nwrote /open/below/a b\nend\n",
        "{output:?}"
    );
}
