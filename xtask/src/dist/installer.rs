//! Tests of the installer: it runs in a root directory that has nothing but busybox, against a server on loopback.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
    thread,
};

use s2i_core::image::Digest;
use s2i_oci::layer::{LayerBuilder, Owner};
use s2i_test_engines::host;

use super::{
    Arch,
    release::{VERSION, name},
    templates,
};
use crate::images;

/// The files of a server, by path.
type Files = BTreeMap<String, Vec<u8>>;

/// Serves the files on loopback for the rest of the test, and returns the address.
fn serve(files: Files) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let files = Arc::new(files);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let files = Arc::clone(&files);
            thread::spawn(move || answer(&stream, &files));
        }
    });
    format!("http://{address}")
}

fn answer(mut stream: &TcpStream, files: &Files) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    let path = request.split(' ').nth(1).unwrap_or_default();
    let (status, body) = match files.get(path) {
        Some(body) => ("200 OK", body.as_slice()),
        None => ("404 Not Found", &[][..]),
    };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    drop(stream.write_all(head.as_bytes()));
    drop(stream.write_all(body));
}

/// Returns the files of a release whose program is this script.
fn release(script: &str) -> Files {
    let work = tempfile::tempdir().unwrap();
    let name = name(Arch::host().unwrap());
    let mut archive = LayerBuilder::new(1);
    archive.directory(&name, 0o755, Owner::ROOT).unwrap();
    let program = script.as_bytes().to_vec();
    archive
        .file(&format!("{name}/s2i"), 0o755, Owner::ROOT, program)
        .unwrap();
    let archive = archive.build(&work.path().join("plain")).unwrap();
    let archive = archive.gzip(&work.path().join("packed")).unwrap();
    let bytes = fs::read(archive.path()).unwrap();
    let digest = Digest::of(&bytes).hex();
    let sums = format!(
        "{}  other.tar.gz\n{digest}  {name}.tar.gz\n",
        "0".repeat(64)
    );
    Files::from([
        (format!("/v{VERSION}/SHA256SUMS"), sums.into_bytes()),
        (format!("/v{VERSION}/{name}.tar.gz"), bytes),
    ])
}

const PROGRAM: &str = "#!/bin/sh\necho s2i 1.0\n";

/// A root directory with busybox and the installer.
struct Machine {
    root: tempfile::TempDir,
}

impl Machine {
    /// Returns the machine, or `None` where this one can't start a program in another root directory.
    fn new(url: &str) -> Option<Self> {
        let root = tempfile::tempdir().unwrap();
        for name in ["bin", "tmp", "proc", "dev", "home"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        fs::write(root.path().join("dev/null"), "").unwrap();
        let busybox = images::busybox(Arch::host().unwrap());
        let Ok(busybox) = busybox else {
            return skip("busybox can't be downloaded");
        };
        let path = root.path().join("bin/busybox");
        fs::write(&path, busybox).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        for tool in [
            "sh",
            "cp",
            "chmod",
            "cat",
            "gzip",
            "id",
            "mkdir",
            "mktemp",
            "mv",
            "rm",
            "sha256sum",
            "tar",
            "uname",
            "wget",
        ] {
            symlink("busybox", root.path().join("bin").join(tool)).unwrap();
        }
        templates::write(root.path(), Some(url), &BTreeMap::new()).unwrap();
        let machine = Self { root };
        let started = machine.command(&[]).arg("-c").arg("true").output();
        if started.is_ok_and(|output| output.status.success()) {
            Some(machine)
        } else {
            skip("no program starts in another root directory here")
        }
    }

    /// Returns the command that starts its shell.
    fn command(&self, env: &[(&str, &str)]) -> Command {
        let mut command = Command::new("unshare");
        command
            .args(["--user", "--map-root-user", "chroot"])
            .arg(self.root.path())
            .arg("/bin/sh")
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .envs(env.iter().copied());
        command
    }

    fn install(&self, env: &[(&str, &str)]) -> Output {
        self.command(env).arg("/install.sh").output().unwrap()
    }

    /// Returns the files that are there now and were not at first.
    fn made(&self) -> Vec<String> {
        let mut found = Vec::new();
        for directory in ["tmp", "home", "usr"] {
            walk(self.root.path(), &PathBuf::from(directory), &mut found);
        }
        found
    }

    /// Runs the installer, which must fail with this message and leave nothing behind.
    #[track_caller]
    fn refuse(&self, env: &[(&str, &str)], message: &str) {
        let output = self.install(env);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{errors}");
        assert!(errors.contains(message), "{errors}");
        assert_eq!(self.made(), [""; 0]);
    }
}

fn walk(root: &Path, at: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(root.join(at)).into_iter().flatten() {
        let entry = entry.unwrap();
        let path = at.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            walk(root, &path, found);
        } else {
            found.push(path.display().to_string());
        }
    }
}

