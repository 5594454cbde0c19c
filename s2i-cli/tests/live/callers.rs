//! The command lines of scripts, guides and build systems, as they are: only names of images and of directories are
//! put in their place. `s2i` on the PATH is the one under test.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    containers,
    harness::{Live, has_network, is_thorough, live, skip},
    images::{Entry, Recipe},
    kit,
    process::{Done, Running},
    repository::Repository,
};

/// A script in the verbs of the test program.
const SCRIPT: &str = "#!/usr/bin/interpret\nprint custom script\n";

/// Lines of guides and of repositories of applications. `$BUILDER` has a save-artifacts, `$RUNTIME` takes `/app`.
const LINES: &str = r#"
s2i build . "$BUILDER" "$APP:0.1"
s2i build -E environment_REST . "$BUILDER" "$APP:0.1"
s2i build --copy . "$BUILDER" "$APP" --incremental
s2i build --pull-policy=never file://$(pwd)/test/test-app "$BUILDER" "$APP"
s2i build -c . -e HUSKY_SKIP_HOOKS=1 "$BUILDER" "$APP"
s2i build --loglevel=5 -r=master -E environment_REST "$URL" "$BUILDER" "$APP" --runtime-image="$RUNTIME"
s2i build file://$(pwd) "$BUILDER" "$APP" --assemble-user 0 --incremental -p never --copy
s2i build --context-dir=src . "$BUILDER" "$APP"
s2i build --pull-policy=never -e X=1 file://$(pwd)/test/test-app "$BUILDER" "$APP"
s2i build -e "A='-Xcc -f'" . "$BUILDER" "$APP"
s2i build --incremental=true test/test-app "$BUILDER" "$APP"
s2i build --incremental=true --rm --ref=master "$URL" "$BUILDER" "$APP"
s2i build --incremental=true --exclude="" "$URL" "$BUILDER" "$APP"
s2i build --rm --incremental=true . "$BUILDER" "$APP"
s2i build --scripts-url=file://.s2i/bin . "$BUILDER" "$APP"
s2i build --scripts-url file://$(pwd)/.s2i/bin --incremental -E environment_REST . "$BUILDER" "$APP"
s2i build --scripts-url=image:///usr/libexec/s2i/webclient . "$BUILDER" "$APP"
s2i build file://$(pwd) --copy --keep-symlinks --env A=b --context-dir ./ "$BUILDER" "$APP"
s2i build ./src "$BUILDER" "$APP" latest --runtime-image "$RUNTIME" --runtime-artifact /app --copy
s2i build . "$BUILDER" "$APP" -v "$VOLUME":/tmp/src
s2i build . "$BUILDER" "$APP" --volume "$VOLUME:/home/:z" --loglevel=5
s2i --loglevel 5 --ref master build "$URL" "$BUILDER" "$APP"
s2i build . "$BUILDER" --add-host rubygems.org:0.0.0.0 "$APP"
s2i build "$URL" --context-dir=test/test-app "$BUILDER" "$APP" --incremental=true --loglevel=5
"#;

/// Lines that leave no image.
const OTHERS: &str = r#"
s2i usage "$BUILDER"
s2i usage --pull-policy=never "$BUILDER"
s2i create "$APP" new-builder
s2i generate "$BUILDER" generated/Dockerfile
s2i --loglevel 0 build --keep-symlinks . "$BUILDER" --image-scripts-url image:///usr/libexec/s2i --as-dockerfile made-1/Dockerfile --environment-file environment_REST
s2i build -c . --as-dockerfile made-2/Dockerfile "$BUILDER"
s2i build test/test-app/ "$BUILDER" "$APP:1" --as-dockerfile ./made-3/Dockerfile
s2i build "$URL" --ref master --context-dir / "$BUILDER" "$APP" --as-dockerfile made-4/Dockerfile
s2i build . "$BUILDER" --as-dockerfile Dockerfile && rm -r Dockerfile upload
s2i version
"#;

/// A directory in which the lines are typed, with `s2i` on the PATH.
struct Desk<'a> {
    live: &'a Live,
    builder: String,
    runtime: String,
    url: String,
}

