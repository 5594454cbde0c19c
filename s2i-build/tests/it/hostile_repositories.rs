//! Repositories, servers and requests that try to run a program by way of Git, or to have more fetched
//! than one commit. A canary is a file that only such a program would make.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Command,
    sync::mpsc,
    thread,
};

use s2i_build::{
    BuildContext, CancelToken,
    event::Progress,
    ports::SourceReader as _,
    request::{SourceLocation, SourceRequest},
    source::LocalAndGit,
};

use s2i_core::ErrorChain;

use crate::place::{Place, names};

/// Git that notes its arguments beside the directory that it works in, a line each and an empty one after the
/// last, and talks to no server.
fn recording_git() -> Command {
    let script = r#"printf '%s\n' "$@" '' >>../arguments; GIT_ALLOW_PROTOCOL=file exec git "$@""#;
    let mut command = Command::new("sh");
    command.args(["-c", script, "git"]);
    command
}

/// The arguments of every call of Git for a request.
fn calls(place: &Place, location: &str, reference: Option<&str>) -> Vec<Vec<String>> {
    let Ok(location) = location.parse::<SourceLocation>() else {
        return Vec::new();
    };
    let request = SourceRequest {
        git_ref: reference.map(str::to_owned),
        ..SourceRequest::new(location)
    };
    let source = LocalAndGit {
        working_dir: place.path(""),
        temp_dir: place.path("tmp"),
        git: recording_git,
        ..place.source()
    };
    let (progress, cancel) = (Progress::new(&()), CancelToken::default());
    let fetch = source.fetch(&request, BuildContext::new(&progress, &cancel));
    // Most of these can't be fetched, and what Git was asked is what matters.
    drop(pollster::block_on(fetch));
    // In the checkout, and in the repository where that is a local one.
    let noted = ["tmp/arguments", "arguments"].map(|name| place.path(name));
    let mut calls = Vec::new();
    for path in noted.iter().filter(|path| path.exists()) {
        let text = fs::read_to_string(path).unwrap();
        fs::remove_file(path).unwrap();
        let noted = text.trim_end().split("\n\n");
        calls.extend(noted.map(|call| call.lines().map(str::to_owned).collect()));
    }
    calls
}

/// CVE-2017-1000117 and its like.
#[test]
fn git_gets_text_of_the_request_only_where_options_have_ended() {
    let place = Place::new();
    place.write("main.go", "1");
    place.git(&["init", "-q"]);
    place.commit();
    place.git(&["branch", "evil"]);
    let local = format!("file://{}", place.path("app").display());
    let locations = [
        local.as_str(),
        "https://evil.example.org/a/--upload-pack=x",
        "https://example.org/a --upload-pack=evil",
        "ssh://evil.example.org/~-evil",
        "git@evil.example.org:app.git",
        "git@example.org:a/--upload-pack=evil",
    ];
    let references = ["evil", "evil/--upload-pack=x", "+evil", "@evil", "0123abcd"];
    for location in locations {
        for reference in references {
            let calls = calls(&place, location, Some(reference));
            let has = |arguments: &[String]| {
                let is_given = |text: &String| text.contains(location) || text.contains(reference);
                arguments.iter().any(is_given)
            };
            assert!(calls.iter().any(|call| has(call)), "{location} {reference}");
            for call in calls {
                let end = call.iter().position(|text| text == "--end-of-options");
                let options = &call[..end.unwrap_or(call.len())];
                assert!(!has(options), "{location} {reference}: {call:?}");
            }
        }
    }
}

#[test]
fn git_is_not_started_for_what_could_be_an_option() {
    let place = Place::new();
    place.write("main.go", "1");
    place.git(&["init", "-q"]);
    place.commit();
    let local = format!("file://{}", place.path("app").display());
    let is_asked = |location: &str, reference| {
        let calls = calls(&place, location, reference);
        // An empty repository is made before anything is asked.
        let asked = calls.iter().filter(|call| !call.contains(&"init".into()));
        asked.count() > 0
    };
    assert!(is_asked(&local, Some("main")));
    for reference in [
        "-h",
        "--upload-pack=touch x",
        "-",
        "--",
        "main:refs/heads/x",
        "a..b",
        "@{-1}",
    ] {
        assert!(!is_asked(&local, Some(reference)), "{reference}");
    }
    for location in [
        "ssh://-oProxyCommand=touch x/y",
        "ssh://user@-oProxyCommand=touch x/y",
        "ssh://-oProxyCommand=touch@example.org/y",
        "-oProxyCommand=touch:x",
        "user@-oProxyCommand=touch:x",
        "example.org:-x",
        "https://-u/x",
        "git://example.org/-x",
        "--upload-pack=touch x",
        "-h",
        "ext::sh -c touch% x",
        "fd::7",
        "https::ext::sh",
        "https://example.org/\nx",
    ] {
        assert!(!is_asked(location, None), "{location}");
    }
}

