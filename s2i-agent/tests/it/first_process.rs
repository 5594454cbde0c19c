//! What the agent does as the first process of a container.

use std::{fs, io::Read as _, os::unix::fs::MetadataExt as _};

use s2i_core::{
    ContainerPath, Times,
    wire::{Answer, Exit, FailureKind, Finish, Removal, Request},
};

use crate::{
    agent::{archive, exec, make_fifo, unpack},
    namespace::{OLD, Root},
};

const EPOCH: u64 = 1_700_000_000;

/// Tells every process by its number, its name and, where it has ended, a `Z`.
const LIST: &str = "for p in /proc/[0-9]*; do
    [ $p = /proc/$$ ] && continue
    read -r pid name state rest < $p/stat && echo $pid $name ${state%[RSDI]}
done";

fn sh(script: &str, user: &str) -> Request {
    Request::Exec(exec(&["/bin/sh", "-c", script], user))
}

fn finish(remove: &[&str], require: &[&str]) -> Request {
    Request::Finish(Finish {
        remove: remove.iter().map(|path| removal(path)).collect(),
        made: Vec::new(),
        aside: None,
        times: Some(Times {
            new: EPOCH,
            latest: None,
        }),
        require: require.iter().map(|path| path.parse().unwrap()).collect(),
    })
}

fn removal(path: &str) -> Removal {
    path.parse::<ContainerPath>().unwrap().into()
}

#[test]
fn its_own_file_is_gone_once_it_has_started() {
    let Some(root) = Root::new() else { return };
    let mut agent = root.start();
    assert!(!root.at(".s2i-agent").exists());
    agent.hang_up();
    assert_eq!(agent.wait().code(), Some(0));
}

#[test]
fn processes_in_other_sessions_end_with_the_script() {
    let Some(root) = Root::new() else { return };
    make_fifo(&root.at("alive"));
    let mut agent = root.start();
    let script = "setsid sh -c 'exec 3>/alive; echo hidden; exec sleep 1000' & wait";
    agent.request(&sh(script, ""));
    let mut alive = fs::File::open(root.at("alive")).unwrap();
    // The signal reaches the script, which waits, and not the hidden one.
    agent.say(s2i_core::wire::Kind::Signal, &[9]);
    assert_eq!(agent.listen().exit(), Exit::Signal(9));
    assert_eq!(alive.read_to_end(&mut Vec::new()).unwrap(), 0);
    assert_eq!(agent.ask(&finish(&[], &[])).answer(), Answer::Finished);
    // All of them are collected: not even a dead one is left.
    assert_eq!(agent.ask(&sh(LIST, "")).stdout(), "1 (.s2i-agent)\n");
}

#[test]
fn orphans_are_collected() {
    let Some(root) = Root::new() else { return };
    let mut agent = root.start();
    let heard = agent.ask(&sh(
        "for i in 1 2 3 4 5 6 7 8; do (sleep 0 &) ; done; exit 5",
        "",
    ));
    assert_eq!(heard.exit(), Exit::Code(5));
    assert_eq!(agent.ask(&finish(&[], &[])).answer(), Answer::Finished);
    assert_eq!(agent.ask(&sh(LIST, "")).stdout(), "1 (.s2i-agent)\n");
}

#[test]
fn everything_ends_with_its_input() {
    let Some(root) = Root::new() else { return };
    make_fifo(&root.at("alive"));
    let mut agent = root.start();
    agent.request(&sh(
        "setsid sh -c 'exec 3>/alive; exec sleep 1000' & wait",
        "",
    ));
    let mut alive = fs::File::open(root.at("alive")).unwrap();
    agent.hang_up();
    assert_eq!(alive.read_to_end(&mut Vec::new()).unwrap(), 0);
    assert_eq!(agent.wait().code(), Some(0));
}

#[test]
fn the_user_owns_the_source_and_has_no_rights_but_its_own() {
    let Some(root) = Root::new() else { return };
    let mut agent = root.start();
    let heard = agent.unpack(
        "/opt/app/src",
        "default",
        &archive(&[("main.go", b"package main\n")]),
    );
    assert!(matches!(heard.answer(), Answer::Unpacked(_)));
    let owner = |path: &str| fs::metadata(root.at(path)).unwrap().uid();
    assert_eq!(
        ["opt/app", "opt/app/src", "opt/app/src/main.go"].map(owner),
        [0, 1001, 1001]
    );

    let script = "id -u; id -g; id -G; echo $HOME
        while read -r name value; do
            case $name in CapEff:|CapPrm:|NoNewPrivs:) echo $name $value;; esac
        done < /proc/self/status
        echo x > /old && echo wrote
        exit 0";
    let heard = agent.ask(&sh(script, "default"));
    let expected = "1001\n0\n0 7\n/opt/app-root/src\n\
        CapPrm: 0000000000000000\nCapEff: 0000000000000000\nNoNewPrivs: 1\n";
    assert_eq!(heard.stdout(), expected);
    assert_eq!(fs::read(root.at("old")).unwrap(), b"old");
}

