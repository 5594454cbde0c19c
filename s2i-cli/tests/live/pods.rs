//! The steps of a build in a pod, as containers of Docker that share two directories.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use futures_util::StreamExt as _;
use s2i_build::{
    BuildContext, CancelToken, event::Progress, ports::SourceReader as _, request::SourceRequest,
    source::LocalAndGit,
};
use s2i_core::{label, upload::Sender};

use crate::{
    here::EVERYTHING,
    images::{Entry, Recipe},
    jobs::{Machine, USERS, builder, layer_ids},
    process::{Done, Running},
};

/// The directories of the steps, and the right to write to each in `prepare`, `assemble` and `push`.
const DIRS: [(&str, [&str; 3]); 2] = [("in", ["rw", "ro", "ro"]), ("out", ["rw", "rw", "ro"])];

/// A pod: the directories of its steps.
struct Pod<'a> {
    machine: &'a Machine,
    user: &'a str,
    dir: PathBuf,
    source: PathBuf,
    /// The arguments of `s2i build`.
    args: Vec<String>,
}

impl<'a> Pod<'a> {
    fn new(machine: &'a Machine, name: &str, user: &'a str, source: &Path, args: &[&str]) -> Self {
        let dir = machine.live.path(name);
        for (name, _) in DIRS {
            let dir = dir.join(name);
            fs::create_dir_all(&dir).unwrap();
            fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
        }
        Self {
            machine,
            user,
            dir,
            source: source.into(),
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
        }
    }

    /// Returns the command of a step.
    fn step(&self, number: usize, image: &str, options: &[&str]) -> Command {
        let volumes = DIRS.map(|(name, rights)| {
            let dir = self.dir.join(name);
            format!("--volume={}:/.s2i/{name}:{}", dir.display(), rights[number])
        });
        let mut all: Vec<&str> = volumes.iter().map(String::as_str).collect();
        all.extend(options);
        let logins = if number == 1 { "/no-logins" } else { "/logins" };
        let logins = format!("--env=DOCKER_CONFIG={logins}");
        all.push(&logins);
        self.machine.job(self.user, &all, image, &self.source)
    }

    /// Starts `prepare` with this input.
    fn prepare(&self, input: &[u8]) -> Done {
        let builder = &self.machine.builder;
        let mut command = self.step(0, builder, &["--interactive"]);
        command.args(["s2i", "pod", "prepare", "--receive", "--"]);
        command.args(&self.args);
        let file = self.dir.join("upload");
        fs::write(&file, input).unwrap();
        let file = fs::File::open(file).unwrap();
        Running::start_with(&mut command, Stdio::from(file)).finish()
    }

    fn assemble(&self) -> Done {
        let mut command = self.step(1, &self.machine.builder, &[]);
        command.args(["/.s2i/in/bin/s2i", "pod", "assemble"]);
        Running::start(&mut command).finish()
    }

    fn push(&self) -> Done {
        let mut command = self.step(2, &self.machine.builder, &[]);
        command.args(["s2i", "pod", "push"]);
        Running::start(&mut command).finish()
    }

    /// Runs all steps.
    fn run(&self) {
        self.prepare(&upload(&self.source)).succeeds();
        self.assemble().succeeds();
        self.push().succeeds();
    }
}

/// Returns the upload of a directory.
fn upload(source: &Path) -> Vec<u8> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let request = SourceRequest {
            copy: true,
            ..SourceRequest::new(source.to_str().unwrap().parse().unwrap())
        };
        let (events, cancel) = (|_| (), CancelToken::default());
        let progress = Progress::new(&events);
        let context = BuildContext::new(&progress, &cancel);
        let reader = LocalAndGit::from_env().unwrap();
        let fetched = reader.fetch(&request, context).await.unwrap();
        let (mut sender, mut bytes) = Sender::new(&fetched.origin()).unwrap();
        let mut archive = fetched.archive();
        while let Some(piece) = archive.next().await {
            bytes.extend(sender.piece(&piece.unwrap()));
        }
        bytes.extend(sender.finish());
        bytes
    })
}

