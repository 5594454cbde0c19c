//! Injected files: there for the script, gone afterwards, and not copied anywhere.

use std::{fs, os::unix::fs::MetadataExt as _};

use s2i_core::{
    ContainerPath, Times,
    archive::Writer,
    wire::{Answer, Exit, FailureKind, Finish, Kind, Request},
};

use crate::{
    agent::{Agent, Heard, archive, exec},
    namespace::{OLD, Root},
};

const SECRET: &str = "correct horse battery staple";

fn sh(script: &str, user: &str) -> Request {
    Request::Exec(exec(&["/bin/sh", "-c", script], user))
}

/// The request before a commit. Without a time the process that makes the layer sets it, and the agent only searches.
fn finish(mtime: Option<u64>) -> Request {
    Request::Finish(Finish {
        remove: Vec::new(),
        made: Vec::new(),
        aside: None,
        times: mtime.map(|new| Times { new, latest: None }),
        require: Vec::new(),
    })
}

fn inject(agent: &mut Agent, into: &str, archive: &[u8]) -> Heard {
    agent.request(&Request::Inject {
        into: into.parse().unwrap(),
        user: "default".into(),
    });
    agent.say(Kind::Data, archive);
    agent.end(archive.len());
    agent.listen()
}

#[test]
fn injected_files_are_there_for_the_script_and_gone_afterwards() {
    let Some(root) = Root::new() else { return };
    fs::create_dir(root.at("opt")).unwrap();
    fs::create_dir(root.at("opt/there")).unwrap();
    let mut files = Writer::new(Vec::new(), 0);
    files.directory("sub", 0o777).unwrap();
    files
        .file(
            "sub/token",
            0o666,
            29,
            &mut format!("{SECRET}\n").as_bytes(),
        )
        .unwrap();
    files.symlink("link", "sub/token").unwrap();
    files.file("there/tool", 0o755, 2, &mut &b"#!"[..]).unwrap();
    let files = files.finish().unwrap().0;
    let mut agent = root.start();
    for into in ["/opt", "/etc/new"] {
        let heard = inject(&mut agent, into, &files[..]);
        if into == "/etc/new" {
            // `there` is missing, and was not announced.
            assert_eq!(heard.failure().kind, FailureKind::Os);
        } else {
            assert!(matches!(heard.answer(), Answer::Unpacked(_)));
        }
    }
    let script = "read line </opt/link && echo $line; [ -x /opt/there/tool ] || exit 1; echo own >/opt/sub/own";
    let heard = agent.ask(&sh(script, "default"));
    assert_eq!(heard.exit(), Exit::Code(0));
    assert_eq!(heard.stdout(), format!("{SECRET}\n"));
    let metadata = fs::metadata(root.at("opt/sub/token")).unwrap();
    assert_eq!((metadata.mode() & 0o7777, metadata.uid()), (0o644, 1001));
    assert_eq!(agent.ask(&finish(None)).answer(), Answer::Finished);
    for path in ["opt/sub/token", "opt/link", "opt/there/tool", "etc/new"] {
        assert!(root.at(path).symlink_metadata().is_err(), "{path}");
    }
    for path in ["opt/sub/own", "opt/there"] {
        assert!(root.at(path).exists(), "{path}");
    }
}

#[test]
fn copies_of_injected_content_are_refused() {
    for (script, found) in [
        ("echo x${word}x >/tmp/copy", "/tmp/copy"),
        (
            "mkdir /tmp/a; ln /tmp/in/token /tmp/a/moved",
            "/tmp/a/moved",
        ),
        ("echo $word >/tmp/old; touch -d @5 /tmp/old", "/tmp/old"),
        ("ln -s \"$word\" /tmp/link", "/tmp/link"),
        (
            "echo x >\"/tmp/$word\"",
            "/tmp/correct horse battery staple",
        ),
    ] {
        for mtime in [None, Some(7)] {
            let Some(root) = Root::new() else { return };
            let mut agent = root.start();
            let content = format!(" {SECRET}\n");
            let files = archive(&[("token", content.as_bytes())]);
            inject(&mut agent, "/tmp/in", &files).answer();
            let script = format!("read -r word </tmp/in/token; {script}");
            assert_eq!(agent.ask(&sh(&script, "default")).exit(), Exit::Code(0));
            let failure = agent.ask(&finish(mtime)).failure();
            assert_eq!(failure.kind, FailureKind::Leak, "{script}");
            let injected = "has the content of the injected file `/tmp/in/token`";
            assert_eq!(failure.message, format!("`{found}` {injected}"));
        }
    }
}

