//! Directories and Git repositories, with the real `git`.

use std::{
    fs,
    os::unix::fs::{chown, symlink},
    path::Path,
    process::Command,
    sync::mpsc,
    thread,
    time::Duration,
};

use s2i_build::{
    BuildContext, CancelToken, Notice, SourceError,
    event::{Event, EventSink, Progress},
    ports::SourceReader as _,
    request::SourceRequest,
    source::LocalAndGit,
};
use s2i_core::Script;

use crate::place::{Place, git, names};

#[test]
fn directory_is_read_with_uncommitted_files() {
    let place = Place::new();
    place.write("main.go", "1");
    place.write("docs/a.md", "2");
    place.write(".s2iignore", "docs\n");
    place.check(&place.request(), Ok(".s2iignore=docs main.go=1"));
}

#[test]
fn a_repository_is_built_from_its_commit_and_its_files_with_copy() {
    let place = Place::new();
    place.write("main.go", "committed");
    place.git(&["init", "-q"]);
    place.commit();
    place.write("main.go", "changed");
    place.check(&place.request(), Ok("main.go=committed"));
    let copy = SourceRequest {
        copy: true,
        ..place.request()
    };
    place.check(&copy, Ok("main.go=changed"));
    let commit = place.fetch(&place.request()).unwrap().facts.commit.unwrap();
    assert_eq!(
        (
            &commit.reference[..],
            &commit.author[..],
            &commit.subject[..]
        ),
        ("main", "A <a@example.org>", "A subject")
    );
    assert_eq!(commit.id.len(), 40);
}

/// The newest tag of the commit counts, and an annotated tag is newer than its commit; of equally new ones, the highest
/// version. A requested tag comes first.
#[test]
fn commit_has_its_tag() {
    let place = Place::new();
    place.write("main.go", "one");
    place.git(&["init", "-q"]);
    place.commit();
    place.git(&["tag", "v0.1"]);
    place.write("main.go", "two");
    place.commit();
    let tag = |reference: Option<&str>, exclude: &str| {
        let mut request = place.request();
        request.git_ref = reference.map(str::to_owned);
        request.exclude = exclude.into();
        place.fetch(&request).unwrap().facts.commit.unwrap().tag
    };
    let usual = place.request().exclude;
    assert_eq!(tag(None, &usual), None);
    place.git(&["tag", "v1.9"]);
    place.git(&["tag", "v1.10"]);
    place.git(&["tag", "latest"]);
    for exclude in [&usual, ""] {
        let tag = |reference| tag(reference, exclude);
        assert_eq!(tag(None).as_deref(), Some("v1.10"), "{exclude}");
        assert_eq!(tag(Some("main")).as_deref(), Some("v1.10"), "{exclude}");
        assert_eq!(tag(Some("latest")).as_deref(), Some("latest"), "{exclude}");
        assert_eq!(tag(Some("v0.1")).as_deref(), Some("v0.1"), "{exclude}");
        assert_eq!(tag(Some("HEAD~1")).as_deref(), Some("v0.1"), "{exclude}");
    }
    place.git(&["tag", "-a", "-m", "A release", "release"]);
    assert_eq!(tag(None, &usual).as_deref(), Some("release"));
}

/// The `origin` of a local repository is its source, unless that is a directory.
#[test]
fn repository_is_the_origin_without_credentials() {
    let place = Place::new();
    place.write("main.go", "one");
    let repository = || place.fetch(&place.request()).unwrap().facts.repository;
    assert_eq!(repository(), None);
    place.git(&["init", "-q"]);
    place.commit();
    assert_eq!(repository(), None);
    place.git(&["remote", "add", "origin", "/srv/app.git"]);
    for (url, expected) in [
        ("/srv/app.git", None),
        ("file:///srv/app.git", None),
        ("ext::sh -c id", None),
        (
            "https://me:secret@example.org/app.git?token=x",
            Some("https://example.org/app.git"),
        ),
        ("git@example.org:app.git", Some("git@example.org:app.git")),
    ] {
        place.git(&["remote", "set-url", "origin", url]);
        assert_eq!(repository().as_deref(), expected, "{url}");
    }
}

