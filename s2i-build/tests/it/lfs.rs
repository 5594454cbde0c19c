//! Files of Git LFS, with the real `git-lfs`.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use s2i_build::{SourceError, request::SourceRequest, source::usual_git};
use serde_json::json;

use crate::place::{Place, fails, fetch, git, names};

const CONTENT: &str = "the large file\n";

const ID: &str = "e292f0def1cdcf4f6c105008b52515ac0ad72622d5fc230a02cbd2b7bcb5f4e2";

fn pointer() -> String {
    let size = CONTENT.len();
    format!("version https://git-lfs.github.com/spec/v1\noid sha256:{ID}\nsize {size}\n")
}

/// Returns whether a test must be skipped because this machine has no Git LFS, and prints that.
fn is_skipped() -> bool {
    let output = Command::new("git").args(["lfs", "version"]).output();
    let is_missing = !output.unwrap().status.success();
    if is_missing {
        // The macro would not do: the test harness captures its output.
        drop(writeln!(
            io::stderr(),
            "\n!!! SKIPPED: git-lfs is not on this machine\n"
        ));
    }
    is_missing
}

/// Makes a repository with a file of Git LFS, and with a file that has the text of a pointer only.
fn large(dir: &Path) {
    fs::create_dir_all(dir.join("models")).unwrap();
    for (name, text) in [
        (".gitattributes", "*.bin filter=lfs\n"),
        ("models/a [1] *.bin", &pointer()),
        // No file of Git LFS.
        ("text.txt", &pointer()),
    ] {
        fs::write(dir.join(name), text).unwrap();
    }
    git(dir, &["init", "-q"]);
    commit(dir);
}

fn commit(dir: &Path) {
    // Without the filter of this machine, which could replace a pointer.
    let filters = ["filter.lfs.process=", "filter.lfs.required=false"];
    let filters = filters.iter().chain(&["filter.lfs.clean="]);
    let settings: Vec<&str> = filters.flat_map(|filter| ["-c", filter]).collect();
    git(dir, &[&settings[..], &["add", "-A"]].concat());
    git(
        dir,
        &[&settings[..], &["commit", "-q", "-m", "Change"]].concat(),
    );
}

/// Puts the content where Git LFS keeps it in Git's own directory.
fn add_content(git_dir: &Path) {
    let object = object(git_dir);
    fs::create_dir_all(object.parent().unwrap()).unwrap();
    fs::write(object, CONTENT).unwrap();
}

fn object(git_dir: &Path) -> PathBuf {
    let dir = git_dir.join("lfs/objects").join(&ID[..2]);
    dir.join(&ID[2..4]).join(ID)
}

#[track_caller]
fn has_content(place: &Place, location: &str) {
    let request = SourceRequest::new(location.parse().unwrap());
    let found = names(&fetch(place, usual_git, &request).unwrap());
    let expected = "models/a [1] *.bin=the large file text.txt=version";
    assert!(found.contains(expected), "{found}");
    assert_eq!(fs::read_dir(place.path("tmp")).unwrap().count(), 0);
}

/// Git of a machine without Git LFS.
fn git_without_lfs() -> Command {
    let script = r#"case " $* " in *" lfs "*) exit 1;; esac; exec git "$@""#;
    let mut command = Command::new("sh");
    command.args(["-c", script, "git"]);
    command
}

#[test]
fn pointers_are_an_error_without_git_lfs() {
    let place = Place::new();
    large(&place.path("app"));
    let expected =
        "`git-lfs` is needed for the content of `models/a [1] *.bin` and is not on this machine";
    fails(&place, git_without_lfs, expected);
    place.write(".gitattributes", "*.bin -text\n");
    place.commit();
    let fetched = fetch(&place, git_without_lfs, &place.request()).unwrap();
    assert!(names(&fetched).contains(".bin=version"));
}

#[test]
fn content_of_lfs_comes_from_the_repository_itself() {
    let place = Place::new();
    // Git LFS reads the path as a URL.
    let app = place.path("app %41+?é");
    large(&app);
    if is_skipped() {
        return;
    }
    let request = SourceRequest::new(app.to_str().unwrap().parse().unwrap());
    let missing = fetch(&place, usual_git, &request).unwrap_err();
    let missing = s2i_core::ErrorChain(&missing).to_string();
    let expected = "can't fetch the content of `models/a [1] *.bin` with Git LFS: ";
    assert!(missing.starts_with(expected), "{missing}");
    assert!(missing.contains("git lfs fetch failed"), "{missing}");

    add_content(&app.join(".git"));
    has_content(&place, app.to_str().unwrap());
    let object = object(&app.join(".git"));
    fs::write(&object, "another file..\n").unwrap();
    let damaged = fetch(&place, usual_git, &request);
    assert!(
        matches!(damaged, Err(SourceError::Lfs { .. })),
        "{damaged:?}"
    );
    fs::write(&object, CONTENT).unwrap();
    // The server of others is not needed, nor are its rules for fetches.
    let server = "[lfs]\nurl = http://127.0.0.1:1/x\nfetchexclude = *.bin\n";
    fs::write(app.join(".lfsconfig"), server).unwrap();
    commit(&app);
    has_content(&place, app.to_str().unwrap());

    let tree = place.path("tree");
    git(
        &app,
        &[
            "-c",
            "core.hooksPath=/dev/null",
            "worktree",
            "add",
            "-q",
            "--no-checkout",
            tree.to_str().unwrap(),
        ],
    );
    has_content(&place, tree.to_str().unwrap());
    let bare = place.path("bare");
    git(
        &app,
        &["clone", "-q", "--bare", ".", bare.to_str().unwrap()],
    );
    add_content(&bare);
    has_content(&place, &format!("file://{}", bare.display()));
}

