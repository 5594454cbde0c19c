//! The tools, by both of their names.

use std::process::Command;

use crate::bench::{Bench, has_dash, program, run};

/// Lines whose output is the same with the tools of a distribution.
const LINES: &[&str] = &[
    "printf 'b\\na\\nb\\n' | sort | uniq -c | tr -s ' '",
    "printf '1\\n10\\n2\\n' | sort -n | head -2; printf 'a\\nb\\n' | tail -1; printf 'x y z\\n' | cut -d' ' -f2",
    "printf 'abc\\n' | tr a-c A-C; printf 'a,b\\n' | tr , '\\n' | wc -l",
    "mkdir -p a/b; touch a/b/c; cp -r a d; cp -a a e; mv d f; ls f/b e/b; rm -rf a f; ls",
    "mkdir -m 750 d; stat -c %a d; chmod u+x,g=u,o-rwx d; stat -c %a d; chmod 0755 d; stat -c %a d",
    "echo a > a; ln -s a l; readlink l; ln a h; stat -c %h a; readlink -f l > f; basename $(cat f)",
    "basename /a/b.c .c; dirname /a/b/c; realpath / ; seq 3; seq 1 2 5; expr 1 + 2",
    "id -u; whoami; uname -s; echo $(pwd) > p; [ -s p ] && nproc > n && [ -s n ] && echo ok",
    "env -i A=1 env; env X=2 sh -c 'echo $X'; echo b | tee c; cat c; date -u -d @0 +%Y-%m-%d",
    "touch -d @0 f; date -u -r f +%s; head -c 3 /dev/zero | wc -c; printf 'a\\n' | cat -n | tr -s ' '",
    "/bin/echo a; env printf '%s\\n' b; env true && echo t; env false || echo f; env test a = a && echo same",
    "env [ a = b ] || echo other; rmdir none 2>/dev/null || echo none; mktemp -u /tmp/x.XXXX | wc -c",
    "seq 100000 | head -1; cat /nowhere 2>/dev/null; echo $?",
    "ls -1 /nowhere 2>/dev/null; echo $?; mkdir a && mkdir a 2>/dev/null; echo $?; rm -f none; echo $?",
];

#[test]
fn tools_do_what_they_do_elsewhere() {
    if !has_dash() {
        return;
    }
    for line in LINES {
        let (theirs, ours) = (Bench::new().dash(line), Bench::new().sh(line));
        assert_eq!(
            (theirs.status, theirs.stdout),
            (ours.status, ours.stdout),
            "{line}\n{}",
            ours.stderr
        );
    }
}

#[test]
fn programs_are_found_on_the_path() {
    let bench = Bench::new();
    let bin = bench.bin();
    let bin = bin.display();
    let ran =
        bench.sh("which cat nothing-of-this-name; echo $?; which -a sh; which ./none; echo $?");
    assert_eq!(ran.stdout, format!("{bin}/cat\n1\n{bin}/sh\n1\n"));
}

#[test]
fn messages_are_texts() {
    let bench = Bench::new();
    for (line, expected) in [
        ("cat /nowhere", "cat: /nowhere: No such file or directory\n"),
        (
            "ls /nowhere",
            "ls: cannot access '/nowhere': No such file or directory\n",
        ),
        (
            "rm /nowhere",
            "rm: cannot remove '/nowhere': No such file or directory\n",
        ),
    ] {
        assert_eq!(bench.sh(&format!("{line}; true")).stderr, expected);
    }
}

#[test]
fn tools_can_be_called_without_links() {
    let program = program();
    let ran = run(Command::new(&program).args(["cat", "/dev/null"]), b"");
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), ""));
    let ran = run(
        Command::new(&program).args(["sh", "-c", "echo $0 $1", "a", "b"]),
        b"",
    );
    assert_eq!(ran.stdout, "a b\n");
    let ran = run(
        Command::new(&program).args(["tar", "-tf", "/dev/null"]),
        b"",
    );
    assert_eq!(ran.status, Some(2));
    let ran = run(&mut Command::new(&program), b"");
    assert_eq!(ran.status, Some(0));
    assert!(ran.stderr.starts_with("usage: s2i-toolbox NAME"), "{ran:?}");
    let ran = run(Command::new(&program).arg("vi"), b"");
    assert_eq!(ran.status, Some(127));
    assert!(
        ran.stderr.contains("there is no tool `vi` in it"),
        "{ran:?}"
    );
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    let bench = Bench::new();
    for line in [
        "seq 1000000 | head -1",
        "cat /dev/zero | head -c 2",
        "while :; do echo a; done | head -1",
    ] {
        let ran = bench.sh(line);
        assert_eq!(
            (ran.status, ran.stderr.as_str()),
            (Some(0), ""),
            "{line}: {ran:?}"
        );
    }
}