#[test]
fn files_of_the_image_come_back() {
    let Some(root) = Root::new() else { return };
    fs::create_dir(root.at("conf")).unwrap();
    root.put("conf/settings", "of the image");
    let mut agent = root.start();
    inject(
        &mut agent,
        "/conf",
        &archive(&[("settings", b"of the caller")]),
    )
    .answer();
    let heard = agent.ask(&sh(
        "read line </conf/settings; echo $line; echo more >>/conf/settings",
        "default",
    ));
    assert_eq!(heard.stdout(), "of the caller\n");
    assert_eq!(agent.ask(&finish(Some(7))).answer(), Answer::Finished);
    assert_eq!(
        fs::read_to_string(root.at("conf/settings")).unwrap(),
        "of the image"
    );
    assert_eq!(root.mtime("conf/settings"), OLD);
    assert_eq!(fs::read_dir(root.at("conf")).unwrap().count(), 1);
}

#[test]
fn places_that_can_not_be_are_refused() {
    let Some(root) = Root::new() else { return };
    let mut agent = root.start();
    for (into, name, why) in [
        (
            "/no/such",
            "file",
            "can't inject into `/no/such`: the directory above it does not exist",
        ),
        (
            "/old",
            "file",
            "can't inject into `/old`: it is not a directory",
        ),
        (
            "/",
            "etc",
            "can't inject `/etc`: the image has a directory there",
        ),
    ] {
        let failure = inject(&mut agent, into, &archive(&[(name, b"x")])).failure();
        assert_eq!(
            (failure.kind, &*failure.message),
            (FailureKind::Injection, why)
        );
    }
}

/// A link that the script puts in place of a directory does not lead the removal out of it.
#[test]
fn removal_follows_no_link_of_the_script() {
    let Some(root) = Root::new() else { return };
    fs::create_dir(root.at("victim")).unwrap();
    root.put("victim/token", "stays");
    let mut agent = root.start();
    inject(
        &mut agent,
        "/tmp/in",
        &archive(&[("token", SECRET.as_bytes())]),
    )
    .answer();
    let script = "mkdir /tmp/aside; ln -s /victim /tmp/aside/in";
    assert_eq!(agent.ask(&sh(script, "")).exit(), Exit::Code(0));
    fs::rename(root.at("tmp/in"), root.at("tmp/aside/real")).unwrap();
    fs::rename(root.at("tmp/aside/in"), root.at("tmp/in")).unwrap();
    assert_eq!(agent.ask(&finish(Some(7))).answer(), Answer::Finished);
    assert_eq!(fs::read(root.at("victim/token")).unwrap(), b"stays");
    assert!(!root.at("tmp/aside/real/token").exists());
}

#[test]
fn what_is_mounted_is_not_removed() {
    let Some(root) = Root::new() else { return };
    root.put("proc-like", "goes");
    let mut agent = root.start();
    let request = Request::Finish(Finish {
        remove: ["/proc", "/proc-like"]
            .map(|path| path.parse::<ContainerPath>().unwrap().into())
            .into(),
        made: Vec::new(),
        aside: None,
        times: None,
        require: Vec::new(),
    });
    assert_eq!(agent.ask(&request).answer(), Answer::Finished);
    assert!(root.at("proc").exists() && !root.at("proc-like").exists());
}

#[test]
fn root_can_give_up_capabilities() {
    let Some(root) = Root::new() else { return };
    let mut agent = root.start();
    let mut dropping = exec(
        &[
            "/bin/sh",
            "-c",
            "while read -r name value; do [ $name = CapEff: ] && echo $value; done </proc/self/status",
        ],
        "",
    );
    let all = agent.ask(&Request::Exec(dropping.clone())).stdout();
    dropping.without = vec!["ALL".parse().unwrap()];
    let none = agent.ask(&Request::Exec(dropping.clone()));
    assert_eq!(none.stdout(), "0000000000000000\n");
    assert_ne!(all, none.stdout());
    dropping.without = vec!["CHOWN".parse().unwrap()];
    let most = agent.ask(&Request::Exec(dropping)).stdout();
    let bits = |text: &str| u64::from_str_radix(text.trim(), 16).unwrap();
    assert_eq!(bits(&most), bits(&all) & !1);
}