#[test]
fn content_of_lfs_comes_from_the_origin_of_a_local_clone() {
    let place = Place::new();
    let (origin, app) = (place.path("origin %41"), place.path("app"));
    large(&origin);
    add_content(&origin.join(".git"));
    if is_skipped() {
        return;
    }
    let clone = ["clone", "-q", "--no-checkout", "."];
    git(&origin, &[&clone[..], &[app.to_str().unwrap()]].concat());
    has_content(&place, app.to_str().unwrap());
    // The content is elsewhere, as the user's settings have it.
    let elsewhere = place.path("elsewhere");
    let here = ["clone", "-q", "--bare", "."];
    git(
        &origin,
        &[&here[..], &[elsewhere.to_str().unwrap()]].concat(),
    );
    fs::rename(origin.join(".git/lfs"), elsewhere.join("lfs")).unwrap();
    fails(&place, usual_git, "git lfs fetch failed");
    for key in ["remote.origin.lfsurl", "lfs.url"] {
        let url = format!("file://{}", elsewhere.display());
        git(&app, &["config", key, &url]);
        has_content(&place, app.to_str().unwrap());
        git(&app, &["config", "--unset", key]);
    }
}

#[test]
fn content_of_lfs_comes_from_a_server_with_the_credentials_of_the_source() {
    let place = Place::new();
    let app = place.path("app");
    large(&app);
    if is_skipped() {
        return;
    }
    let server = Server::start(place.path("served"));
    let bare = place.path("served/app.git");
    fs::create_dir(place.path("served")).unwrap();
    git(
        &app,
        &["clone", "-q", "--bare", ".", bare.to_str().unwrap()],
    );
    git(&bare, &["update-server-info"]);
    has_content(&place, &format!("http://me:secret@{}/app.git", server.0));
    let other = format!("http://me:other@{}/app.git", server.0);
    let request = SourceRequest::new(other.parse().unwrap());
    let refused = fetch(&place, usual_git, &request).unwrap_err();
    let refused = s2i_core::ErrorChain(&refused).to_string();
    assert!(
        refused.starts_with("can't fetch the content of"),
        "{refused}"
    );
    assert!(!refused.contains("other"), "{refused}");
    // A local clone asks the server too.
    fs::remove_dir_all(&app).unwrap();
    let url = format!("http://me:secret@{}/app.git", server.0);
    let clone = ["clone", "-q", "--no-checkout", &url, "app"];
    git(place.dir.path(), &clone);
    has_content(&place, app.to_str().unwrap());
}

#[test]
fn servers_of_lfs_follow_the_rules_for_sources() {
    let place = Place::new();
    let app = place.path("app");
    large(&app);
    add_content(&app.join(".git"));
    for url in ["ext::touch x", "ssh://-oProxyCommand=x/y", "relative"] {
        place.write(".lfsconfig", &format!("[lfs]\nurl = {url}\n"));
        commit(&app);
        let expected = format!("`.lfsconfig` names the server `{url}`, which is not allowed");
        fails(&place, usual_git, &expected);
    }
}

/// A server of repositories as plain files, with the batch API of Git LFS for a user.
struct Server(String);

impl Server {
    fn start(root: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let own = address.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                // A client may go away.
                let _ = serve(stream.unwrap(), &root, &own);
            }
        });
        Self(address)
    }
}

fn serve(mut stream: TcpStream, root: &Path, address: &str) -> std::io::Result<()> {
    let (mut request, mut piece) = (Vec::new(), [0; 4096]);
    let is_whole = |request: &[u8]| {
        let text = String::from_utf8_lossy(request).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            return false;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        length.is_none_or(|length| body.len() >= length.parse().unwrap())
    };
    while !is_whole(&request) {
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            read => request.extend_from_slice(&piece[..read]),
        }
    }
    let request = String::from_utf8_lossy(&request);
    let (status, body) = answer(&request, root, address);
    let login = "WWW-Authenticate: Basic realm=\"lfs\"\r\n";
    let login = if status == 401 { login } else { "" };
    let kind = "application/vnd.git-lfs+json";
    let head = format!(
        "HTTP/1.1 {status} -\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n{login}Connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), &body].concat())
}

fn answer(request: &str, root: &Path, address: &str) -> (u16, Vec<u8>) {
    let target = request.split(' ').nth(1).unwrap();
    let path = target.split('?').next().unwrap();
    if path == "/app.git/info/lfs/objects/batch" {
        // me:secret
        if !request.contains("Authorization: Basic bWU6c2VjcmV0\r\n") {
            return (401, b"{}".into());
        }
        let (_, body) = request.split_once("\r\n\r\n").unwrap();
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["operation"], "download");
        let object = json!({
            "oid": ID,
            "size": CONTENT.len(),
            "actions": {"download": {"href": format!("http://{address}/content")}},
        });
        let found = json!({"transfer": "basic", "objects": [object]});
        return (200, found.to_string().into_bytes());
    }
    if path == "/content" {
        return (200, CONTENT.into());
    }
    match fs::read(root.join(path.trim_start_matches('/'))) {
        Ok(bytes) => (200, bytes),
        Err(_) => (404, Vec::new()),
    }
}