/// Scripts of the deprecated directory count where the usual one does not have them.
#[test]
fn scripts_of_the_old_directory_are_found_with_a_warning() {
    let place = Place::new();
    place.write(".sti/bin/assemble", "old");
    place.write(".sti/bin/run", "old");
    let old = place.fetch(&place.request()).unwrap();
    let warnings: Vec<_> = old.diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [".sti/bin: scripts in this directory are deprecated; put them into `.s2i/bin`"]
    );
    place.write(".s2i/bin/run", "new");
    let both = place.fetch(&place.request()).unwrap();
    let scripts: Vec<_> = both.facts.scripts.iter().copied().collect();
    assert_eq!(scripts, [Script::Assemble, Script::Run]);
    assert_eq!(both.script(Script::Assemble).unwrap(), b"old");
    assert_eq!(both.script(Script::Run).unwrap(), b"new");
}

#[test]
fn scripts_of_a_directory_are_read_if_they_exist() {
    let place = Place::new();
    fs::create_dir(place.path("scripts")).unwrap();
    fs::write(place.path("scripts/run"), "one").unwrap();
    let fetch = |url: &str| {
        let (progress, cancel) = (Progress::new(&()), CancelToken::default());
        let context = BuildContext::new(&progress, &cancel);
        let scripts = [Script::Assemble, Script::Run];
        let url = url.parse().unwrap();
        pollster::block_on(place.source().fetch_scripts(&url, &scripts, context))
    };
    for url in ["file://scripts", "file://./scripts/"] {
        let files = fetch(url).unwrap();
        assert_eq!(files, [(Script::Run, b"one".to_vec())].into(), "{url}");
    }
    assert!(fetch("file://nowhere").unwrap().is_empty());
    fs::create_dir(place.path("scripts/assemble")).unwrap();
    assert!(fetch("file://scripts").is_err());
    assert!(fetch("http://127.0.0.1:1/").is_err());
}

#[test]
fn branches_tags_commits_and_short_ids() {
    let place = Place::new();
    place.write("main.go", "one");
    place.git(&["init", "-q"]);
    place.commit();
    place.git(&["tag", "v1"]);
    let first = place
        .fetch(&place.request())
        .unwrap()
        .facts
        .commit
        .unwrap()
        .id;
    place.write("main.go", "two");
    place.commit();
    place.git(&["checkout", "-q", "-b", "side"]);
    place.write("main.go", "three");
    place.commit();
    place.git(&["checkout", "-q", "main"]);
    for (reference, expected) in [
        ("v1", "one"),
        ("main", "two"),
        ("side", "three"),
        (&first[..], "one"),
        (&first[..8], "one"),
    ] {
        let request = SourceRequest {
            git_ref: Some(reference.into()),
            ..place.request()
        };
        place.check(&request, Ok(&format!("main.go={expected}")));
    }
    let url = format!("file://{}#side", place.path("app").display());
    place.check(
        &SourceRequest::new(url.parse().unwrap()),
        Ok("main.go=three"),
    );
    let bad = SourceRequest {
        git_ref: Some("--upload-pack=touch x".into()),
        ..place.request()
    };
    place.check(
        &bad,
        Err("`--upload-pack=touch x` can't be the name of a branch, tag or commit"),
    );
    let missing = place
        .fetch(&SourceRequest {
            git_ref: Some("nowhere".into()),
            ..place.request()
        })
        .unwrap_err();
    assert!(missing.to_string().contains("nowhere"), "{missing}");
}

/// It would go into the container, which lies in it, without end.
#[test]
fn image_store_is_not_part_of_the_source() {
    let place = Place::new();
    place.write("main.go", "1");
    place.write("keep/store/blob", "2");
    place.write("keep/other", "3");
    let with = |dirs: &[&str]| SourceRequest {
        excluded_dirs: dirs.iter().map(|dir| place.path(dir)).collect(),
        ..place.request()
    };
    let rest = "keep keep/other=3 main.go=1";
    place.check(&with(&["app/keep/../keep/store"]), Ok(rest));
    let all = "keep keep/other=3 keep/store keep/store/blob=2 main.go=1";
    place.check(&with(&["app", "tmp", "nowhere"]), Ok(all));
    let part = SourceRequest {
        context_dir: Some("keep".into()),
        ..with(&["app/keep/store"])
    };
    place.check(&part, Ok("other=3"));
}

