//! Ways out of a container that others had.

use std::{fs, process::Command};

use s2i_core::wire::Exit;

use crate::scene::{Scene, can_run};

crate::tests!(
    a_working_directory_stays_inside,
    the_program_of_the_host_can_not_be_written,
    the_agent_can_not_be_written,
    a_changed_root_is_the_same_root,
    paths_above_the_root_are_out_of_reach,
);

fn a_working_directory_stays_inside() {
    if !can_run("working directories") {
        return;
    }
    for number in 3..12 {
        let mut scene = Scene::script("pwd -P; ls");
        scene.direct().cwd = format!("/proc/self/fd/{number}");
        let outcome = scene.run();
        let is_refused = outcome.exit == Exit::Code(125);
        assert!(is_refused, "{number}: {outcome:?}");
        assert!(outcome.err.contains("working directory"), "{outcome:?}");
    }
    let mut scene = Scene::script("pwd -P; ls /..");
    scene.direct().cwd = "/../../../../etc".into();
    let outcome = scene.run();
    assert!(
        outcome.out.starts_with("/etc\n") && outcome.out.contains("\nusr\n"),
        "{outcome:?}"
    );
}

/// The first process opens itself while it is still s2i: what it gets then is no file of the host.
fn the_program_of_the_host_can_not_be_written() {
    if !can_run("CVE-2019-5736") {
        return;
    }
    let scene = Scene::script("exit 0");
    fs::write(scene.temp.path().join("upper/itself"), "#!/proc/self/exe\n").unwrap();
    let mut scene = scene;
    let program = scene.sandbox.upper.join("itself");
    std::os::unix::fs::chown(&program, Some(0), Some(0)).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&program, mode).unwrap();
    for argv in ["/itself", "/proc/self/exe"] {
        scene.direct().argv = vec![argv.into(), "--write-to-exe".into()];
        fs::remove_dir_all(&scene.sandbox.work).unwrap();
        fs::create_dir(&scene.sandbox.work).unwrap();
        let outcome = scene.run();
        assert!(
            outcome.out.contains("/memfd:s2i (deleted)"),
            "{argv}: {outcome:?}"
        );
        assert!(
            outcome.out.contains("can not be written"),
            "{argv}: {outcome:?}"
        );
    }
}

fn the_agent_can_not_be_written() {
    if !can_run("writing to the agent") {
        return;
    }
    let scene = Scene::of(&[]).for_agent(true);
    let script = "for file in /proc/1/exe /proc/self/exe; do (echo x >$file) 2>/dev/null && echo wrote; done; \
                  echo x >>/proc/1/exe; echo end";
    let outcome = scene.run_with(script);
    assert_eq!(outcome.out, "end\n", "{outcome:?}");
}

fn a_changed_root_is_the_same_root() {
    if !can_run("chroot") {
        return;
    }
    let script = "mkdir '/tmp/x'; chroot '/tmp/x' or die $!; chdir '..' for 1..20; chroot '.' or die $!; \
                  opendir $d, '/'; print join ' ', sort grep { !/^[.]/ } readdir $d";
    let outcome = Scene::of(&["perl", "-e", script]).run();
    assert_eq!(
        outcome.out, "bin dev etc lib lib64 proc root sys tmp usr",
        "{outcome:?}"
    );
}

/// A root of s2i itself that is not the top of all mounts, as in the chroots of package builders.
fn paths_above_the_root_are_out_of_reach() {
    if !can_run("a root that is not the top") {
        return;
    }
    let way_out = "mkdir '/tmp/x'; print chroot('/tmp/x') ? 'out' : $!+0";
    let scene = Scene::of(&["perl", "-e", way_out]);
    let temp = scene.temp.path();
    let spec = temp.join("spec.json");
    fs::write(&spec, serde_json::to_vec(&scene.sandbox).unwrap()).unwrap();
    let root = temp.join("root");
    fs::create_dir(&root).unwrap();
    let script = format!(
        "set -e; mount --rbind / {root}; exec chroot {root} {program} --run {spec}",
        root = root.display(),
        program = std::env::current_exe().unwrap().display(),
        spec = spec.display(),
    );
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", &script])
        .output()
        .unwrap();
    // Not permitted.
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1", "{output:?}");
}