/// A directory with the file `name`, a program that makes `canary`.
fn program(name: &Path, canary: &Path) {
    fs::create_dir_all(name.parent().unwrap()).unwrap();
    fs::write(name, format!("#!/bin/sh\ntouch {}\n", canary.display())).unwrap();
    fs::set_permissions(name, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The keys of a configuration that name a program.
const COMMAND_KEYS: [&str; 38] = [
    "alias.checkout",
    "alias.fetch",
    "alias.log",
    "browser.evil.cmd",
    "core.alternateRefsCommand",
    "core.askPass",
    "core.editor",
    "core.fsmonitor",
    "core.gitProxy",
    "core.pager",
    "core.sshCommand",
    "credential.helper",
    "credential.https://example.org.helper",
    "diff.evil.command",
    "diff.evil.textconv",
    "diff.external",
    "difftool.evil.cmd",
    "filter.evil.clean",
    "filter.evil.process",
    "filter.evil.smudge",
    "gpg.program",
    "gpg.ssh.defaultKeyCommand",
    "gpg.ssh.program",
    "gpg.x509.program",
    "interactive.diffFilter",
    "merge.evil.driver",
    "mergetool.evil.cmd",
    "pager.fetch",
    "pager.log",
    "remote.origin.receivepack",
    "remote.origin.uploadpack",
    "sequence.editor",
    "sendemail.smtpServer",
    "submodule.evil.update",
    "tar.evil.command",
    "trailer.evil.command",
    "uploadpack.packObjectsHook",
    "web.browser",
];

const HOOKS: [&str; 9] = [
    "fsmonitor-watchman",
    "post-checkout",
    "post-index-change",
    "post-merge",
    "post-upload-pack",
    "pre-auto-gc",
    "pre-receive",
    "proc-receive",
    "reference-transaction",
];

/// CVE-2024-45496: everything in a repository's own configuration that could run a program, in one.
#[test]
fn repository_settings_run_no_program() {
    let place = Place::new();
    let canary = place.path("canary");
    let touch = format!("touch {}", canary.display());
    place.write("main.go", "1");
    place.write(".gitattributes", "* filter=evil diff=evil merge=evil\n");
    place.git(&["init", "-q"]);
    place.commit();
    for hook in HOOKS {
        program(&place.path("app/.git/hooks").join(hook), &canary);
        program(&place.path("hooks").join(hook), &canary);
    }
    for key in COMMAND_KEYS {
        place.git(&["config", key, &touch]);
    }
    for (key, value) in [
        ("core.hooksPath", place.path("hooks").to_str().unwrap()),
        ("diff.trustExitCode", "true"),
        ("filter.evil.required", "true"),
        ("log.showSignature", "true"),
        ("protocol.ext.allow", "always"),
        ("url.ext::touch .insteadOf", "file:///"),
    ] {
        place.git(&["config", key, value]);
    }
    let _ = fs::remove_file(&canary);
    place.check(
        &place.request(),
        Ok(".gitattributes=* filter=evil diff=evil merge=evil main.go=1"),
    );
    assert!(!canary.exists());
}

/// A submodule: its name, its path, its address (empty for a harmless one), more of its entry in `.gitmodules`, and
/// the error, `None` where it is fetched and nothing more.
const SUBMODULES: [(&str, &str, &str, &str, Option<&str>); 10] = [
    ("plain", "plain", "", "", None),
    // CVE-2018-11235.
    ("../../evil", "named", "", "", Some("its name")),
    // CVE-2018-17456.
    ("option", "-evil", "", "", Some("its path")),
    ("address", "address", "-u./payload", "", Some("its address")),
    (
        "host",
        "host",
        "ssh://-oProxyCommand=touch/x",
        "",
        Some("starts with `-`"),
    ),
    // CVE-2025-48384: Git reads the path without its end and makes the directory with it.
    ("end", "end\r", "", "", Some("its path")),
    // CVE-2024-32002: where names have no case, `A` is the link.
    ("case", "A/modules/evil", "", "", None),
    // CVE-2019-19604.
    ("command", "command", "", "update = !touch CANARY\n", None),
    (
        "helper",
        "helper",
        "ext::touch CANARY",
        "",
        Some("over `ext`"),
    ),
    (
        "other",
        "other",
        "../../../../../../../../x",
        "",
        Some("leads above"),
    ),
];

/// Git of a user who allows submodules on this machine.
fn git_that_allows_files() -> Command {
    let mut command = Command::new("git");
    command.env("GIT_CONFIG_COUNT", "1");
    command.env("GIT_CONFIG_KEY_0", "protocol.file.allow");
    command.env("GIT_CONFIG_VALUE_0", "always");
    command
}

#[test]
fn hostile_submodules_are_refused() {
    for (name, path, url, more, expected) in SUBMODULES {
        let place = Place::new();
        let canary = place.path("canary");
        let inner = place.path("inner");
        program(&inner.join("inside"), &canary);
        let commit = repository(&inner);
        program(&inner.join(".git/hooks/post-checkout"), &canary);
        place.write("main.go", "1");
        symlink(".git", place.path("app/a")).unwrap();
        let canary_path = canary.to_str().unwrap();
        let more = more.replace("CANARY", canary_path);
        let url = match url {
            "" => inner.to_str().unwrap().to_owned(),
            url => url.replace("CANARY", canary_path),
        };
        let modules = format!("[submodule \"{name}\"]\npath = \"{path}\"\nurl = {url}\n{more}");
        place.write(".gitmodules", &modules);
        place.git(&["init", "-q"]);
        place.git(&["add", "-A"]);
        let link = format!("160000,{commit},{path}");
        place.git(&["update-index", "--add", "--cacheinfo", &link]);
        place.git(&["commit", "-q", "-m", "A submodule"]);
        let source = LocalAndGit {
            git: git_that_allows_files,
            ..place.source()
        };
        let (progress, cancel) = (Progress::new(&()), CancelToken::default());
        let context = BuildContext::new(&progress, &cancel);
        let fetched = pollster::block_on(source.fetch(&place.request(), context));
        match (fetched, expected) {
            (Ok(fetched), None) => {
                let found = names(&fetched);
                assert!(
                    found.contains(&format!("{path}/inside=")),
                    "{path}: {found}"
                );
            }
            (Err(err), Some(expected)) => {
                let text = ErrorChain(&err).to_string();
                let start = format!("can't fetch the submodule `{path}`: ");
                assert!(
                    text.starts_with(&start) && text.contains(expected),
                    "{text}"
                );
            }
            (fetched, _) => panic!("{path:?}: {:?}", fetched.map(|fetched| fetched.facts)),
        }
        assert!(!canary.exists(), "{path:?}");
    }
}

/// Makes a repository of a directory; gives the id of its one commit.
fn repository(dir: &Path) -> String {
    let git = |args: &[&str]| {
        let identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"];
        let mut command = Command::new("git");
        let output = command.args(identity).args(args).current_dir(dir).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    git(&["init", "-q"]);
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "First"]);
    git(&["rev-parse", "HEAD"])
}

/// CVE-2025-48385: a bundle that a server names is written to a path of its choice.
#[test]
fn advertised_bundle_is_not_fetched() {
    let place = Place::new();
    place.write("main.go", "1");
    place.git(&["init", "-q"]);
    place.commit();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let bundle = format!("http://{}/evil.bundle", server.local_addr().unwrap());
    let (asked, was_asked) = mpsc::channel();
    thread::spawn(move || server.incoming().try_for_each(|_| asked.send(())));
    for (key, value) in [
        ("uploadpack.advertiseBundleURIs", "true"),
        ("transfer.bundleURI", "true"),
        ("fetch.bundleURI", &bundle),
        ("bundle.version", "1"),
        ("bundle.mode", "all"),
        ("bundle.evil.uri", &bundle),
    ] {
        place.git(&["config", key, value]);
    }
    place.check(&place.request(), Ok("main.go=1"));
    // Git asks while it fetches, or never.
    assert!(
        was_asked.try_recv().is_err(),
        "something asked for the bundle"
    );
    // Before version 2.40 it knows no bundles of servers.
    let url = format!("file://{}", place.path("app").display());
    let off = String::from("transfer.bundleURI=false");
    let calls = calls(&place, &url, None);
    assert!(!calls.is_empty() && calls.iter().all(|call| call.contains(&off)));
}

/// CVE-2024-32004: a repository that lacks an object names the program by which Git gets it.
#[test]
fn missing_objects_are_not_fetched_lazily() {
    let place = Place::new();
    let canary = place.path("canary");
    place.write("main.go", "1");
    place.git(&["init", "-q"]);
    place.commit();
    let app = place.path("app");
    remove_object(&app, "HEAD:main.go");
    let touch = format!("touch {}", canary.display());
    let helper = format!("ext::{touch}");
    for (key, value) in [
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "evil"),
        ("remote.evil.promisor", "true"),
        ("protocol.ext.allow", "always"),
        ("protocol.file.allow", "always"),
    ] {
        place.git(&["config", key, value]);
    }
    for (key, value) in [
        ("remote.evil.url", helper.as_str()),
        ("remote.evil.uploadpack", &touch),
    ] {
        place.git(&["config", "remote.evil.url", app.to_str().unwrap()]);
        place.git(&["config", key, value]);
        // Git that works in this repository does run it.
        let mut show = Command::new("git");
        let shown = show
            .args(["show", "HEAD:main.go"])
            .current_dir(&app)
            .output();
        assert!(!shown.unwrap().status.success());
        fs::remove_file(&canary).unwrap();
        assert!(place.fetch(&place.request()).is_err());
        assert!(!canary.exists(), "{key}");
    }
}

/// Takes an object out of a repository that was not packed yet.
fn remove_object(repository: &Path, name: &str) {
    let mut command = Command::new("git");
    let output = command.args(["rev-parse", name]).current_dir(repository);
    let id = String::from_utf8(output.output().unwrap().stdout).unwrap();
    let (first, rest) = id.trim().split_at(2);
    let object: PathBuf = [".git", "objects", first, rest].iter().collect();
    fs::remove_file(repository.join(object)).unwrap();
}
