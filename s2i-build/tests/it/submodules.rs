//! Submodules, clones and references, with the real `git`.

use std::{fs, path::Path, process::Command};

use s2i_build::{
    CancelToken, notice::Notice, plan::Submodules, request::SourceRequest, source::usual_git,
};
use s2i_core::ErrorChain;

use crate::place::{Place, fails, fetch, git, names};

/// Git of a user who allows submodules on this machine.
fn git_that_allows_files() -> Command {
    let mut command = Command::new("git");
    command.env("GIT_CONFIG_COUNT", "1");
    command.env("GIT_CONFIG_KEY_0", "protocol.file.allow");
    command.env("GIT_CONFIG_VALUE_0", "always");
    command
}

/// Makes a repository with a file; `modules` are the names of its submodules, which lie beside it.
fn repository(place: &Place, name: &str, modules: &[&str]) {
    let dir = place.path(name);
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("file"), name).unwrap();
    git(&dir, &["init", "-q"]);
    for module in modules {
        let url = format!("../{module}");
        let allow = "protocol.file.allow=always";
        git(&dir, &["-c", allow, "submodule", "--quiet", "add", &url]);
    }
    commit(&dir);
}

fn commit(dir: &Path) {
    git(dir, &["add", "-A"]);
    git(dir, &["commit", "-q", "-m", "Change"]);
}

/// A source with a submodule that has one itself.
fn nested() -> Place {
    let place = Place::new();
    repository(&place, "deep", &[]);
    repository(&place, "lib", &["deep"]);
    repository(&place, "app", &["lib"]);
    place
}

const NESTED: &str = ".gitmodules=[submodule \"lib\"]\n\tpath = lib\n\turl = ../lib file=app lib lib/.gitmodules=[submodule \"deep\"]\n\tpath = deep\n\turl = ../deep lib/deep lib/deep/file=deep lib/file=lib";

#[test]
fn nested_submodules_are_fetched_at_the_recorded_commits() {
    let place = nested();
    for name in ["lib", "deep"] {
        fs::write(place.path(name).join("file"), "later").unwrap();
        commit(&place.path(name));
    }
    // Without the work trees that have them already.
    let status = Command::new("git")
        .args(["clone", "-q", "--bare", "app", "bare"])
        .current_dir(place.dir.path())
        .status();
    assert!(status.unwrap().success());
    let bare = SourceRequest::new(place.path("bare").to_str().unwrap().parse().unwrap());
    let fetched = fetch(&place, git_that_allows_files, &bare).unwrap();
    assert_eq!(names(&fetched), NESTED);
    let expected = Notice::SubmodulesFetched {
        paths: vec!["lib".into(), "lib/deep".into()],
    };
    assert_eq!(fetched.notices, [expected]);
}

/// The work trees have other commits and changes, and the rule for files of this machine does not matter.
#[test]
fn submodules_of_a_work_tree_are_built_from_their_recorded_commits() {
    let place = Place::new();
    repository(&place, "lib", &[]);
    repository(&place, "app", &["lib"]);
    fs::write(place.path("app/lib/file"), "later").unwrap();
    commit(&place.path("app/lib"));
    fs::write(place.path("app/lib/file"), "uncommitted").unwrap();
    fs::remove_dir_all(place.path("lib")).unwrap();
    let fetched = fetch(&place, usual_git, &place.request()).unwrap();
    assert!(names(&fetched).ends_with("file=app lib lib/file=lib"));
}

#[test]
fn submodules_on_this_machine_follow_the_rule_of_the_user() {
    let place = nested();
    let lib = place.path("app/lib");
    fs::remove_dir_all(&lib).unwrap();
    fs::create_dir(&lib).unwrap();
    let expected = "can't fetch the submodule `lib`: can't fetch `PLACE/lib`: git fetch failed";
    fails(&place, usual_git, expected);
}

#[test]
fn submodules_are_left_out_on_request() {
    let place = nested();
    let request = SourceRequest {
        submodules: Submodules::Ignore,
        ..place.request()
    };
    let fetched = fetch(&place, usual_git, &request).unwrap();
    assert!(names(&fetched).ends_with("file=app lib"));
    let paths = vec!["lib".into()];
    assert_eq!(fetched.notices, [Notice::SubmodulesLeftOut { paths }]);
}

