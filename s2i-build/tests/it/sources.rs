//! Directories and Git repositories, with the real `git`.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::Command,
};

use s2i_build::{
    CancelToken, Source as _, SourceError,
    event::Progress,
    request::SourceRequest,
    source::{Fetched, LocalAndGit, usual_git},
};
use s2i_core::Script;
use s2i_testkit::Quiet;
use tempfile::TempDir;

/// A place for one test: a source and a directory for checkouts.
pub(crate) struct Place {
    dir: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("tmp")).unwrap();
        fs::create_dir(dir.path().join("app")).unwrap();
        Self { dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path("app").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn git(&self, args: &[&str]) {
        git(&self.path("app"), args);
    }

    pub(crate) fn commit(&self) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "A subject"]);
    }

    pub(crate) fn request(&self) -> SourceRequest {
        SourceRequest::new(self.path("app").to_str().unwrap().parse().unwrap())
    }

    pub(crate) fn fetch(&self, request: &SourceRequest) -> Result<Fetched, SourceError> {
        let source = LocalAndGit {
            working_dir: self.dir.path().into(),
            temp_dir: self.path("tmp"),
            git: usual_git,
        };
        pollster::block_on(source.fetch(request, &Progress::new(&Quiet), &CancelToken::default()))
    }

    /// Fetches and checks that no checkout stays.
    #[track_caller]
    pub(crate) fn check(&self, request: &SourceRequest, expected: Result<&str, &str>) {
        let shown = match self.fetch(request) {
            Ok(fetched) => Ok(names(&fetched)),
            Err(err) => Err(err
                .to_string()
                .replace(self.dir.path().to_str().unwrap(), "PLACE")),
        };
        assert_eq!(shown.as_deref().map_err(String::as_str), expected);
        assert_eq!(fs::read_dir(self.path("tmp")).unwrap().count(), 0);
    }
}

fn git(dir: &Path, args: &[&str]) {
    let identity = [
        "-c",
        "user.name=A",
        "-c",
        "user.email=a@example.org",
        "-c",
        "init.defaultBranch=main",
    ];
    let status = Command::new("git")
        .args(identity)
        .args(args)
        .current_dir(dir)
        .status()
        .unwrap();
    assert!(status.success(), "git {args:?}");
}

/// The entries of the tree's archive.
pub(crate) fn names(fetched: &Fetched) -> String {
    let bytes = pollster::block_on(async {
        use futures_util::StreamExt as _;
        let pieces: Vec<_> = fetched.tree(0).into_archive().collect().await;
        pieces
            .into_iter()
            .flat_map(Result::unwrap)
            .collect::<Vec<u8>>()
    });
    let mut archive = tar::Archive::new(&bytes[..]);
    let entries = archive.entries().unwrap();
    let names = entries.map(|entry| {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        if text.is_empty() {
            name
        } else {
            format!("{name}={}", text.trim())
        }
    });
    names.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_directory_is_taken_as_it_lies_there() {
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
fn where_images_are_kept_is_no_part_of_a_source() {
    let place = Place::new();
    place.write("main.go", "1");
    place.write("keep/store/blob", "2");
    place.write("keep/other", "3");
    let with = |foreign: &[&str]| SourceRequest {
        foreign: foreign.iter().map(|dir| place.path(dir)).collect(),
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
fn what_can_not_be_fetched_is_said() {
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
    std::os::unix::fs::symlink("/etc", place.path("app/out")).unwrap();
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
}

/// A link to a file of the host stays a link; s2i's own files are not read through one.
#[test]
fn links_are_not_followed_out_of_the_source() {
    let place = Place::new();
    fs::write(place.path("secret"), "A=secret").unwrap();
    place.write("main.go", "1");
    fs::create_dir_all(place.path("app/.s2i/bin")).unwrap();
    for name in [".s2i/environment", ".s2i/bin/assemble"] {
        std::os::unix::fs::symlink(place.path("secret"), place.path("app").join(name)).unwrap();
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

/// What tells of which kind a source is: not what is left out, nothing that leads out of it, and nothing
/// that would have to be waited for.
#[test]
fn files_at_the_top_are_known_with_their_beginnings() {
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
    std::os::unix::fs::symlink("go.mod", app.join("inside")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", app.join("outside")).unwrap();
    let made = Command::new("mkfifo").arg(app.join("pipe")).status();
    assert!(made.unwrap().success());
    let mut request = place.request();
    let shown = |request: &SourceRequest| {
        let fetched = place.fetch(request).unwrap();
        let files = pollster::block_on(fetched.root_files()).unwrap();
        let files = files
            .iter()
            .map(|file| format!("{} {}", file.name, file.head.len()));
        files.collect::<Vec<_>>()
    };
    let expected = [
        ".s2iignore 13",
        "big 512",
        "go.mod 8",
        "inside 8",
        "notes.txt 0",
    ];
    assert_eq!(shown(&request), expected);
    request.exclude = "^(big|inside|.*txt)$".into();
    assert_eq!(shown(&request), [".s2iignore 13", "go.mod 8"]);
    request.context_dir = Some("cmd".into());
    assert_eq!(shown(&request), ["main.go 0"]);
}