#[test]
fn bare_repositories_are_repositories() {
    let place = Place::new();
    place.write("main.go", "one");
    place.git(&["init", "-q"]);
    place.commit();
    git(
        place.dir.path(),
        &["clone", "-q", "--bare", "app", "bare.git"],
    );
    let url = format!("file://{}", place.path("bare.git").display());
    place.check(&SourceRequest::new(url.parse().unwrap()), Ok("main.go=one"));
}

/// Git that lets its user only work in bare repositories that are named explicitly.
fn git_of_a_careful_user() -> Command {
    let mut command = Command::new("git");
    command.env("GIT_CONFIG_COUNT", "1");
    command.env("GIT_CONFIG_KEY_0", "safe.bareRepository");
    command.env("GIT_CONFIG_VALUE_0", "explicit");
    command
}

#[test]
fn bare_repository_is_accepted_despite_safe_bare_repository() {
    let place = Place::new();
    place.write("main.go", "one");
    place.git(&["init", "-q"]);
    place.commit();
    git(
        place.dir.path(),
        &["clone", "-q", "--bare", "app", "bare.git"],
    );
    let source = LocalAndGit {
        git: git_of_a_careful_user,
        ..place.source()
    };
    let bare = place.path("bare.git");
    let request = SourceRequest::new(bare.to_str().unwrap().parse().unwrap());
    let (progress, cancel) = (Progress::new(&()), CancelToken::default());
    let fetched = pollster::block_on(source.fetch(&request, BuildContext::new(&progress, &cancel)));
    assert_eq!(names(&fetched.unwrap()), "main.go=one");
}

#[test]
fn a_reference_of_plain_files_is_refused() {
    let place = Place::new();
    place.write("main.go", "1");
    let request = SourceRequest {
        git_ref: Some("v1".into()),
        ..place.request()
    };
    let text = "`v1` can't be built: the source is taken as the files in `PLACE/app`";
    place.check(&request, Err(text));
}

#[test]
fn a_pipe_and_a_huge_file_in_place_of_an_own_file_are_refused() {
    let place = Place::new();
    place.write(".s2iignore", &"#".repeat((1 << 20) + 1));
    assert!(place.fetch(&place.request()).is_err());
    fs::remove_file(place.path("app/.s2iignore")).unwrap();
    let status = Command::new("mkfifo")
        .arg(place.path("app/.s2iignore"))
        .status();
    assert!(status.unwrap().success());
    assert!(place.fetch(&place.request()).is_err());
}

#[test]
fn failed_fetches_are_explained() {
    let place = Place::new();
    let nowhere = place.path("nowhere");
    place.check(
        &SourceRequest::new(nowhere.to_str().unwrap().parse().unwrap()),
        Err("the source `PLACE/nowhere` does not exist"),
    );
    place.write("file", "x");
    let file = place.path("app/file");
    place.check(
        &SourceRequest::new(file.to_str().unwrap().parse().unwrap()),
        Err("the source `PLACE/app/file` is not a directory"),
    );
    place.git(&["init", "-q"]);
    place.check(
        &place.request(),
        Err("the Git repository `PLACE/app` has no commit yet"),
    );
}

