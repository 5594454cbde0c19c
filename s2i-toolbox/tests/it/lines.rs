//! The lines with which other programs start a builder, and what a shell is to programs that start it.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::bench::{Bench, run};

/// A source as other tools send it: an archive whose names start with `./`.
fn source() -> Vec<u8> {
    let mut out = header("./src/", b'5', 0o755, 0).to_vec();
    out.extend_from_slice(&header("./src/main.txt", b'0', 0o644, 6));
    out.extend_from_slice(b"source");
    out.resize(out.len().next_multiple_of(512), 0);
    out.extend_from_slice(&[0; 1024]);
    out
}

/// A header in the POSIX format, made by hand so that no code of ours is on both sides.
fn header(name: &str, kind: u8, mode: u32, size: usize) -> [u8; 512] {
    let mut block = [0; 512];
    let mut put = |at: usize, text: &[u8]| block[at..at + text.len()].copy_from_slice(text);
    put(0, name.as_bytes());
    put(100, format!("{mode:07o}\0").as_bytes());
    put(108, b"0001750\0");
    put(116, b"0001750\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, b"14000000000\0");
    put(148, b"        ");
    put(156, &[kind]);
    put(257, b"ustar\x0000");
    put(265, b"somebody\0");
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

fn script(bench: &Bench, name: &str, text: &str) {
    let path = bench.work().join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// `sh` in the shebang of scripts is the one of the machine, so this says which one is meant.
fn shebang(bench: &Bench, text: &str) -> String {
    format!("#!{}/sh\n{text}", bench.bin().display())
}

#[test]
fn the_start_line_of_other_tools() {
    let bench = Bench::new();
    let assemble = shebang(
        &bench,
        "cat src/main.txt; echo; echo \"$GREETING\"; exit 3\n",
    );
    script(&bench, "assemble", &assemble);
    let work = bench.work();
    let work = work.display();
    let line = format!("tar -C {work} -xf - && {work}/assemble");
    let mut command = bench.tool("sh");
    command.env("GREETING", "hello").args(["-c", &line]);
    let ran = run(&mut command, &source());
    assert_eq!(
        (ran.status, ran.stdout.as_str(), ran.stderr.as_str()),
        (Some(3), "source\nhello\n", "")
    );
}

#[test]
fn a_broken_source_does_not_start_the_script() {
    let bench = Bench::new();
    let line = format!("tar -C {} -xf - && echo started", bench.work().display());
    for input in [&source()[..1000], b"no archive", b""] {
        let ran = run(bench.tool("sh").args(["-c", &line]), input);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
        assert!(ran.stderr.starts_with("tar: the archive "), "{ran:?}");
    }
}

#[test]
fn lines_of_generated_dockerfiles() {
    let bench = Bench::new();
    script(
        &bench,
        "save-artifacts",
        &shebang(&bench, "tar -cf - kept\n"),
    );
    fs::create_dir(bench.work().join("kept")).unwrap();
    fs::write(bench.work().join("kept/a"), "artifact").unwrap();
    for line in [
        "if [ -s ./save-artifacts ]; then ./save-artifacts > artifacts.tar; else touch artifacts.tar; fi",
        "mkdir -p artifacts && tar -xf artifacts.tar -C artifacts && cat artifacts/kept/a",
        "chown -R $(id -u):$(id -g) -- artifacts && chmod -R g=u artifacts",
        "rm -f artifacts.tar && rm -r -- artifacts kept && ls",
    ] {
        let ran = bench.sh(line);
        assert_eq!(
            (ran.status, ran.stderr.as_str()),
            (Some(0), ""),
            "{line}: {ran:?}"
        );
    }
    let left = bench.sh("ls").stdout;
    assert_eq!(left, "save-artifacts\n");
}

#[test]
fn scripts_of_packages() {
    let bench = Bench::new();
    script(&bench, "node", &shebang(&bench, "echo \"node $*\"\n"));
    let path = format!("{}:{}", bench.work().display(), bench.bin().display());
    for (line, status, stdout) in [
        ("node a.js && node b.js", 0, "node a.js\nnode b.js\n"),
        ("node 'a b' \"c\" || exit 1", 0, "node a b c\n"),
        ("NODE_ENV=test node --x=$NODE_ENV a", 0, "node --x= a\n"),
        (
            "rm -rf dist && mkdir dist && node > dist/out && cat dist/*",
            0,
            "node \n",
        ),
        ("(node a; exit 4)", 4, "node a\n"),
        ("missing-tool --version", 127, ""),
        ("node a | cat -", 0, "node a\n"),
        ("for f in 1 2; do node $f; done", 0, "node 1\nnode 2\n"),
    ] {
        let mut command = bench.tool("sh");
        let ran = run(command.env("PATH", &path).args(["-c", line]), b"");
        assert_eq!(
            (ran.status, ran.stdout.as_str()),
            (Some(status), stdout),
            "{line}: {ran:?}"
        );
    }
}

#[test]
fn variables_that_no_shell_can_name_get_through() {
    let bench = Bench::new();
    let mut command = bench.tool("sh");
    command
        .env("npm_config_//example.org/:_x", "1")
        .env("A", "2");
    let ran = run(command.args(["-c", "true; env"]), b"");
    assert!(
        ran.stdout.contains("npm_config_//example.org/:_x=1\n"),
        "{ran:?}"
    );
    assert!(
        ran.stdout.contains("\nA=2\n") || ran.stdout.starts_with("A=2\n"),
        "{ran:?}"
    );
    for line in ran.stdout.lines() {
        let name = line.split('=').next().unwrap();
        let known = ["PATH", "HOME", "A", "PWD", "OLDPWD", "SHLVL", "_"];
        assert!(
            known.contains(&name) || name.starts_with("npm_config_//"),
            "{line}"
        );
    }
}

/// The shell as the only process that its starter knows.
#[test]
fn the_last_command_takes_the_place_of_the_shell() {
    for line in [
        "sleep 60",
        "true && sleep 60",
        "cd / && X=1 exec sleep 60",
        "echo a >&2; sleep 60 2>&1",
    ] {
        let bench = Bench::new();
        let mut command = bench.tool("sh");
        let mut child = command
            .args(["-c", line])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let id = child.id();
        let name = || fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let mut tries = 0;
        while !name().starts_with("sleep\0") {
            thread::sleep(Duration::from_millis(10));
            tries += 1;
            assert!(tries < 500, "`{line}` is `{}`", name());
        }
        let pid = Pid::from_child(&child);
        kill_process(pid, Signal::TERM).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(15), "{line}");
    }
}

#[test]
fn a_shell_with_something_left_to_do_stays() {
    let bench = Bench::new();
    for (line, expected) in [
        ("trap 'echo bye' EXIT; echo a | cat", "a\nbye\n"),
        ("f() { echo f; }; f", "f\n"),
        ("sleep 2 && echo late & cat /dev/null", ""),
        ("trap 'echo bye' EXIT; sh -c true", "bye\n"),
        ("if true; then cat /dev/null; fi; echo b", "b\n"),
    ] {
        assert_eq!(bench.sh(line).stdout, expected, "{line}");
    }
}

#[test]
fn an_interrupt_ends_the_shell() {
    let bench = Bench::new();
    let mut command = bench.tool("sh");
    let mut child = command
        .args(["-c", "sleep 5; echo no; sleep 60"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_millis(150));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(2));
    assert_eq!(child.wait_with_output().unwrap().stdout, b"");
}

#[test]
fn bash_is_there_for_scripts_that_ask_for_it() {
    let bench = Bench::new();
    let mut command: Command = bench.tool("bash");
    let script = "set -euo pipefail; a=(x y); [[ ${a[1]} == y* ]] && echo \"${#a[@]} ${a[*]^^}\"; source /dev/null";
    let ran = run(command.args(["-c", script]), b"");
    assert_eq!(
        (ran.status, ran.stdout.as_str()),
        (Some(0), "2 X Y\n"),
        "{ran:?}"
    );
}