#[test]
fn layer_of_a_pod_is_that_of_the_embedded_engine() {
    let Some(machine) = Machine::ready(&builder()) else {
        return;
    };
    let source = machine
        .live
        .source(&[("instructions", EVERYTHING), ("file", "text")]);
    let beside = machine.beside();
    let local = machine.live.image("embedded");
    let text = source.to_str().unwrap();
    let args = ["build", "--copy", text, &machine.builder, &local];
    machine.native(&beside, &args).succeeds();
    for (number, user) in USERS.into_iter().enumerate() {
        let app = machine.image(&format!("app{number}"));
        let name = format!("pod{number}");
        Pod::new(
            &machine,
            &name,
            user,
            &source,
            &[".", &machine.builder, &app],
        )
        .run();
        machine.native(&beside, &["pull", &app]).succeeds();
        assert_eq!(layer_ids(&beside, &app), layer_ids(&beside, &local));
        machine.native(&beside, &["rmi", &app]).succeeds();
    }
    machine
        .native(&beside, &["rmi", &local, &machine.builder])
        .succeeds();
}

#[test]
fn artifacts_come_from_the_previous_image_and_go_into_a_runtime_image() {
    let Some(machine) = Machine::ready(&crate::incremental::lending()) else {
        return;
    };
    let beside = machine.beside();
    let app = machine.image("app");
    let args = ["--incremental", ".", &machine.builder, &app];
    let first = machine.live.instructions("make-artifacts 50 100");
    Pod::new(&machine, "first", USERS[1], &first, &args).run();
    let second = machine.live.instructions("copy-artifacts");
    Pod::new(&machine, "second", USERS[1], &second, &args).run();
    machine.native(&beside, &["pull", &app]).succeeds();
    let layer = beside.last_layer(&app, &machine.live.path(""));
    assert!(layer.keys().any(|name| name.starts_with("app/artifacts/")));

    let runtime = Recipe::runtime().label(label::ASSEMBLE_RUNTIME, label::OPTIONAL);
    let local = machine.live.load("runtime", &runtime);
    let slim = machine.image("runtime:1");
    machine.publish(&local, &slim);
    let source = machine.live.instructions("write /app/made text");
    let args = ["--runtime-image", &slim, ".", &machine.builder, &app];
    Pod::new(&machine, "third", USERS[1], &source, &args).run();
    machine.native(&beside, &["pull", &app]).succeeds();
    let layers = beside.layers(&app, &machine.live.path(""));
    assert_eq!(layers.len(), 2);
    assert_eq!(layers[1]["srv"].mode, layers[0]["srv"].mode);
    assert!(layers[1].contains_key("srv/app/made"));
    machine
        .native(&beside, &["rmi", &app, &machine.builder])
        .succeeds();
}

#[test]
fn upload_that_is_cut_and_failed_script_push_nothing() {
    let Some(machine) = Machine::ready(&builder()) else {
        return;
    };
    let app = machine.image("app");
    let source = machine.live.instructions("exit 3");
    let args = [".", machine.builder.as_str(), &app];
    let whole = upload(&source);
    let cut = Pod::new(&machine, "cut", USERS[0], &source, &args);
    cut.prepare(&whole[..whole.len() - 1])
        .ends_with(8)
        .says("the source was not received completely");
    cut.assemble().ends_with(22);
    let failing = Pod::new(&machine, "failing", USERS[0], &source, &args);
    failing.prepare(&whole).succeeds();
    failing.assemble().ends_with(4);
    failing
        .push()
        .ends_with(6)
        .says("can't read the result of the build");
    let beside = crate::engine::Engine::beside();
    machine.native(&beside, &["pull", &app]).ends_with(21);
}

#[test]
fn step_with_user_code_has_no_login_and_its_result_is_checked() {
    let recipe = builder().with("bin/sh", Entry::Program);
    let Some(machine) = Machine::ready(&recipe) else {
        return;
    };
    let app = machine.image("app");
    let source = machine.live.instructions("write /app/made text");
    let args = [".", machine.builder.as_str(), &app];
    let pod = Pod::new(&machine, "pod", USERS[0], &source, &args);
    pod.prepare(&upload(&source)).succeeds();
    pod.assemble().succeeds();
    // Neither the program nor the source nor the names can be changed by `assemble`, and its result has to be one layer
    // on top of an image of the build.
    let result = pod.dir.join("out/result.json");
    let text = fs::read_to_string(&result).unwrap();
    let other = text.replacen(&machine.builder, "registry.example.org/other:1", 1);
    assert_ne!(text, other);
    fs::write(&result, other).unwrap();
    pod.push()
        .ends_with(6)
        .says("which is no image of the build");
    fs::write(&result, &text).unwrap();
    pod.push().succeeds();
}