#[test]
fn the_context_directory_lies_in_the_source() {
    let place = Place::new();
    place.write("sub/main.go", "1");
    place.write("sub/.s2i/environment", "A=1\n");
    symlink("/etc", place.path("app/out")).unwrap();
    let with = |dir: &str| SourceRequest {
        context_dir: Some(dir.into()),
        ..place.request()
    };
    place.check(&with("sub"), Ok(".s2i .s2i/environment=A=1 main.go=1"));
    assert_eq!(
        place.fetch(&with("sub")).unwrap().environment()[0].to_entry(),
        "A=1"
    );
    place.check(
        &with("nowhere"),
        Err("the source has no directory `nowhere`"),
    );
    place.check(
        &with("out"),
        Err("the context directory `out` leads out of the source"),
    );
    place.check(
        &with("../tmp"),
        Err("the context directory `../tmp` leads out of the source"),
    );
    // A link in the source is a part of it, and leads nowhere else.
    let app = place.path("app");
    symlink("sub", app.join("link")).unwrap();
    symlink(app.join("sub"), app.join("absolute")).unwrap();
    place.check(&with("link"), Ok(".s2i .s2i/environment=A=1 main.go=1"));
    place.check(
        &with("/sub/../link"),
        Ok(".s2i .s2i/environment=A=1 main.go=1"),
    );
    place.check(
        &with("absolute"),
        Err("the context directory `absolute` leads out of the source"),
    );
}

/// Links that leave the context directory have the content of the repository in their place. What leads out of the
/// repository, to Git's own directory or to nothing stays a link and is named.
#[test]
fn links_out_of_the_context_directory_are_followed_in_the_source() {
    let place = Place::new();
    fs::write(place.path("secret"), "secret").unwrap();
    place.write("sub/main.go", "1");
    place.write("shared/lib/a", "a");
    place.write("shared/b", "b");
    place.write("shared/store/key", "key");
    let app = place.path("app");
    for (link, target) in [
        ("sub/dir", "../shared"),
        ("sub/file", "../shared/b"),
        ("sub/inside", "main.go"),
        ("sub/out", "../../secret"),
        ("sub/absolute", "/etc/passwd"),
        ("sub/git", "../.git"),
        ("sub/nothing", "nothing"),
        ("shared/lib/own", "../b"),
        ("shared/lib/back", "../../sub/main.go"),
        ("shared/loop", "../sub"),
        ("shared/outer", "../../secret"),
    ] {
        symlink(target, app.join(link)).unwrap();
    }
    place.git(&["init", "-q"]);
    place.git(&["add", "-A"]);
    place.git(&["commit", "-q", "-m", "Links"]);
    for copy in [false, true] {
        let request = SourceRequest {
            context_dir: Some("sub".into()),
            excluded_dirs: vec![app.join("shared/store")],
            copy,
            ..place.request()
        };
        let mut expected = "absolute dir dir/b=b dir/lib dir/lib/a=a dir/lib/back=1 dir/lib/own \
             dir/loop dir/outer"
            .to_owned();
        // The store of the machine is not in a checkout.
        if !copy {
            expected += " dir/store dir/store/key=key";
        }
        expected += " file=b git inside main.go=1 nothing out";
        place.check(&request, Ok(&expected));
        let fetched = place.fetch(&request).unwrap();
        let paths = ["absolute", "dir/loop", "dir/outer", "git", "nothing", "out"];
        let paths = paths.map(str::to_owned).to_vec();
        assert_eq!(fetched.notices, [Notice::DanglingLinks { paths }]);
    }
}

/// A link to a file of the host stays a link; s2i's own files are not read through one.
#[test]
fn links_are_not_followed_out_of_the_source() {
    let place = Place::new();
    fs::write(place.path("secret"), "A=secret").unwrap();
    place.write("main.go", "1");
    fs::create_dir_all(place.path("app/.s2i/bin")).unwrap();
    for name in [".s2i/environment", ".s2i/bin/assemble"] {
        symlink(place.path("secret"), place.path("app").join(name)).unwrap();
    }
    let outcome = place.fetch(&place.request());
    let text = match outcome {
        Ok(fetched) => {
            assert!(!fetched.facts.scripts.contains(&Script::Assemble));
            assert!(fetched.environment().is_empty());
            names(&fetched)
        }
        Err(err) => err.to_string(),
    };
    assert!(!text.contains("A=secret"), "{text}");
}

