//! Attacks that other tools of this kind have met: builders, scripts and servers that try to reach the
//! machine. `docs/security.md` has a table of them all.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    thread,
};

use s2i_core::label;

use crate::{
    harness::{Live, live},
    images::{Entry, Recipe},
    process::{Done, Running},
    secrets::nothing_holds,
};

/// The sockets of engines.
const SOCKETS: [&str; 13] = [
    "/run/buildkit/buildkitd.sock",
    "/run/containerd/containerd.sock",
    "/run/cri-dockerd.sock",
    "/run/crio/crio.sock",
    "/run/docker.sock",
    "/run/docker/containerd/containerd.sock",
    "/run/k3s/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/run/user/0/docker.sock",
    "/run/user/0/podman/podman.sock",
    "/run/user/1000/docker.sock",
    "/run/user/1000/podman/podman.sock",
    "/var/run/docker.sock",
];

/// Builds as the caller with this directory for what lives as long as a login.
fn build_with_runtime_dir(live: &Live, runtime: &Path, options: &[&str], lines: &[String]) -> Done {
    let source = live.instructions(&lines.join("\n"));
    let mut command = live.command();
    command.env("XDG_RUNTIME_DIR", runtime);
    command.args(live.engine.options());
    command.args(live.build_args(live.builder(), options, source.as_os_str()));
    Running::start(&mut command).finish()
}

/// CVE-2016-3738.
#[test]
fn engine_sockets_are_not_in_containers() {
    let Some(live) = live() else { return };
    let runtime = live.path("runtime");
    let own = runtime.join("podman/podman.sock");
    fs::create_dir_all(own.parent().unwrap()).unwrap();
    let _listening = UnixListener::bind(&own).unwrap();
    let mut sockets: Vec<_> = SOCKETS.map(PathBuf::from).into();
    sockets.push(own);
    let url = live.engine.api().map(|api| api.url.clone());
    let url = url.unwrap_or_default();
    sockets.extend(url.strip_prefix("unix://").map(PathBuf::from));
    let absent = |socket: &PathBuf| format!("must-not-exist {}", socket.display());
    let mut lines: Vec<_> = sockets.iter().map(absent).collect();
    lines.extend(["DOCKER_HOST", "XDG_RUNTIME_DIR"].map(|name| format!("show-env {name}")));
    build_with_runtime_dir(&live, &runtime, &[], &lines)
        .succeeds()
        .says("DOCKER_HOST=None")
        .says("XDG_RUNTIME_DIR=None");
}

/// The content, mode and times of a file.
fn state(path: &Path) -> (Vec<u8>, u32, i64, i64, u64) {
    let found = fs::symlink_metadata(path).unwrap();
    let content = fs::read(path).unwrap();
    let (mode, inode) = (found.mode(), found.ino());
    (content, mode, found.mtime(), found.mtime_nsec(), inode)
}

/// `ada:LOGINMARKER6b1d8f` as logins are kept.
const LOGIN: &str = "YWRhOkxPR0lOTUFSS0VSNmIxZDhm";