/// The macro would not do: the test harness captures its output.
fn skip<T>(reason: &str) -> Option<T> {
    drop(writeln!(std::io::stderr(), "\n!!! SKIPPED: {reason}\n"));
    None
}

#[test]
fn installer_installs_a_program_with_the_listed_digest_alone() {
    let url = serve(release(PROGRAM));
    let Some(machine) = Machine::new(&url) else {
        return;
    };
    let output = machine.install(&[("S2I_INSTALL_DIR", "/home/tools")]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8_lossy(&output.stdout);
    let expected =
        format!("installed s2i {VERSION} as /home/tools/s2i\n/home/tools is not in PATH\n");
    assert_eq!(text, expected);
    assert_eq!(machine.made(), ["home/tools/s2i"]);
    let installed = machine.root.path().join("home/tools/s2i");
    assert_eq!(fs::read_to_string(&installed).unwrap(), PROGRAM);
    let mode = fs::metadata(installed).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
    // Root installs for everyone.
    let output = machine.install(&[]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.ends_with(" as /usr/local/bin/s2i\n/usr/local/bin is not in PATH\n"),
        "{text}"
    );
}

#[test]
fn installer_refuses_a_wrong_or_missing_digest_and_leaves_nothing() {
    let name = name(Arch::host().unwrap());
    let (list, file) = (
        format!("/v{VERSION}/SHA256SUMS"),
        format!("/v{VERSION}/{name}.tar.gz"),
    );
    let good = release(PROGRAM);
    let without = |path: &str| {
        let mut files = good.clone();
        files.remove(path);
        files
    };
    let with = |path: &str, content: &[u8]| {
        let mut files = good.clone();
        files.insert(path.to_owned(), content.to_vec());
        files
    };
    let other = "0".repeat(64);
    for (files, message) in [
        (with(&file, b"other"), "nothing is installed"),
        (
            with(&list, format!("{other}  {name}.tar.gz\n").as_bytes()),
            "nothing is installed",
        ),
        (
            with(&list, format!("{other}  other.tar.gz\n").as_bytes()),
            "has no digest of",
        ),
        (with(&list, b""), "has no digest of"),
        (without(&list), "can't download"),
        (without(&file), "can't download"),
        (
            release("#!/bin/sh\nexit 1\n"),
            "the program doesn't start on this machine",
        ),
    ] {
        let Some(machine) = Machine::new(&serve(files)) else {
            return;
        };
        machine.refuse(&[], message);
    }
}

#[test]
fn installer_needs_an_address_and_takes_another_version() {
    let Some(machine) = Machine::new("") else {
        return;
    };
    machine.refuse(&[], "is no address of releases");
    let url = serve(release(PROGRAM));
    machine.refuse(
        &[("S2I_BASE_URL", &url), ("S2I_VERSION", "v0.0.0")],
        "/v0.0.0/SHA256SUMS",
    );
    let output = machine.install(&[("S2I_BASE_URL", &url), ("S2I_VERSION", VERSION)]);
    assert!(output.status.success());
}

/// Machines with curl need no wget.
#[test]
fn installer_downloads_with_curl_too() {
    if host::find("curl").is_none() {
        skip::<()>("there is no curl");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let url = serve(release(PROGRAM));
    templates::write(directory.path(), Some(&url), &BTreeMap::new()).unwrap();
    let to = directory.path().join("bin");
    let output = Command::new("sh")
        .arg(directory.path().join("install.sh"))
        .env("S2I_INSTALL_DIR", &to)
        .env_remove("S2I_BASE_URL")
        .env_remove("S2I_VERSION")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(fs::read_to_string(to.join("s2i")).unwrap(), PROGRAM);
}