/// The entries that show the kind of a source: not what is left out, nothing that leads out of it, and nothing
/// that would have to be waited for.
#[test]
fn root_entries_are_listed_with_their_beginnings() {
    let place = Place::new();
    for (name, text) in [
        ("go.mod", "module x"),
        ("package.json", "{}"),
        ("notes.txt", ""),
        ("cmd/main.go", ""),
        (".s2iignore", "package.json\n"),
    ] {
        place.write(name, text);
    }
    place.write("big", &"b".repeat(2000));
    let app = place.path("app");
    symlink("go.mod", app.join("inside")).unwrap();
    symlink("/etc/passwd", app.join("outside")).unwrap();
    let made = Command::new("mkfifo").arg(app.join("pipe")).status();
    assert!(made.unwrap().success());
    let mut request = place.request();
    let shown = |request: &SourceRequest| {
        let fetched = place.fetch(request).unwrap();
        let files = pollster::block_on(fetched.root_entries()).unwrap();
        let files = files.iter().map(|entry| match &entry.head {
            Some(head) => format!("{} {}", entry.name, head.len()),
            None => format!("{}/", entry.name),
        });
        files.collect::<Vec<_>>()
    };
    let expected = [
        ".s2iignore 13",
        "big 512",
        "cmd/",
        "go.mod 8",
        "inside 8",
        "notes.txt 0",
    ];
    assert_eq!(shown(&request), expected);
    request.exclude = "^(big|inside|.*txt)$".into();
    assert_eq!(shown(&request), [".s2iignore 13", "cmd/", "go.mod 8"]);
    request.context_dir = Some("cmd".into());
    assert_eq!(shown(&request), ["main.go 0"]);
}

/// Returns the repository of the first notice, and the directories that its objects come from.
fn objects_of(place: &Place, request: &SourceRequest) -> String {
    struct First(std::sync::Mutex<Option<String>>);
    impl EventSink for First {
        fn event(&self, event: Event) {
            let text = match event {
                Event::Notice(Notice::SourceRepository {
                    location, objects, ..
                }) => format!("{location}: {}", objects.join(", ")),
                _ => return,
            };
            self.0.lock().unwrap().get_or_insert(text);
        }
    }
    let first = First(std::sync::Mutex::default());
    let (progress, cancel) = (Progress::new(&first), CancelToken::default());
    let source = place.source();
    // Git may find nothing there.
    drop(pollster::block_on(
        source.fetch(request, BuildContext::new(&progress, &cancel)),
    ));
    let text = first.0.into_inner().unwrap().unwrap_or_default();
    text.replace(place.dir.path().to_str().unwrap(), "PLACE")
}

