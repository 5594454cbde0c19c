//! Checkouts of Git repositories without the program `git`: the commit that their files stand for.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, lchown, symlink},
    path::Path,
    process::Command,
    sync::Mutex,
};

use futures_util::StreamExt as _;
use s2i_build::{
    BuildContext, CancelToken, Notice, SourceError,
    event::{Event, EventSink, Progress},
    facts::CommitFacts,
    notice::CheckedOut,
    plan::Submodules,
    ports::SourceReader as _,
    request::SourceRequest,
    source::{Fetched, LocalAndGit, platform::Platform},
};
use s2i_core::Times;

use crate::place::{self, Place, git, names};

/// The ID of a commit that no repository has.
const UNKNOWN: &str = "0123456789abcdef0123456789abcdef01234567";

fn no_git() -> Command {
    Command::new("/nowhere/git")
}

/// The notices of one fetch.
#[derive(Default)]
struct Notices(Mutex<Vec<Notice>>);

impl EventSink for Notices {
    fn event(&self, event: Event) {
        if let Event::Notice(notice) = event {
            self.0.lock().unwrap().push(notice);
        }
    }
}

/// A reader without `git`, in a job of GitLab for this directory and commit.
fn in_job(place: &Place, workspace: &Path, id: &str) -> LocalAndGit {
    let variables = [
        ("GITLAB_CI", "true"),
        ("CI_PROJECT_DIR", workspace.to_str().unwrap()),
        ("CI_COMMIT_SHA", id),
        ("CI_COMMIT_REF_NAME", "feature/x"),
        ("CI_COMMIT_AUTHOR", "B <b@example.org>"),
        ("CI_COMMIT_MESSAGE", "Another subject\n"),
        ("CI_COMMIT_TIMESTAMP", "2024-01-01T00:00:00+00:00"),
        ("CI_PROJECT_URL", "https://example.org/team/app"),
    ];
    let get = |name: &str| {
        let found = variables.iter().find(|(other, _)| *other == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let platform = Platform::from_variables(get);
    assert!(platform.is_some());
    LocalAndGit {
        git: no_git,
        platform,
        ..place.source()
    }
}

fn read(source: &LocalAndGit, request: &SourceRequest) -> (Fetched, Notice) {
    let notices = Notices::default();
    let (progress, cancel) = (Progress::new(&notices), CancelToken::default());
    let fetching = source.fetch(request, BuildContext::new(&progress, &cancel));
    let fetched = pollster::block_on(fetching).unwrap();
    let first = notices.0.into_inner().unwrap().swap_remove(0);
    (fetched, first)
}

fn request_for(path: &Path) -> SourceRequest {
    SourceRequest::new(path.to_str().unwrap().parse().unwrap())
}

/// Returns the commit of a checkout as the program `git` shows it.
fn shown_by_git(dir: &Path) -> [String; 5] {
    let mut command = Command::new("git");
    command.args(["-c", "safe.directory=*", "log", "-1", "--date=default"]);
    command.args(["--format=%H%x00%an <%ae>%x00%ad%x00%ct%x00%s"]);
    let output = command.current_dir(dir).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let mut fields = text.trim_end().split('\0').map(str::to_owned);
    std::array::from_fn(|_| fields.next().unwrap())
}

/// Reads a checkout without `git`, and checks that the commit is the one that `git` shows.
#[track_caller]
fn check(place: &Place, dir: &Path, reference: &str) -> Fetched {
    let source = LocalAndGit {
        git: no_git,
        ..place.source()
    };
    let (fetched, notice) = read(&source, &request_for(dir));
    let facts = fetched.facts.commit.clone().unwrap();
    let [id, author, date, time, subject] = shown_by_git(dir);
    let expected = CommitFacts {
        id: id.clone(),
        reference: reference.into(),
        author,
        date,
        tag: facts.tag.clone(),
        subject,
        time: Some(time.parse().unwrap()),
    };
    assert_eq!(facts, expected);
    let commit = CheckedOut {
        id,
        reference: reference.into(),
        platform: None,
    };
    let location = dir.display().to_string();
    let expected = Notice::SourceCheckout {
        location,
        commit: Some(commit),
        problem: None,
    };
    assert_eq!(notice, expected);
    fetched
}

/// A place whose `app` has two commits.
fn committed() -> Place {
    let place = Place::new();
    place.write("main.go", "first");
    place.git(&["init", "-q"]);
    place.commit();
    place.write("main.go", "second");
    place.write("cmd/run.sh", "#!/bin/sh\n");
    place.git(&["add", "-A"]);
    place.git(&["commit", "-q", "-m", "A subject\non two lines\n\nA body"]);
    place
}

#[test]
fn commit_of_a_checkout_is_read_without_git() {
    let place = committed();
    let app = place.path("app");
    place.git(&[
        "remote",
        "add",
        "origin",
        "https://me:secret@example.org/app.git",
    ]);
    let fetched = check(&place, &app, "main");
    assert_eq!(
        fetched.facts.repository.as_deref(),
        Some("https://example.org/app.git")
    );
    assert_eq!(
        fetched.facts.location,
        app.canonicalize().unwrap().display().to_string()
    );
    // The program gives the same facts about the same commit.
    let by_git = place.fetch(&place.request()).unwrap();
    assert_eq!(fetched.facts.commit, by_git.facts.commit);
    assert_eq!(fetched.facts.repository, by_git.facts.repository);
    for change in [
        &["branch", "-q", "-m", "feature/x"][..],
        &["gc", "-q", "--aggressive", "--prune=now"],
        &["pack-refs", "--all"],
    ] {
        place.git(change);
        check(&place, &app, "feature/x");
    }
    assert!(!app.join(".git/refs/heads/feature/x").exists());
    place.git(&["checkout", "-q", "--detach"]);
    check(&place, &app, "HEAD");
}

#[test]
fn files_of_a_checkout_are_taken_as_they_are() {
    let place = committed();
    place.write("main.go", "changed");
    place.write("new", "uncommitted");
    let fetched = check(&place, &place.path("app"), "main");
    assert_eq!(
        names(&fetched),
        "cmd cmd/run.sh=#!/bin/sh main.go=changed new=uncommitted"
    );
}

#[test]
fn commits_of_all_kinds_of_checkouts_are_read() {
    let place = committed();
    let app = place.path("app");
    let url = format!("file://{}", app.display());
    place.git(&["branch", "side", "HEAD~1"]);
    // As CI platforms make it.
    git(
        place.dir.path(),
        &["clone", "-q", "--depth=1", &url, "shallow"],
    );
    git(&place.path("shallow"), &["checkout", "-q", "--detach"]);
    check(&place, &place.path("shallow"), "HEAD");
    // As Tekton makes it: without any reference.
    let fetched = place.path("fetched");
    fs::create_dir(&fetched).unwrap();
    git(&fetched, &["init", "-q"]);
    git(&fetched, &["fetch", "-q", "--depth=1", &url, "side"]);
    git(&fetched, &["checkout", "-q", "FETCH_HEAD"]);
    check(&place, &fetched, "HEAD");
    git(
        place.dir.path(),
        &["clone", "-q", "--shared", "app", "shared"],
    );
    check(&place, &place.path("shared"), "main");
    place.git(&["worktree", "add", "-q", "../linked", "side"]);
    check(&place, &place.path("linked"), "side");
    place.git(&["gc", "-q", "--prune=now"]);
    check(&place, &place.path("linked"), "side");
    check(&place, &place.path("shared"), "main");
    git(
        place.dir.path(),
        &["init", "-q", "--object-format=sha256", "long"],
    );
    let long = place.path("long");
    git(&long, &["commit", "-q", "--allow-empty", "-m", "Long"]);
    check(&place, &long, "main");
    git(&long, &["gc", "-q"]);
    check(&place, &long, "main");
}

#[test]
fn commits_of_many_forms_are_read() {
    let place = committed();
    let app = place.path("app");
    let empty = [
        "commit",
        "-q",
        "--allow-empty",
        "--allow-empty-message",
        "-m",
    ];
    for (settings, message) in [
        (&[][..], "Äußerung"),
        (&["-c", "user.name=Ø Å", "-c", "user.email="], "x"),
        (&["-c", "i18n.commitEncoding=ISO-8859-1"], "Andr\u{e9}"),
        (&[], ""),
        (&[], "\n\n  indented  \nsecond\n\nbody"),
    ] {
        let mut message = message.as_bytes().to_vec();
        if settings
            .iter()
            .any(|setting| setting.contains("ISO-8859-1"))
        {
            message = vec![b'A', 0xe9];
        }
        fs::write(place.path("message"), message).unwrap();
        let args = [settings, &empty[..4], &["-F", "../message"]].concat();
        place.git(&args);
        check(&place, &app, "main");
    }
    place.git(&[
        "merge",
        "-q",
        "--no-ff",
        "--allow-unrelated-histories",
        "-m",
        "Merge",
        "HEAD~1",
    ]);
    let signed = ["commit", "-q", "--allow-empty", "-m", "Dated", "--date"];
    place.git(&[&signed[..], &["@1700000000 -0330"]].concat());
    check(&place, &app, "main");
}

#[test]
fn tags_are_those_that_git_finds() {
    let place = committed();
    let tag = || {
        let without = check(&place, &place.path("app"), "main")
            .facts
            .commit
            .unwrap();
        let by_git = place.fetch(&place.request()).unwrap().facts.commit.unwrap();
        assert_eq!(without.tag, by_git.tag);
        without.tag
    };
    place.git(&["tag", "v0.1", "HEAD~1"]);
    assert_eq!(tag(), None);
    place.git(&["tag", "v1.9"]);
    place.git(&["tag", "v1.10"]);
    place.git(&["tag", "group/v1"]);
    assert_eq!(tag().as_deref(), Some("v1.10"));
    // Its time has to be later than that of the commit, to a second.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    place.git(&["tag", "-a", "-m", "A release", "release"]);
    place.git(&["tag", "-a", "-m", "Another commit", "older", "HEAD~1"]);
    assert_eq!(tag().as_deref(), Some("release"));
    place.git(&["pack-refs", "--all"]);
    assert_eq!(tag().as_deref(), Some("release"));
    place.git(&["tag", "-d", "release"]);
    assert_eq!(tag().as_deref(), Some("v1.10"));
}

/// Root is the user of jobs, and another user has made the checkout.
#[test]
fn owner_of_a_checkout_does_not_matter() {
    let place = committed();
    let app = place.path("app");
    for path in [app.clone(), app.join(".git"), app.join(".git/HEAD")] {
        if lchown(path, Some(1001), Some(1001)).is_err() {
            return;
        }
    }
    check(&place, &app, "main");
}

#[test]
fn files_of_a_commit_have_its_time_and_no_modes_of_their_own() {
    let place = committed();
    let app = place.path("app");
    git(place.dir.path(), &["clone", "-q", "app", "other"]);
    let other = place.path("other");
    fs::set_permissions(other.join("main.go"), fs::Permissions::from_mode(0o666)).unwrap();
    let file = fs::File::options()
        .write(true)
        .open(other.join("main.go"))
        .unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    let seen = [&app, &other].map(|dir| {
        let fetched = check(&place, dir, "main");
        let archive = pollster::block_on(async {
            let times = Times {
                new: 1_700_000_000,
                latest: None,
            };
            let pieces: Vec<_> = fetched.tree(times).into_archive().collect().await;
            pieces
                .into_iter()
                .flat_map(Result::unwrap)
                .collect::<Vec<u8>>()
        });
        let fingerprint = pollster::block_on(fetched.survey()).fingerprint;
        (archive, fingerprint.unwrap())
    });
    assert_eq!(seen[0], seen[1]);
    let by_git = place.fetch(&place.request()).unwrap();
    let fingerprint = pollster::block_on(by_git.survey()).fingerprint;
    assert_eq!(fingerprint.as_ref(), Some(&seen[0].1));
    // It follows the files.
    fs::write(app.join("main.go"), "other").unwrap();
    let changed = check(&place, &app, "main");
    assert_ne!(
        pollster::block_on(changed.survey()).fingerprint,
        fingerprint
    );
}

#[test]
fn git_is_needed_for_all_but_the_files_of_a_checkout() {
    let place = committed();
    git(
        place.dir.path(),
        &["clone", "-q", "--bare", "app", "bare.git"],
    );
    place.write(".gitmodules", "");
    let refused = |request: &SourceRequest| {
        let err = place::fetch(&place, no_git, request).unwrap_err();
        assert!(matches!(err, SourceError::NoGit(_)), "{err}");
        assert_eq!(fs::read_dir(place.path("tmp")).unwrap().count(), 0);
    };
    refused(&SourceRequest {
        git_ref: Some("main".into()),
        ..place.request()
    });
    refused(&request_for(&place.path("bare.git")));
    refused(&SourceRequest {
        submodules: Submodules::Ignore,
        ..place.request()
    });
    let with_fragment = format!("{}#main", place.path("app").display());
    refused(&SourceRequest::new(with_fragment.parse().unwrap()));
    let copied = SourceRequest {
        copy: true,
        ..place.request()
    };
    let copied = place::fetch(&place, no_git, &copied).unwrap();
    assert_eq!(copied.facts.commit, None);
}

#[test]
fn platform_names_the_branch_of_a_commit_that_is_checked_out_by_itself() {
    let place = committed();
    let app = place.path("app");
    place.git(&["checkout", "-q", "--detach"]);
    let [id, author, ..] = shown_by_git(&app);
    let (fetched, _) = read(&in_job(&place, &app, &id), &place.request());
    let commit = fetched.facts.commit.unwrap();
    assert_eq!(
        (commit.reference.as_str(), commit.author),
        ("feature/x", author)
    );
    // The job has checked another commit out.
    let (fetched, _) = read(&in_job(&place, &app, UNKNOWN), &place.request());
    let commit = fetched.facts.commit.unwrap();
    assert_eq!((commit.reference.as_str(), commit.id), ("HEAD", id));
}

#[test]
fn platform_describes_a_checkout_without_a_readable_commit() {
    let place = committed();
    let app = place.path("app");
    let described = |source: &LocalAndGit, problem: Option<&str>| {
        let (fetched, notice) = read(source, &place.request());
        let commit = fetched.facts.commit.unwrap();
        assert_eq!(
            (commit.id.as_str(), commit.time),
            (UNKNOWN, Some(1_704_067_200))
        );
        assert_eq!(
            fetched.facts.repository.as_deref(),
            Some("https://example.org/team/app")
        );
        let Notice::SourceCheckout {
            commit,
            problem: found,
            ..
        } = notice
        else {
            panic!("{notice:?}");
        };
        assert_eq!(commit.unwrap().platform, Some("GitLab"));
        let found = found.as_deref();
        assert!(
            problem.is_none_or(|text| found.unwrap().contains(text))
                && problem.is_some() == found.is_some(),
            "{found:?}"
        );
    };
    let source = in_job(&place, &app, UNKNOWN);
    fs::write(app.join(".git/HEAD"), "ref: refs/../../x\n").unwrap();
    described(&source, Some("a symbolic reference has a bad name"));
    fs::write(app.join(".git/HEAD"), "ref: refs/heads/none\n").unwrap();
    described(&source, Some("there is no `refs/heads/none`"));
    fs::write(app.join(".git/HEAD"), UNKNOWN).unwrap();
    described(&source, Some("can't read the commit"));
    fs::write(app.join(".git/refs/heads/a"), "ref: refs/heads/b\n").unwrap();
    fs::write(app.join(".git/refs/heads/b"), "ref: refs/heads/a\n").unwrap();
    fs::write(app.join(".git/HEAD"), "ref: refs/heads/a\n").unwrap();
    described(&source, Some("too many symbolic references"));
    // An archive of the commit, as platforms give it to containers without Git.
    fs::remove_dir_all(app.join(".git")).unwrap();
    described(&source, None);
}

#[test]
fn other_directories_are_no_checkouts_of_the_platform() {
    let place = Place::new();
    place.write("main.go", "x");
    place.write("sub/main.go", "x");
    let source = in_job(&place, &place.path("app"), UNKNOWN);
    symlink("app", place.path("link")).unwrap();
    let commit_of = |request: &SourceRequest| read(&source, request).0.facts.commit;
    assert!(commit_of(&request_for(&place.path("link"))).is_some());
    assert_eq!(commit_of(&request_for(&place.path("app/sub"))), None);
    let copied = SourceRequest {
        copy: true,
        ..place.request()
    };
    assert_eq!(commit_of(&copied), None);
}

#[test]
fn checkout_without_a_commit_and_a_platform_is_a_directory() {
    let place = committed();
    fs::write(place.path("app/.git/HEAD"), "nonsense").unwrap();
    let source = LocalAndGit {
        git: no_git,
        ..place.source()
    };
    let (fetched, notice) = read(&source, &place.request());
    assert_eq!(fetched.facts.commit, None);
    assert!(
        matches!(
            &notice,
            Notice::SourceCheckout { commit: None, problem: Some(problem), .. }
                if problem.contains("a reference has no ID of an object")
        ),
        "{notice:?}"
    );
}

/// An object that would need more memory than a commit may.
#[test]
fn objects_are_read_within_a_bound() {
    let place = committed();
    let app = place.path("app");
    fs::write(place.path("message"), vec![b'x'; 17 << 20]).unwrap();
    place.git(&["commit", "-q", "--allow-empty", "-F", "../message"]);
    let source = LocalAndGit {
        git: no_git,
        ..place.source()
    };
    for args in [&[][..], &["gc", "-q"]] {
        if !args.is_empty() {
            place.git(args);
        }
        let (fetched, notice) = read(&source, &request_for(&app));
        assert_eq!(fetched.facts.commit, None, "{notice:?}");
    }
}
