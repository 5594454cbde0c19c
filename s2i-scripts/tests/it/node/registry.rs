//! A registry on loopback that requires a token, and the real npm.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
    thread,
};

use flate2::{Compression, write::GzEncoder};
use s2i_core::{Script, archive::Writer};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};

use crate::{
    artifacts::restore,
    image::{Image, is_thorough},
};

/// The token, which must not be kept.
const MARKER: &str = "0123456789abcdefMARKERfedcba9876543";

const PACKAGE: &str = r#"{"name":"sample","version":"1.0.0","license":"MIT","scripts":{"start":"node start.js"},"dependencies":{"private":"^1.0.0"}}"#;

const START: &str = "console.log(require('private'))";

/// A package of a registry.
struct Package {
    name: String,
    version: String,
    /// Its `package.json`.
    manifest: Value,
    archive: Vec<u8>,
}

/// A registry with some packages. It runs as long as the tests do.
struct Registry {
    port: u16,
    /// The paths of requests with the statuses of their answers.
    requests: Arc<Mutex<Vec<String>>>,
}

impl Registry {
    fn start(packages: Vec<Package>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming() {
                // npm reports connections that break.
                drop(answer(stream.unwrap(), port, &packages, &seen));
            }
        });
        Self { port, requests }
    }

    fn address(&self) -> String {
        format!("http://127.0.0.1:{}/all", self.port)
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn answer(
    mut stream: TcpStream,
    port: u16,
    packages: &[Package],
    requests: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let lines = BufReader::new(stream.try_clone()?).lines();
    let head = lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty());
    let head: Vec<_> = head.collect();
    let path = head
        .first()
        .and_then(|line| line.split(' ').nth(1))
        .unwrap_or_default();
    let is_known = head.iter().any(|line| {
        let (name, value) = line.split_once(": ").unwrap_or_default();
        name.eq_ignore_ascii_case("authorization") && value == format!("Bearer {MARKER}")
    });
    // Names with a scope have a slash, which is encoded in addresses.
    let path = path.replace("%2f", "/").replace("%2F", "/");
    let found = packages
        .iter()
        .find_map(|package| package.answer(&path, port));
    let (status, body) = match found {
        _ if !is_known => ("401 Unauthorized", b"{\"error\":\"unauthorized\"}".to_vec()),
        Some(body) => ("200 OK", body),
        None => ("404 Not Found", b"{}".to_vec()),
    };
    requests.lock().unwrap().push(format!("{path} {status}"));
    // npm writes the headers on which an answer depends into its cache.
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nCache-Control: max-age=300\r\nVary: Authorization\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body)
}

impl Package {
    /// Returns the only package of these tests.
    fn private() -> Self {
        Self {
            name: "private".into(),
            version: "1.0.0".into(),
            manifest: json!({"name": "private", "version": "1.0.0"}),
            archive: archive(),
        }
    }