/// A user stays the one that was identified, although the image, or what goes into it, could make another one of it.
#[test]
fn account_of_a_user_does_not_change() {
    let Some(root) = Root::new() else { return };
    root.put(
        "etc/passwd",
        "toor:x:0:0::/:\n1001:x:0:0::/:\napp:x:1001:0::/:\n",
    );
    let mut agent = root.start();
    let mut uid = |user: &str| {
        let user = user.to_owned();
        agent.ask(&Request::Identify { user }).answer()
    };
    assert_eq!(uid("toor"), Answer::Identified { uid: 0 });
    assert_eq!(uid("1001"), Answer::Identified { uid: 1001 });
    assert_eq!(uid("app:0"), Answer::Identified { uid: 1001 });
    fs::write(root.at("etc/passwd"), "app:x:0:0::/:\n").unwrap();
    assert_eq!(agent.ask(&sh("id -u", "app:0")).stdout(), "1001\n");
    assert_eq!(agent.ask(&sh("id -u", "1001")).stdout(), "1001\n");
}

#[test]
fn a_working_directory_that_is_closed_is_not_blamed_on_the_program() {
    let Some(root) = Root::new() else { return };
    let mut agent = root.start();
    assert_eq!(
        agent.ask(&sh("mkdir -m 700 /root", "")).exit(),
        Exit::Code(0)
    );
    let mut run = exec(&["/bin/sh", "-c", "true"], "1001");
    run.cwd = "/root".parse().unwrap();
    let failure = agent.ask(&Request::Exec(run)).failure();
    assert_eq!(failure.kind, FailureKind::Os);
    assert_eq!(
        failure.message,
        "the user `1001` can't enter the directory `/root`"
    );
}

#[test]
fn finishing_makes_times_equal_and_leaves_older_ones() {
    let Some(root) = Root::new() else { return };
    fs::create_dir(root.at("kept")).unwrap();
    let mut agent = root.start();
    let script = "mkdir /new; echo 1 > /new/file; ln -s /nowhere /new/link; echo 2 > /kept/file
        echo 3 > /new/older; touch -d @5 /new/older
        touch -d @4000000000 /new/later
        echo changed > /etc/passwd";
    assert_eq!(agent.ask(&sh(script, "")).exit(), Exit::Code(0));
    assert_eq!(agent.ask(&finish(&[], &[])).answer(), Answer::Finished);
    for path in [
        "",
        "new",
        "new/file",
        "new/link",
        "new/later",
        "kept",
        "kept/file",
        "etc/passwd",
    ] {
        assert_eq!(root.mtime(path), EPOCH, "/{path}");
    }
    assert_eq!(root.mtime("new/older"), 5);
    assert_eq!(root.mtime("old"), OLD);
    assert_eq!(fs::read(root.at("old")).unwrap(), b"old");
}

#[test]
fn no_file_that_changed_is_later_than_the_latest() {
    let Some(root) = Root::new() else { return };
    let mut agent = root.start();
    let script =
        "echo 1 > /file; echo 2 > /older; touch -d @5 /older; echo 3 > /later; touch -d @60 /later";
    assert_eq!(agent.ask(&sh(script, "")).exit(), Exit::Code(0));
    let request = Request::Finish(Finish {
        remove: Vec::new(),
        made: Vec::new(),
        aside: None,
        times: Some(Times {
            new: 40,
            latest: Some(50),
        }),
        require: Vec::new(),
    });
    assert_eq!(agent.ask(&request).answer(), Answer::Finished);
    let times = ["file", "older", "later", "old"].map(|name| root.mtime(name));
    assert_eq!(times, [40, 5, 50, OLD]);
}