/// CVE-2024-45497.
#[test]
fn login_files_are_neither_visible_nor_changed() {
    let Some(live) = live() else { return };
    let runtime = live.path("runtime");
    let files = [
        live.path(".docker/config.json"),
        live.path(".config/containers/auth.json"),
        runtime.join("containers/auth.json"),
    ];
    let text = format!(r#"{{"auths": {{"registry.example.org": {{"auth": "{LOGIN}"}}}}}}"#);
    let mut lines = Vec::new();
    for file in &files {
        let dir = file.parent().unwrap();
        fs::create_dir_all(dir).unwrap();
        fs::write(file, &text).unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
        let (dir, file) = (dir.display(), file.display());
        lines.extend([
            format!("must-not-exist {file}"),
            format!("make-dir {dir}"),
            format!("write {file} by assemble"),
            format!("mode {file} 777"),
        ]);
    }
    lines.push("write /app/kept KEPTMARKER".to_owned());
    lines.extend(["DOCKER_CONFIG", "REGISTRY_AUTH_FILE"].map(|name| format!("show-env {name}")));
    let before = files.each_ref().map(|file| state(file));
    let options = ["--assemble-user", "0", "--loglevel", "5"];
    build_with_runtime_dir(&live, &runtime, &options, &lines)
        .succeeds()
        .says("DOCKER_CONFIG=None")
        .says("REGISTRY_AUTH_FILE=None")
        .never_says(LOGIN)
        .never_says("LOGINMARKER");
    assert_eq!(files.each_ref().map(|file| state(file)), before);
    nothing_holds(&live, &[LOGIN], "KEPTMARKER", &files);
}

/// CVE-2026-41567: an engine that unpacks with a program of the image runs it as root of the machine.
#[test]
fn archives_are_not_unpacked_by_programs_of_the_image() {
    let Some(live) = live() else { return };
    let programs = [
        "bin/tar",
        "usr/bin/gzip",
        "usr/bin/tar",
        "usr/bin/unpigz",
        "usr/bin/xz",
        "usr/bin/zstd",
    ];
    let with_programs = |recipe| {
        let with = |recipe: Recipe, name| recipe.with(name, Entry::Program);
        programs.into_iter().fold(recipe, with)
    };
    let builder = live.load("builder", &with_programs(Recipe::builder()));
    let runtime = live.load("runtime", &with_programs(Recipe::runtime()));
    let source = live.source(&[("file", "text")]);
    live.build_with(&builder, &["--runtime-image", &runtime], source)
        .succeeds();
    let layers = live.engine.layers(&live.image("app"), &live.path(""));
    let canary = "trojan-ran";
    assert!(layers.iter().all(|layer| !layer.contains_key(canary)));
    assert!(!Path::new("/").join(canary).exists());
}

/// Paths that must not be writable, or must be empty, through any link.
const MASKED: [(&str, &str, &str); 8] = [
    ("must-not-write", "pattern", "/proc/sys/kernel/core_pattern"),
    ("must-not-write", "modprobe", "/proc/sys/kernel/modprobe"),
    ("must-not-write", "sysrq", "/proc/sysrq-trigger"),
    ("must-not-write", "irq", "/proc/irq/default_smp_affinity"),
    ("must-not-write", "helper", "/sys/kernel/uevent_helper"),
    ("must-be-empty", "kcore", "/proc/kcore"),
    ("must-be-empty", "timers", "/proc/timer_list"),
    ("must-be-empty", "firmware", "/sys/firmware"),
];

/// CVE-2025-31133, -52565 and -52881: what hides files of the kernel was led elsewhere by links.
#[test]
fn links_of_an_image_do_not_open_masked_paths() {
    let Some(live) = live() else { return };
    let mut recipe = Recipe::builder();
    let mut lines = Vec::new();
    for (verb, name, target) in MASKED {
        recipe = recipe.with(format!("links/{name}").leak(), Entry::Link(target));
        lines.push(format!("{verb} {target}\n{verb} /links/{name}"));
    }
    let lines = lines.join("\n");
    let options = ["--assemble-user", "0"];
    let builder = live.load("links", &recipe);
    live.build_with(&builder, &options, live.instructions(&lines))
        .succeeds();
    // In place of the directories themselves: whatever comes of it, nothing is open.
    for dir in ["proc", "sys", "dev"] {
        let recipe = recipe.clone().with(dir, Entry::Link("/app"));
        let builder = live.load(dir, &recipe);
        let done = live.build_with(&builder, &options, live.instructions(&lines));
        let code = done.status.code();
        assert_ne!(code, Some(4), "{dir}: {:?}", done.lines);
        assert!(
            code.is_some_and(|code| code != 1),
            "{dir}: {:?}",
            done.lines
        );
    }
}

/// The names in a directory and what is in its files.
fn content(dir: &Path) -> Vec<(PathBuf, u32, Vec<u8>)> {
    let mut found: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let mode = fs::metadata(&path).unwrap().mode();
            let bytes = fs::read(&path).unwrap_or_default();
            (path, mode, bytes)
        })
        .collect();
    found.sort();
    found
}