    /// Returns a public package, such as `pnpm@10.0.0`, from where npm gets packages on this host.
    fn of_npm(named: &str) -> Self {
        let npm = |args: &[&str], dir: &Path| {
            let output = Command::new("npm").args(args).current_dir(dir).output();
            let output = output.unwrap();
            assert!(output.status.success(), "npm {args:?}: {output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        let dir = tempfile::tempdir().unwrap();
        let file = npm(&["pack", named, "--silent"], dir.path());
        let archive = fs::read(dir.path().join(file.trim())).unwrap();
        let manifest: Value =
            serde_json::from_str(&npm(&["view", named, "--json"], dir.path())).unwrap();
        let field = |name: &str| manifest[name].as_str().unwrap().to_owned();
        Self {
            name: field("name"),
            version: field("version"),
            archive,
            manifest,
        }
    }

    /// Returns its content at a path of the registry.
    fn answer(&self, path: &str, port: u16) -> Option<Vec<u8>> {
        let (description, archive) = (
            format!("/all/{}", self.name),
            format!("/all/{}/-/{}.tgz", self.name, self.version),
        );
        if path == archive {
            return Some(self.archive.clone());
        }
        let mut manifest = self.manifest.clone();
        let tarball = format!("http://127.0.0.1:{port}{archive}");
        manifest["dist"] = json!({"tarball": tarball, "integrity": integrity(&self.archive)});
        let all = json!({
            "name": self.name,
            "dist-tags": {"latest": self.version},
            "versions": {&self.version: manifest},
            // Yarn takes nothing that was published a moment ago.
            "time": {&self.version: "2001-02-03T04:05:06.000Z"},
        });
        (path == description).then(|| all.to_string().into_bytes())
    }
}

/// Returns the digest of an archive, in the notation of registries.
fn integrity(archive: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digest = Sha512::digest(archive);
    let digits = digest.chunks(3).flat_map(|bytes| {
        let bits = (0..3).fold(0, |bits, at| {
            bits << 8 | usize::from(bytes.get(at).copied().unwrap_or_default())
        });
        let digit = move |at: usize| char::from(DIGITS[bits >> (18 - 6 * at) & 63]);
        (0..4).map(move |at| if at > bytes.len() { '=' } else { digit(at) })
    });
    format!("sha512-{}", digits.collect::<String>())
}

/// Returns the archive of the package, in the format of registries.
fn archive() -> Vec<u8> {
    let compressed = GzEncoder::new(Vec::new(), Compression::fast());
    let mut archive = Writer::new(compressed, 1);
    for (name, text) in [
        (
            "package/package.json",
            r#"{"name":"private","version":"1.0.0","main":"index.js"}"#,
        ),
        ("package/index.js", "module.exports = 'from the registry'"),
    ] {
        let size = text.len() as u64;
        archive
            .file(name.as_bytes(), 0o644, size, &mut text.as_bytes())
            .unwrap();
    }
    let (compressed, _) = archive.finish().unwrap();
    compressed.finish().unwrap()
}

fn image(registry: &Registry) -> Option<Image> {
    let image = Image::with_node()?;
    let image = image
        .source("package.json", PACKAGE)
        .source("start.js", START)
        .without("npm_config_offline")
        .env("npm_config_fetch_retries", "0")
        .env("npm_config_loglevel", "silly")
        .env("NPM_MIRROR", &registry.address());
    Some(image)
}

/// Returns the files below a directory that hold the token.
fn holders(path: &Path) -> Vec<String> {
    let data = fs::symlink_metadata(path).unwrap();
    if data.is_dir() {
        let children = fs::read_dir(path).unwrap();
        return children
            .flat_map(|child| holders(&child.unwrap().path()))
            .collect();
    }
    let holds = |text: &[u8]| {
        text.windows(MARKER.len())
            .any(|part| part == MARKER.as_bytes())
    };
    let is_holder = data.is_file() && holds(&fs::read(path).unwrap());
    is_holder
        .then(|| path.display().to_string())
        .into_iter()
        .collect()
}

#[test]
fn package_is_installed_and_its_token_is_not_kept() {
    let registry = Registry::start(vec![Package::private()]);
    for keep in ["false", "true"] {
        let Some(image) = image(&registry) else {
            return;
        };
        let image = image.env("NPM_TOKEN", MARKER).env("S2I_KEEP_CACHE", keep);
        check_installation(&image);
        let saved = image.script(Script::SaveArtifacts, &[]);
        assert_eq!(saved.stdout.len() > 10_000, keep == "true");
    }
}

/// Builds and runs the application; its token is in no file and no output.
#[track_caller]
fn check_installation(image: &Image) {
    let outcome = image.script(Script::Assemble, &[]);
    let output = format!("{}{}", outcome.text(), outcome.stderr);
    assert_eq!(outcome.code, Some(0), "{output}");
    assert!(!output.contains(MARKER), "{output}");
    assert_eq!(holders(&image.path("")), [""; 0]);
    let ran = image.script(Script::Run, &[]);
    assert_eq!(ran.text(), "from the registry\n");
}

#[test]
fn other_package_managers_do_not_keep_the_token() {
    if !is_thorough() {
        return;
    }
    for (manager, package) in [
        ("pnpm@10.34.9", "pnpm@10.34.9"),
        ("yarn@1.22.22", "yarn@1.22.22"),
        ("yarn@4.18.1", "@yarnpkg/cli-dist@4.18.1"),
    ] {
        let registry = Registry::start(vec![Package::private(), Package::of_npm(package)]);
        let Some(image) = image(&registry) else {
            return;
        };
        let mut image = image
            .env("NODE_PACKAGE_MANAGER", manager)
            .env("NPM_TOKEN", MARKER)
            .env("S2I_KEEP_CACHE", "true");
        if package.starts_with('@') {
            let settings = "nodeLinker: node-modules\nunsafeHttpWhitelist:\n  - 127.0.0.1\n";
            image = image.source(".yarnrc.yml", settings);
        }
        check_installation(&image);
    }
}

#[test]
fn registry_refuses_requests_without_the_token() {
    let registry = Registry::start(vec![Package::private()]);
    let Some(image) = image(&registry) else {
        return;
    };
    let outcome = image.script(Script::Assemble, &[]);
    assert_eq!(outcome.code, Some(13), "{}", outcome.stderr);
    assert_eq!(registry.requests(), ["/all/private 401 Unauthorized"]);
}

#[test]
fn packages_of_the_previous_build_are_taken_where_nothing_has_changed() {
    let registry = Registry::start(vec![Package::private()]);
    let lock = json!({
        "name": "sample", "version": "1.0.0", "lockfileVersion": 3, "requires": true,
        "packages": {
            "": {"name": "sample", "version": "1.0.0", "license": "MIT", "dependencies": {"private": "^1.0.0"}},
            "node_modules/private": {
                "version": "1.0.0",
                "resolved": format!("{}/private/-/1.0.0.tgz", registry.address()),
                "integrity": integrity(&archive()),
            },
        },
    });
    let build = |artifacts: Option<&Image>, lock: &Value| {
        let image = image(&registry)?
            .source("package-lock.json", &lock.to_string())
            .env("NPM_TOKEN", MARKER)
            .env("S2I_KEEP_CACHE", "true");
        if let Some(previous) = artifacts {
            let saved = previous.script(Script::SaveArtifacts, &[]);
            restore(&saved.stdout, &image, "tmp/artifacts");
        }
        let text = image.assemble();
        let ran = image.script(Script::Run, &[]);
        assert_eq!(ran.text(), "from the registry\n", "{text}");
        assert_eq!(holders(&image.path("")), [""; 0]);
        Some((image, text))
    };
    let reused = "the packages are those of the previous build";
    let Some((first, text)) = build(None, &lock) else {
        return;
    };
    assert!(text.contains("npm ci --omit=dev\n"), "{text}");
    let (second, text) = build(Some(&first), &lock).unwrap();
    assert!(text.contains(reused) && !text.contains("npm ci"), "{text}");
    assert_eq!(second.list("app-root/src"), first.list("app-root/src"));
    let (third, text) = build(Some(&second), &lock).unwrap();
    assert!(text.contains(reused), "{text}");

    let mut changed = lock.clone();
    changed["version"] = "1.0.1".into();
    let (_, text) = build(Some(&third), &changed).unwrap();
    assert!(text.contains("npm ci --omit=dev\n"), "{text}");
}
