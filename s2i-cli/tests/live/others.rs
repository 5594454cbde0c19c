//! The images of this project in the hands of other tools: the start line of the Go `s2i` and of
//! `OpenShift`, a Dockerfile as `s2i build --as-dockerfile` writes it, and buildah.

use std::{
    ffi::OsStr,
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use crate::{
    containers::{self, Rights},
    engine::VARIABLE,
    harness::{Live, has_network, skip},
    kit,
};

const BUILDER: &str = "s2i/node";
const SCRIPTS: &str = "/usr/libexec/s2i";

/// A test on Docker, by its own client.
fn on_docker() -> Option<Live> {
    let live = kit::with(&[BUILDER])?;
    if live.engine.is_native() || live.engine.is_podman() {
        skip("it is about Docker's own client");
        return None;
    }
    Some(live)
}

/// Debian's client speaks both ways of building; the directory with others may come first.
fn docker(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let debians = Path::new("/usr/bin/docker");
    let mut docker = Command::new(if debians.exists() {
        debians
    } else {
        Path::new("docker")
    });
    docker.env("DOCKER_HOST", std::env::var_os(VARIABLE).unwrap());
    docker.args(args);
    docker
}

fn succeeds(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let (stdout, stderr) = [stdout, stderr]
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .into();
    assert!(
        status.success(),
        "{command:?}: {status}\n{stdout}\n{stderr}"
    );
    stdout.trim().to_owned()
}

/// The application, which needs no compiler.
fn source() -> std::path::PathBuf {
    kit::sample("node", "plain")
}

/// What was built is the application.
fn answers(live: &Live) {
    if !has_network() {
        return skip("containers of this engine have no network");
    }
    let rights = Rights {
        user: None,
        read_only: true,
    };
    let server = containers::serve_with(live, rights);
    let page = server.get("/", "");
    assert!(page.starts_with("hello from s2i, on Node.js"), "{page}");
    // The command may be a line for a shell, which has to hand the signal on.
    assert_eq!(server.stop(), 0);
}

#[test]
fn an_archive_on_standard_input_is_unpacked_and_assembled() {
    let Some(live) = on_docker() else { return };
    let command = format!("tar -C /tmp -xf - && {SCRIPTS}/assemble");
    let name = live.image("stdin").replace('/', "-");
    let archive = live.path("source.tar");
    let mut tar = tar::Builder::new(fs::File::create(&archive).unwrap());
    tar.append_dir_all("src", source()).unwrap();
    tar.finish().unwrap();
    let options = [
        "run",
        "--interactive",
        "--network",
        "none",
        "--user",
        "1001",
        "--name",
        &name,
    ];
    let mut run = docker(options);
    run.args([BUILDER, "/bin/sh", "-c", &command]);
    run.stdin(Stdio::from(fs::File::open(archive).unwrap()));
    succeeds(&mut run);
    let command = format!(r#"CMD ["{SCRIPTS}/run"]"#);
    succeeds(&mut docker([
        "commit",
        "--change",
        &command,
        &name,
        &live.image("app"),
    ]));
    succeeds(&mut docker(["rm", &name]));
    answers(&live);
}

/// Writes what `s2i build --as-dockerfile` writes for this builder.
fn dockerfile(dir: &Path) {
    let lines = format!(
        "FROM {BUILDER}\n\
         LABEL \"io.openshift.s2i.build.image\"=\"{BUILDER}\"\n\
         ENV S2I_SAMPLE=\"plain\"\n\
         COPY --chown=1001:0 upload/src /tmp/src\n\
         USER 1001\n\
         RUN {SCRIPTS}/assemble\n\
         CMD {SCRIPTS}/run\n"
    );
    fs::create_dir_all(dir.join("upload")).unwrap();
    fs::write(dir.join("Dockerfile"), lines).unwrap();
    let copied = Command::new("cp")
        .arg("-r")
        .arg(source())
        .arg(dir.join("upload/src"))
        .status();
    assert!(copied.unwrap().success());
}

fn build_by_docker(live: &Live, context: &Path, build_kit: &str) {
    let mut build = docker(["build", "--network", "none", "--rm", "--force-rm", "--tag"]);
    build.arg(live.image("app")).arg(context);
    build
        .env("DOCKER_BUILDKIT", build_kit)
        .env("HOME", live.path(""));
    succeeds(&mut build);
    answers(live);
}

#[test]
fn docker_builds_from_a_dockerfile() {
    let Some(live) = on_docker() else { return };
    dockerfile(&live.path("context"));
    build_by_docker(&live, &live.path("context"), "0");
    // Its steps are images without names, each the parent of the next.
    live.engine.remove_image(&live.image("app")).unwrap();
}

#[test]
fn build_kit_builds_from_a_dockerfile() {
    let Some(live) = on_docker() else { return };
    dockerfile(&live.path("context"));
    build_by_docker(&live, &live.path("context"), "1");
}

#[test]
fn build_kit_builds_from_the_dockerfile_of_s2i() {
    let Some(live) = on_docker() else { return };
    let (source, context) = (source(), live.path("context"));
    let build = [OsStr::new("build"), "--copy".as_ref(), source.as_os_str()];
    let names = [BUILDER, "app", "--as-dockerfile"].map(OsStr::new);
    let file = context.join("Dockerfile");
    let args = build.into_iter().chain(names).chain([file.as_os_str()]);
    live.s2i(args).succeeds();
    build_by_docker(&live, &context, "1");
}

#[test]
fn buildah_builds_from_a_dockerfile() {
    let Some(live) = kit::with(&[BUILDER]) else {
        return;
    };
    if Command::new("buildah").arg("--version").output().is_err() {
        return skip("there is no buildah");
    }
    let (context, builder, app) = (
        live.path("context"),
        live.path("builder.tar"),
        live.path("app.tar"),
    );
    dockerfile(&context);
    live.s2i(["export", BUILDER, "-o", builder.to_str().unwrap()])
        .succeeds();
    let root = live.path("containers");
    let buildah = |args: &[&OsStr]| {
        let mut buildah = Command::new("buildah");
        buildah
            .args(["--storage-driver", "vfs", "--root"])
            .arg(&root);
        buildah.arg("--runroot").arg(root.join("run")).args(args);
        buildah
    };
    let from = format!("docker-archive:{}", builder.display());
    let id = succeeds(&mut buildah(&[
        "pull".as_ref(),
        "--quiet".as_ref(),
        from.as_ref(),
    ]));
    succeeds(&mut buildah(&[
        "tag".as_ref(),
        id.as_ref(),
        BUILDER.as_ref(),
    ]));
    // The name goes into the archive as well.
    let name = format!("docker.io/{}:latest", live.image("app"));
    let options = [
        "build",
        "--isolation",
        "chroot",
        "--pull=never",
        "--tag",
        &name,
    ];
    let options: Vec<_> = options.iter().map(OsStr::new).collect();
    succeeds(buildah(&options).arg(&context));
    let to = format!("docker-archive:{}", app.display());
    succeeds(&mut buildah(&["push".as_ref(), name.as_ref(), to.as_ref()]));
    succeeds(&mut buildah(&[
        "rmi".as_ref(),
        "--all".as_ref(),
        "--force".as_ref(),
    ]));
    live.s2i(["load", "-i", app.to_str().unwrap()]).succeeds();
    answers(&live);
}