/// Makes another repository, `other`, and a source whose own lacks the objects of that.
fn two_repositories() -> Place {
    let place = Place::new();
    let other = place.path("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("main.go"), "other").unwrap();
    for args in [
        &["init", "-q"][..],
        &["add", "-A"],
        &["commit", "-q", "-m", "other"],
    ] {
        git(&other, args);
    }
    place.write("main.go", "own");
    place.git(&["init", "-q"]);
    place.commit();
    place
}

/// The place that must be named, and how a source is led there.
type Elsewhere = (&'static str, fn(&Path));

/// Every way in which objects come from elsewhere.
const ELSEWHERE: [Elsewhere; 16] = [
    ("PLACE/other/.git", |app| {
        fs::remove_dir_all(app.join(".git")).unwrap();
        fs::write(app.join(".git"), "gitdir: ../other/.git\n").unwrap();
    }),
    ("PLACE/other/.git", |app| {
        fs::remove_dir_all(app.join(".git")).unwrap();
        symlink("../other/.git", app.join(".git")).unwrap();
    }),
    ("PLACE/other/.git", |app| {
        fs::remove_dir_all(app).unwrap();
        git(
            &app.with_file_name("other"),
            &["worktree", "add", "-q", "../app", "-b", "app"],
        );
    }),
    ("PLACE/other/.git/objects", |app| {
        fs::remove_dir_all(app.join(".git/objects")).unwrap();
        symlink("../../other/.git/objects", app.join(".git/objects")).unwrap();
    }),
    ("PLACE/other/.git/objects", |app| {
        fs::write(
            app.join(".git/objects/info/alternates"),
            "# own\n../../../other/.git/objects\n",
        )
        .unwrap();
    }),
    // By way of another one that lies in the source.
    ("PLACE/other/.git/objects", |app| {
        fs::create_dir_all(app.join("more/info")).unwrap();
        fs::write(
            app.join("more/info/alternates"),
            "../../other/.git/objects\n",
        )
        .unwrap();
        fs::write(app.join(".git/objects/info/alternates"), "../../more\n").unwrap();
    }),
    ("PLACE/other/.git/HEAD", |app| {
        symlink(
            "../../../../other/.git/HEAD",
            app.join(".git/objects/pack/x.pack"),
        )
        .unwrap();
    }),
    // A directory of packs that lies in the source.
    ("PLACE/other/.git/HEAD", |app| {
        fs::create_dir(app.join("packs")).unwrap();
        symlink("../../other/.git/HEAD", app.join("packs/x.pack")).unwrap();
        fs::remove_dir(app.join(".git/objects/pack")).unwrap();
        symlink("../../packs", app.join(".git/objects/pack")).unwrap();
    }),
    // Another store in the source that a link leads to as well.
    ("PLACE/other/.git/objects", |app| {
        fs::create_dir_all(app.join("more/info")).unwrap();
        let named = "../../other/.git/objects\n";
        fs::write(app.join("more/info/alternates"), named).unwrap();
        symlink("../../more", app.join(".git/objects/zz")).unwrap();
        write_alternates(app, b"../../more\n");
    }),
    // What Git reads although it is no usual text.
    ("PLACE/other/.git/objects", |app| {
        let comments = "# a comment\n".repeat(10_000);
        write_alternates(app, format!("{comments}{OTHER}").as_bytes());
    }),
    ("PLACE/other/.git/objects", |app| {
        write_alternates(app, &[b"# \xff\n", OTHER.as_bytes()].concat());
    }),
    ("PLACE/other/.git/objects", |app| {
        let store = app.with_file_name("store\r");
        symlink("other/.git/objects", store).unwrap();
        write_alternates(app, b"../../../store\r\n");
    }),
    // Git before 2.40 does not look whether the first one exists.
    ("PLACE/other/.git/objects", |app| {
        let named = b"../../missing/../../other/.git/objects\n";
        write_alternates(app, named);
    }),
    ("PLACE/other/.git", |app| {
        symlink("other/.git", app.with_file_name("linked ")).unwrap();
        fs::write(app.join(".git/commondir"), "../../linked \n").unwrap();
    }),
    ("PLACE/other/.git", |app| {
        symlink("other/.git", app.with_file_name("linked ")).unwrap();
        fs::remove_dir_all(app.join(".git")).unwrap();
        fs::write(app.join(".git"), "gitdir: ../linked \r\n").unwrap();
    }),
    // A bare one around a directory `.git` that is no repository.
    ("PLACE/other/.git/objects", |app| {
        fs::rename(app.join(".git/HEAD"), app.join("HEAD")).unwrap();
        fs::create_dir(app.join("refs")).unwrap();
        symlink("../other/.git/objects", app.join("objects")).unwrap();
    }),
];

/// The objects of the other repository, as a line.
const OTHER: &str = "../../../other/.git/objects\n";

fn write_alternates(app: &Path, bytes: &[u8]) {
    fs::write(app.join(".git/objects/info/alternates"), bytes).unwrap();
}

/// The file that must be named, and how it becomes one that can't be followed.
const UNREADABLE: [Elsewhere; 9] = [
    ("alternates", |app| {
        write_alternates(app, b"\"../../../other/.git/\\157bjects\"\n");
    }),
    ("alternates", |app| {
        let comments = "# a comment\n".repeat(100_000);
        write_alternates(app, format!("{comments}{OTHER}").as_bytes());
    }),
    ("alternates", |app| {
        write_alternates(app, &[OTHER.as_bytes(), b"\0"].concat());
    }),
    ("alternates", |app| {
        mkfifo(&app.join(".git/objects/info/alternates"));
    }),
    ("alternates", |app| {
        fs::create_dir(app.join(".git/objects/info/alternates")).unwrap();
    }),
    ("loop", |app| {
        symlink("loop", app.join("loop")).unwrap();
        write_alternates(app, b"../../loop\n");
    }),
    ("commondir", |app| mkfifo(&app.join(".git/commondir"))),
    (".git/objects/info/fifo", |app| {
        mkfifo(&app.join(".git/objects/info/fifo"));
    }),
    (".git", |app| {
        fs::remove_dir_all(app.join(".git")).unwrap();
        let long = "/".repeat(1 << 20);
        fs::write(app.join(".git"), format!("gitdir: {long}")).unwrap();
    }),
];

fn mkfifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

#[test]
fn files_of_git_that_can_not_be_followed_are_refused() {
    for (name, change) in UNREADABLE {
        let place = two_repositories();
        change(&place.path("app"));
        let copy = SourceRequest {
            copy: true,
            ..place.request()
        };
        assert!(place.fetch(&copy).is_ok());
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || sender.send(place.fetch(&place.request()).map(drop)));
        let outcome = receiver.recv_timeout(Duration::from_mins(1));
        let err = outcome.expect("the look should end").unwrap_err();
        let SourceError::Io { path, .. } = &err else {
            panic!("{name}: {err}");
        };
        assert!(path.ends_with(name), "{err}");
    }
}

#[test]
fn objects_from_elsewhere_are_named() {
    for (expected, lead) in ELSEWHERE {
        let place = two_repositories();
        assert_eq!(objects_of(&place, &place.request()), "PLACE/app: ");
        lead(&place.path("app"));
        let expected = format!("PLACE/app: {expected}");
        assert_eq!(objects_of(&place, &place.request()), expected);
    }
    // One that lies in the source itself.
    let place = two_repositories();
    place.git(&["init", "-q", "--bare", "inner.git"]);
    fs::write(
        place.path("app/.git/objects/info/alternates"),
        "../../inner.git/objects\n",
    )
    .unwrap();
    assert_eq!(objects_of(&place, &place.request()), "PLACE/app: ");
}

/// Root reads what the owner of the source can't.
#[test]
fn objects_from_elsewhere_are_refused_in_a_repository_of_another_user() {
    for (expected, lead) in ELSEWHERE {
        let place = two_repositories();
        let app = place.path("app");
        lead(&app);
        if chown(app.join(".git"), Some(1001), None).is_err() {
            return;
        }
        let text = format!(
            "the Git repository `PLACE/app` belongs to another user (uid 1001) and takes its objects from `{expected}`"
        );
        if app.join(".git").is_symlink() {
            // It is followed by `chown`; the owner of the link counts.
            chown(&app, Some(1001), None).unwrap();
        }
        place.check(&place.request(), Err(&text));
        let copy = SourceRequest {
            copy: true,
            ..place.request()
        };
        assert!(place.fetch(&copy).is_ok());
    }
}

#[test]
fn files_of_the_source_are_read_one_by_one() {
    let place = Place::new();
    place.write("cmd/main.go", "package main");
    place.write("notes.md", "x");
    place.write(".s2iignore", "*.md\n");
    symlink("../secret", place.path("app/out")).unwrap();
    fs::write(place.path("secret"), "x").unwrap();
    let fetched = place.fetch(&place.request()).unwrap();
    let read = |path| pollster::block_on(fetched.read_file(path));
    assert_eq!(read("cmd/main.go").unwrap().unwrap(), b"package main");
    assert_eq!(read("notes.md").unwrap(), None);
    assert_eq!(read("cmd/missing").unwrap(), None);
    assert_eq!(read("notes.md/x").unwrap(), None);
    let outside = read("out");
    assert!(
        matches!(outside, Err(SourceError::Io { .. })),
        "{outside:?}"
    );
}

#[test]
fn too_many_rules_are_refused() {
    let place = Place::new();
    place.write(".s2iignore", &"x\n".repeat(10_001));
    place.check(
        &place.request(),
        Err("`.s2iignore` has more than 10000 rules"),
    );
    place.write(".s2iignore", &"*a".repeat(100_000));
    let fetched = place.fetch(&place.request()).unwrap();
    let problems: Vec<_> = fetched
        .diagnostics
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        problems,
        [".s2iignore:1: a pattern of more than 4096 bytes was skipped"]
    );
}