/// CVE-2024-1753.
#[test]
fn links_in_place_of_system_directories_do_not_lead_out() {
    let Some(live) = live() else { return };
    let outside = live.path("outside");
    for name in ["src", "scripts", "artifacts", "trust"] {
        fs::create_dir_all(outside.join(name)).unwrap();
    }
    fs::write(outside.join("assemble"), "of the host").unwrap();
    let target: &'static str = outside.to_str().unwrap().to_owned().leak();
    let before = content(&outside);
    let source = live.source(&[("file", "text"), (".s2i/bin/usage", "#!/none\n")]);
    let trust = live.path("trust.pem");
    fs::write(&trust, certificate()).unwrap();
    let check = |name: &str, recipe: &Recipe, destination: &str| {
        let builder = live.load(name, recipe);
        let mut options = vec!["--trust-ca", trust.to_str().unwrap()];
        if !destination.is_empty() {
            options.extend(["--destination", destination]);
        }
        let done = live.build_with(&builder, &options, &source);
        assert_eq!(content(&outside), before, "{name}: {:?}", done.lines);
        assert_ne!(done.status.code(), Some(1), "{name}: {:?}", done.lines);
    };
    let link = Entry::Link(target);
    let recipe = Recipe::builder()
        .with("one/src", link.clone())
        .with("two/scripts", link.clone())
        .with("three/trust", link.clone())
        .with("four", link.clone());
    for destination in ["/one", "/two", "/three", "/four"] {
        check("destinations", &recipe, destination);
    }
    let recipe = Recipe::builder()
        .without("usr/libexec/s2i/assemble")
        .without("usr/libexec/s2i/run")
        .with("usr/libexec/s2i", link.clone());
    check("scripts", &recipe, "");
    let recipe = Recipe::builder().with("tmp", link.clone());
    check("tmp", &recipe, "");
    let recipe = Recipe::builder().with("opt/s2i", link);
    let recipe = recipe.label(label::DESTINATION, "/opt/s2i");
    check("label", &recipe, "");
}

/// A certificate that is one in form.
fn certificate() -> String {
    let key = rcgen::generate_simple_self_signed(["example.org".to_owned()]);
    key.unwrap().cert.pem()
}

/// Control sequences of a server.
const STEERING: &str = "\u{1b}]0;title\u{7}\u{1b}[2J\u{1b}[31mred\u{9b}31m\rcovered";

/// A server of Git's own protocol that sends control sequences and then fails.
fn hostile_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("git://{}/x", listener.local_addr().unwrap());
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            // A client that goes away has no use for an error.
            let _ = fail(connection);
        }
    });
    url
}

/// One line of the protocol.
fn packet(payload: &[u8]) -> Vec<u8> {
    let mut packet = format!("{:04x}", payload.len() + 4).into_bytes();
    packet.extend(payload);
    packet
}

/// Reads lines of a client until one starts with this, or until it pauses where nothing is named.
fn read_until(connection: &mut TcpStream, last: &str) -> std::io::Result<()> {
    loop {
        let mut length = [0; 4];
        connection.read_exact(&mut length)?;
        let length = std::str::from_utf8(&length).unwrap_or_default();
        let length = usize::from_str_radix(length, 16).unwrap_or_default();
        let mut payload = vec![0; length.saturating_sub(4)];
        connection.read_exact(&mut payload)?;
        if payload.starts_with(last.as_bytes()) && payload.is_empty() == last.is_empty() {
            return Ok(());
        }
    }
}

fn fail(mut connection: TcpStream) -> std::io::Result<()> {
    read_until(&mut connection, "git-upload-pack")?;
    let id = "1".repeat(40);
    let able = "side-band-64k shallow no-progress";
    connection.write_all(&packet(format!("{id} HEAD\0{able}\n").as_bytes()))?;
    connection.write_all(b"0000")?;
    read_until(&mut connection, "")?;
    connection.write_all(&packet(format!("shallow {id}\n").as_bytes()))?;
    connection.write_all(b"0000")?;
    read_until(&mut connection, "done")?;
    connection.write_all(&packet(b"NAK\n"))?;
    for band in ["\u{2}", "\u{3}"] {
        connection.write_all(&packet(format!("{band}hello {STEERING}\n").as_bytes()))?;
    }
    Ok(())
}

/// CVE-2024-52005.
#[test]
fn text_of_a_remote_does_not_control_the_terminal() {
    let Some(live) = live() else { return };
    let url = hostile_server();
    for options in [&[][..], &["--progress", "json"]] {
        let done = live.build(options, &url).ends_with(8).says("hello");
        for line in &done.lines {
            let text = &line.text;
            let is_clean = !text.contains(char::is_control) && !text.contains(r"\u00");
            assert!(is_clean, "{text:?}");
        }
    }
}