impl<'a> Desk<'a> {
    fn new(live: &'a Live) -> Self {
        let builder = Recipe::builder()
            .with("usr/bin/interpret", Entry::Program)
            .with("usr/libexec/s2i/usage", Entry::Program)
            .with("usr/libexec/s2i/save-artifacts", Entry::Program)
            .with("usr/libexec/s2i/webclient/assemble", Entry::Program)
            .with("usr/libexec/s2i/webclient/run", Entry::Program)
            .with("app/artifacts", Entry::Directory(0o775));
        let root = live.source(&[
            ("file", "text"),
            ("environment_REST", "MODEL_NAME=MnistModel\nAPI_TYPE=REST\n"),
            ("src/file", "text"),
            ("test/test-app/file", "text"),
        ]);
        for name in ["assemble", "run"] {
            let dir = root.join(".s2i/bin");
            fs::create_dir_all(&dir).unwrap();
            program(&dir.join(name), SCRIPT);
        }
        let repository = Repository::of(&root);
        repository.git(&["branch", "master"]);
        let bare = live.path("app.git");
        repository.bare(&bare);
        fs::create_dir(live.path("volume")).unwrap();
        fs::set_permissions(live.path("volume"), fs::Permissions::from_mode(0o777)).unwrap();
        wrap(live);
        Self {
            live,
            builder: live.load("builder", &builder),
            runtime: live.load("runtime", &Recipe::runtime()),
            url: format!("file://{}", bare.display()),
        }
    }

    /// Types a line.
    fn run(&self, line: &str) -> Done {
        let mut bash = bash(self.live, line);
        bash.current_dir(self.live.path("source"));
        bash.env("BUILDER", &self.builder)
            .env("RUNTIME", &self.runtime);
        bash.env("APP", self.live.image("app"))
            .env("URL", &self.url);
        bash.env("VOLUME", self.live.path("volume"));
        Running::start(&mut bash).finish()
    }
}

fn program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Writes an `s2i` that begins with the options of the engine.
fn wrap(live: &Live) {
    let dir = live.path("programs");
    fs::create_dir(&dir).unwrap();
    let (s2i, options) = (live.engine.s2i(), live.engine.options());
    let words = std::iter::once(s2i.get_program()).chain(s2i.get_args());
    let words = words.chain(options.iter().map(AsRef::as_ref));
    let words: Vec<_> = words
        .map(|word| format!("'{}'", word.to_str().unwrap()))
        .collect();
    let text = format!("#!/bin/sh\nexec {} \"$@\"\n", words.join(" "));
    program(&dir.join("s2i"), &text);
}

/// A shell in the surroundings of the test, with the programs of [`wrap`] first.
fn bash(live: &Live, script: &str) -> Command {
    let engine = live.command();
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", script]).env_clear();
    let variables = engine.get_envs();
    bash.envs(variables.filter_map(|(name, value)| Some((name, value?))));
    let usual = std::env::var_os("PATH").unwrap_or_default();
    let dirs = [live.path("programs")];
    let path = dirs.into_iter().chain(std::env::split_paths(&usual));
    bash.env("PATH", std::env::join_paths(path).unwrap());
    bash
}

/// Fails with all lines that did not end with 0.
#[track_caller]
fn check(failed: &[(&str, Done)]) {
    let shown = failed.iter().map(|(line, done)| {
        let last = done.lines.iter().rev().take(4).rev();
        let last: Vec<_> = last.map(|line| line.text.as_str()).collect();
        format!("{line}\n  {}: {}", done.status, last.join("\n  "))
    });
    let shown: Vec<_> = shown.collect();
    assert!(failed.is_empty(), "{}", shown.join("\n"));
}

#[test]
fn lines_of_guides_and_applications_build() {
    let Some(live) = live() else { return };
    if !has_network() {
        return skip("the lines leave the network of the engine as it is");
    }
    let desk = Desk::new(&live);
    let images = ["app", "app:0.1"].map(|name| live.image(name));
    let beside = live.image("app:latest-build");
    let mut failed = Vec::new();
    for line in LINES.lines().filter(|line| !line.is_empty()) {
        let done = desk.run(line);
        let is_there = images.iter().any(|name| live.engine.image(name).is_some());
        if !done.status.success() || !is_there {
            failed.push((line, done));
        }
        for name in images.iter().chain([&beside]) {
            live.engine.remove_image(name).unwrap();
        }
    }
    check(&failed);
}

#[test]
fn lines_that_make_no_image_work() {
    let Some(live) = live() else { return };
    let desk = Desk::new(&live);
    let lines = OTHERS.lines().filter(|line| !line.is_empty());
    let done = lines.map(|line| (line, desk.run(line)));
    let failed: Vec<_> = done.filter(|(_, done)| !done.status.success()).collect();
    check(&failed);
    for made in ["generated", "made-1", "made-2", "made-3", "made-4"] {
        let path = live.path("source").join(made).join("Dockerfile");
        assert!(path.is_file(), "{made}");
    }
    live.nothing_left();
}

/// `minikube docker-env` sets these variables. Nothing listens at the address.
#[test]
fn variables_of_minikube_are_understood() {
    let Some(live) = live() else { return };
    let desk = Desk::new(&live);
    let mut command = live.command();
    command.env("DOCKER_TLS_VERIFY", "1");
    command.env("DOCKER_HOST", "tcp://127.0.0.1:9");
    command.env("DOCKER_CERT_PATH", live.path("volume"));
    command.args(["build", ".", &desk.builder, &live.image("app")]);
    Running::start(&mut command)
        .finish()
        .ends_with(20)
        .never_says("does not speak");
}