#[test]
fn submodule_without_an_entry_is_an_error() {
    let place = nested();
    fs::remove_file(place.path("app/.gitmodules")).unwrap();
    commit(&place.path("app"));
    let expected = "can't fetch the submodule `lib`: `.gitmodules` has no address for it";
    fails(&place, git_that_allows_files, expected);
}

#[test]
fn submodules_without_end_are_refused() {
    let place = Place::new();
    repository(&place, "app", &[]);
    let app = place.path("app");
    let entry = "[submodule \"a\"]\npath = a\nurl = ../app\n";
    fs::write(app.join(".gitmodules"), entry).unwrap();
    commit(&app);
    // The submodule is the commit before.
    let add_level = || {
        let mut command = Command::new("git");
        let head = command.args(["rev-parse", "HEAD"]).current_dir(&app);
        let head = String::from_utf8(head.output().unwrap().stdout).unwrap();
        let link = format!("160000,{},a", head.trim());
        git(&app, &["update-index", "--add", "--cacheinfo", &link]);
        git(&app, &["commit", "-q", "-m", "One more level"]);
    };
    for _ in 0..10 {
        add_level();
    }
    assert!(fetch(&place, git_that_allows_files, &place.request()).is_ok());
    add_level();
    let fetched = fetch(&place, git_that_allows_files, &place.request());
    let text = ErrorChain(&fetched.unwrap_err()).to_string();
    assert!(text.contains("more than 10 levels deep"), "{text}");
}

#[test]
fn source_without_exclusions_is_a_clone_with_history() {
    let place = Place::new();
    repository(&place, "app", &[]);
    place.git(&["tag", "v1"]);
    place.write("file", "second");
    place.commit();
    let shown = |reference: Option<&str>| {
        let request = SourceRequest {
            exclude: String::new(),
            git_ref: reference.map(str::to_owned),
            ..place.request()
        };
        let fetched = fetch(&place, usual_git, &request).unwrap();
        let clone = place.path("clone");
        let tree = fetched.tree(s2i_core::Times::default());
        let _ = fs::remove_dir_all(&clone);
        fs::create_dir(&clone).unwrap();
        tree.copy_into(&clone, &CancelToken::default()).unwrap();
        let git = |args: &[&str]| {
            let mut command = Command::new("git");
            let output = command.args(args).current_dir(&clone).output().unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        let described = git(&["describe", "--tags"]);
        let described = described.split("-g").next().unwrap().to_owned();
        assert_eq!(git(&["status", "--porcelain"]), "");
        let origin = git(&["config", "remote.origin.url"]);
        assert_eq!(origin, place.path("app").to_str().unwrap());
        format!(
            "{described} {}",
            git(&["rev-parse", "--abbrev-ref", "HEAD"])
        )
    };
    assert_eq!(shown(None), "v1-1 main");
    assert_eq!(shown(Some("main")), "v1-1 main");
    assert_eq!(shown(Some("v1")), "v1 HEAD");
    assert_eq!(shown(Some("HEAD~1")), "v1 HEAD");
}

#[test]
fn ancestors_and_branches_of_origin_are_found() {
    let place = Place::new();
    repository(&place, "app", &[]);
    place.git(&["tag", "-a", "-m", "One", "v1"]);
    place.write("file", "second");
    place.commit();
    place.git(&["branch", "side/x"]);
    for (reference, expected) in [
        ("HEAD~1", "app"),
        ("main^", "app"),
        ("v1^{commit}", "app"),
        ("v1^{}", "app"),
        ("origin/side/x", "second"),
        ("origin/main~1", "app"),
        ("refs/remotes/origin/main", "second"),
        ("HEAD", "second"),
    ] {
        let request = SourceRequest {
            git_ref: Some(reference.into()),
            ..place.request()
        };
        place.check(&request, Ok(&format!("file={expected}")));
    }
}

#[test]
fn location_of_a_directory_is_absolute() {
    let place = Place::new();
    place.write("file", "x");
    for text in ["app", "./tmp/../app"] {
        let request = SourceRequest::new(text.parse().unwrap());
        let fetched = place.fetch(&request).unwrap();
        let expected = place.path("app").canonicalize().unwrap();
        assert_eq!(fetched.facts.location, expected.to_str().unwrap());
    }
}