#[test]
fn directories_are_moved_aside_whole_and_the_rest_is_removed() {
    let Some(root) = Root::new() else { return };
    let mut agent = root.start();
    let script = "mkdir -p /src/deep /other /gone-2/full /empty /used; echo u >/used/file; echo x >/src/deep/file; echo y >/file; echo z >/other/file";
    agent.ask(&sh(script, ""));
    let paths = ["/src", "/file", "/other", "/nothing"];
    let request = Request::Finish(Finish {
        remove: paths.map(removal).into(),
        made: ["/src", "/empty", "/used", "/never"]
            .map(|path| path.parse().unwrap())
            .into(),
        aside: Some("/gone-".parse().unwrap()),
        times: None,
        require: Vec::new(),
    });
    assert_eq!(agent.ask(&request).answer(), Answer::Finished);
    for path in paths {
        assert!(!root.at(&path[1..]).exists(), "{path}");
    }
    assert_eq!(
        fs::read_to_string(root.at("gone-0/deep/file")).unwrap(),
        "x\n"
    );
    assert!(!root.at("empty").exists());
    assert!(root.at("used/file").exists());
    // A file is no work to remove, and there was something in the way of the other directory.
    assert!(!root.at("gone-1").exists());
    assert!(!root.at("gone-2/file").exists());
}

#[test]
fn finishing_removes_what_must_not_stay_and_what_was_made_for_it() {
    let Some(root) = Root::new() else { return };
    fs::create_dir(root.at("victim")).unwrap();
    root.put("victim/file", "stays");
    let mut agent = root.start();
    for into in ["/made/a/src", "/made/b/scripts", "/srv/deep/src"] {
        let heard = agent.unpack(into, "", &archive(&[("x/y", b"1")]));
        assert!(matches!(heard.answer(), Answer::Unpacked(_)));
    }
    let script =
        "echo in use > /made/b/own; ln -s /victim /made/a/src/x/link; ln -s /victim /srv/link";
    assert_eq!(agent.ask(&sh(script, "")).exit(), Exit::Code(0));
    let gone = [
        "/made/a/src",
        "/made/b/scripts",
        "/srv/deep/src",
        "/srv/link",
        "/no/such",
        "/old/x",
    ];
    assert_eq!(agent.ask(&finish(&gone, &[])).answer(), Answer::Finished);
    for path in ["made/a", "made/b/scripts", "srv"] {
        assert!(!root.at(path).exists(), "/{path} is left");
    }
    assert!(root.at("made/b/own").exists());
    assert_eq!(fs::read(root.at("victim/file")).unwrap(), b"stays");
}

/// An empty directory stays as well: a script that lists it must not fail.
#[test]
fn paths_stay_for_a_program_that_needs_them() {
    let Some(root) = Root::new() else { return };
    let mut agent = root.start();
    for into in ["/tmp/src", "/tmp/artifacts", "/tmp/other"] {
        agent.unpack(into, "", b"").answer();
    }
    let script = "echo text >/tmp/src/file; echo >/not-executable";
    assert_eq!(agent.ask(&sh(script, "")).exit(), Exit::Code(0));
    let removals = [
        ("/tmp/src", Some("/bin/sh")),
        ("/tmp/artifacts", Some("/bin/sh")),
        ("/tmp/other", Some("/not-executable")),
        ("/not-executable", Some("/bin/missing")),
    ];
    let removals = removals.map(|(path, unless)| Removal {
        unless: unless.map(|program| program.parse().unwrap()),
        ..removal(path)
    });
    let request = Request::Finish(Finish {
        remove: removals.into(),
        made: Vec::new(),
        aside: None,
        times: None,
        require: Vec::new(),
    });
    assert_eq!(agent.ask(&request).answer(), Answer::Finished);
    assert!(root.at("tmp/src/file").exists());
    assert!(root.at("tmp/artifacts").exists());
    assert!(!root.at("tmp/other").exists());
    assert!(!root.at("not-executable").exists());
}

#[test]
fn finishing_checks_the_command() {
    let Some(root) = Root::new() else { return };
    let mut agent = root.start();
    for (path, why) in [
        ("/bin/absent", "is not there"),
        ("/old", "is not executable"),
        ("/etc", "is not executable"),
    ] {
        let failure = agent.ask(&finish(&[], &["/bin/sh", path])).failure();
        assert_eq!(failure.kind, FailureKind::Requirement);
        let expected = format!("`{path}` would be the command of the image and {why}");
        assert_eq!(failure.message, expected);
    }
    assert_eq!(
        agent.ask(&finish(&[], &["/bin/sh"])).answer(),
        Answer::Finished
    );
}

/// The host may go away in the middle; what was made of the archive goes with the container.
#[test]
fn an_upload_that_stops_ends_it() {
    let Some(root) = Root::new() else { return };
    let mut agent = root.start();
    agent.request(&unpack("/tmp/src", "default"));
    agent.hang_up();
    assert_eq!(agent.wait().code(), Some(0));
}