/// The builder of the build systems: it has a shell, as `RUN` needs one.
const BUILDER: &str = "s2i/node";

/// A step that makes a Dockerfile: Tekton's task, and the variant with variables of `OpenShift` Pipelines and Knative.
const TEKTON: &str = r#"
s2i --loglevel=0 build . "$BUILDER_IMAGE" --as-dockerfile "$GEN_SOURCE/Dockerfile.gen"
"#;
const PIPELINES: &str = r#"
echo "" > env-file
for var in "NODE_ENV=production" "GREETING=hello there"; do
    echo "$var" >> env-file
done
s2i --loglevel 0 build --keep-symlinks . "$BUILDER_IMAGE" \
    --image-scripts-url image:///usr/libexec/s2i \
    --as-dockerfile "$GEN_SOURCE/Dockerfile.gen" --environment-file env-file
"#;

/// The step that builds it.
const BUD: &str = r#"
cd "$GEN_SOURCE"
buildah bud --tls-verify=true --layers -f "$GEN_SOURCE/Dockerfile.gen" -t "$IMAGE" .
"#;

/// Shipwright's strategies, and those of Builds for `OpenShift`.
const SHIPWRIGHT: &str = r#"
s2i build . "$BUILDER_IMAGE" "$IMAGE" --as-dockerfile="$GEN_SOURCE/Dockerfile"
cd "$GEN_SOURCE"
buildah --storage-driver=vfs bud --tag="$IMAGE"
"#;
const OPENSHIFT: &str = r#"
s2i build -c . --as-dockerfile "$GEN_SOURCE/Dockerfile" "$BUILDER_IMAGE"
buildah --storage-driver=vfs bud --tag="$IMAGE" "$GEN_SOURCE"
"#;

/// Performs the steps with `buildah`, which has the builder, and returns the result to the engine.
fn perform(steps: &str) {
    if !is_thorough() {
        return;
    }
    let Some(live) = kit::with(&[BUILDER]) else {
        return;
    };
    if Command::new("buildah").arg("--version").output().is_err() {
        return skip("there is no buildah");
    }
    wrap(&live);
    let archive = |name: &str| live.path(name).to_str().unwrap().to_owned();
    let (builder, app) = (archive("builder.tar"), archive("app.tar"));
    live.s2i(["export", BUILDER, "-o", &builder]).succeeds();
    let root: PathBuf = live.path("containers");
    let found = bash(&live, "command -v buildah").output().unwrap();
    let real = String::from_utf8(found.stdout).unwrap();
    let (real, root) = (real.trim(), root.display());
    let wrapper = format!(
        "#!/bin/sh\nexec {real} --storage-driver vfs --root '{root}' --runroot '{root}/run' \"$@\"\n"
    );
    program(&live.path("programs/buildah"), &wrapper);
    fs::create_dir(live.path("gen-source")).unwrap();
    let name = format!("docker.io/{}:latest", live.image("app"));
    let script = format!(
        "id=$(buildah pull --quiet docker-archive:{builder})\n\
         buildah tag $id \"$BUILDER_IMAGE\"\n\
         ({steps})\n\
         buildah push \"$IMAGE\" docker-archive:{app}\n\
         buildah rmi --all --force\n"
    );
    let mut bash = bash(&live, &script);
    bash.current_dir(copy(&live, &kit::sample("node", "plain")));
    bash.env("BUILDER_IMAGE", format!("docker.io/{BUILDER}:latest"));
    bash.env("IMAGE", name);
    bash.env("GEN_SOURCE", live.path("gen-source"));
    bash.env("BUILDAH_ISOLATION", "chroot");
    Running::start(&mut bash).finish().succeeds();
    live.s2i(["load", "-i", &app]).succeeds();
    if !has_network() {
        return skip("containers of this engine have no network");
    }
    let page = containers::serve(&live).get("/", "");
    assert!(page.starts_with("hello from s2i, on Node.js"), "{page}");
}

fn copy(live: &Live, from: &Path) -> PathBuf {
    let to = live.path("copied");
    let status = Command::new("cp").arg("-r").arg(from).arg(&to).status();
    assert!(status.unwrap().success());
    to
}

#[test]
fn steps_of_tekton_build() {
    perform(&format!("{TEKTON}{BUD}"));
}

#[test]
fn steps_of_pipelines_and_knative_build() {
    perform(&format!("{PIPELINES}{BUD}"));
}

#[test]
fn steps_of_shipwright_build() {
    perform(SHIPWRIGHT);
}

#[test]
fn steps_of_builds_for_openshift_build() {
    perform(OPENSHIFT);
}
