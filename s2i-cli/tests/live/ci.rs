//! The jobs of CI platforms in the containers of real builders: as an ordinary user without capabilities, with a registry
//! that has a password. The steps come from the files of this repository and from `docs/ci.md`, and run as the runner of
//! the platform would start them.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::{Value, json};

use crate::{
    harness::{Live, live, skip},
    platforms::{
        Job, Values, Workflow, blocks, component, jenkins, jobs, task, tekton_run, values,
        woodpecker,
    },
    process::{Running, Stream},
    registry::{self, PASSWORD, Registry, USER},
    repository::Repository,
};

/// The image of jobs.
const BUILDER: &str = "s2i/go:ci";

/// The client that starts the containers of jobs.
const DOCKER: &str = "/usr/bin/docker";

/// The checkout in the containers of jobs.
const WORKSPACE: &str = "/builds/team/colour";

/// The registry that the page names.
const REGISTRY: &str = "registry.example.org";

/// The web server of the page.
const PROGRAM: &str = "package main\n\nimport \"net/http\"\n\nfunc main() {\n\thttp.ListenAndServe(\":8080\", nil)\n}\n";

/// A checkout, a registry with a login, and an engine with the builder.
struct Machine {
    live: Live,
    registry: Registry,
    checkout: PathBuf,
    commit: String,
}

impl Machine {
    /// Returns `None` where a part of it is missing.
    fn ready() -> Option<Self> {
        let live = live()?;
        if live.engine.is_native() || live.engine.is_podman() {
            skip("Docker starts the containers of jobs");
            return None;
        }
        if live.engine.image(BUILDER).is_none() {
            skip(&format!("the engine has no {BUILDER}"));
            return None;
        }
        if !Path::new(DOCKER).exists() || !registry::is_installed() {
            return None;
        }
        let dir = live.path("registry");
        fs::create_dir(&dir).unwrap();
        let registry = Registry::with_login(&dir, "");
        let checkout = live.source(&[
            ("go.mod", "module example.org/colour\n\ngo 1.24\n"),
            ("cmd/run/main.go", PROGRAM),
            (".gitignore", ".s2i-cache/\n"),
        ]);
        let commit = Repository::of(&checkout).git(&["rev-parse", "HEAD"]);
        // The helper of a runner makes it as root, and lets all users write.
        for path in [&checkout, &live.path("")] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
        }
        Some(Self {
            live,
            registry,
            checkout,
            commit: commit.trim().into(),
        })
    }

    fn host(&self) -> String {
        format!("localhost:{}", self.registry.port)
    }

    /// Puts the image of jobs into a registry without logins, from which all can pull, and returns its name there.
    fn publish_builder(&self) -> (Registry, String) {
        let dir = self.live.path("public");
        fs::create_dir(&dir).unwrap();
        let registry = Registry::open(&dir);
        let name = format!("localhost:{}/{BUILDER}", registry.port);
        self.live.s2i(["tag", BUILDER, &name]).succeeds();
        self.live.s2i(["push", &name]).succeeds();
        self.live.engine.remove_image(&name).unwrap();
        (registry, name)
    }

    /// Returns Docker's client for the engine under test.
    fn docker(&self) -> Command {
        let mut docker = Command::new(DOCKER);
        let api = self.live.engine.api().expect("an engine with an API");
        docker.env("DOCKER_HOST", &api.url);
        docker
    }

    /// Runs the script of a job in a container of its image, in the checkout.
    fn run_in_container(&self, job: &Job, platform: &Values) -> Output {
        let image = job.image.as_ref().expect("the image of a job");
        let script = self.live.path("script");
        fs::write(&script, &job.script).unwrap();
        let mut docker = self.docker();
        docker.args(["run", "--rm", "--network", "host", "--user", "1001:0"]);
        docker.args(["--cap-drop", "ALL", "--security-opt", "no-new-privileges"]);
        docker.arg(format!("--volume={}:{WORKSPACE}", self.checkout.display()));
        docker.arg(format!("--volume={}:/script:ro", script.display()));
        for path in ["logins", "results"] {
            let dir = self.live.path(path);
            if dir.exists() {
                docker.arg(format!("--volume={}:/{path}", dir.display()));
            }
        }
        docker.args(["--workdir", WORKSPACE, "--entrypoint", "sh"]);
        for (name, value) in platform.iter().chain(&job.variables) {
            docker.arg(format!("--env={name}={value}"));
        }
        docker.args([image, "-e", "/script"]).args(&job.arguments);
        succeed(&mut docker)
    }

    /// Checks that the registry has an image of the commit under this name, and that nothing ran as root.
    fn check(&self, name: &str) {
        let mut command = self.live.command();
        let config = json!({"auths": {self.host(): {"username": USER, "password": PASSWORD}}});
        command.env("DOCKER_AUTH_CONFIG", config.to_string());
        command.args(["inspect", "--registry", "--json", name]);
        let done = Running::start(&mut command).finish().succeeds();
        let text = done.stream(Stream::Stdout).join("\n");
        let about: Value = serde_json::from_str(&text).unwrap();
        assert!(text.contains(&self.commit), "{about:#}");
    }

    fn gitlab(&self, tag: &str) -> Values {
        let host = self.host();
        platform_variables(&[
            ("CI", "true"),
            ("GITLAB_CI", "true"),
            ("CI_PROJECT_DIR", WORKSPACE),
            ("CI_COMMIT_SHA", &self.commit),
            ("CI_COMMIT_SHORT_SHA", &self.commit[..8]),
            ("CI_COMMIT_REF_NAME", "main"),
            ("CI_COMMIT_REF_SLUG", tag),
            ("CI_PIPELINE_SOURCE", "push"),
            ("CI_REGISTRY", &host),
            ("CI_REGISTRY_IMAGE", &format!("{host}/team/colour")),
            ("CI_REGISTRY_PASSWORD", PASSWORD),
            ("CI_REGISTRY_USER", USER),
            ("CI_SERVER_FQDN", "gitlab.example.org"),
        ])
    }
}

/// Returns variables of a platform with those that name the proxy of Go modules here.
fn platform_variables(pairs: &[(&str, &str)]) -> Values {
    let mut all = values(pairs);
    for name in ["GOPROXY", "GOFLAGS", "GOSUMDB"] {
        if let Ok(value) = std::env::var(name) {
            all.insert(name.into(), value);
        }
    }
    all
}

/// Runs a command, which must succeed.
fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(output.status.success(), "{command:?}\n{out}\n{err}");
    assert!(!err.contains(PASSWORD), "the password is shown");
    output
}

#[test]
fn jobs_of_gitlab_push() {
    let Some(machine) = Machine::ready() else {
        return;
    };
    for (number, block) in blocks("gitlab").iter().enumerate() {
        // A service of Docker needs privileges.
        if block.contains("docker:dind") {
            continue;
        }
        let tag = format!("main-{number}");
        let platform = machine.gitlab(&tag);
        for job in jobs(block, &platform) {
            let is_short = job
                .variables
                .get("S2I_TAGS")
                .is_some_and(|tags| !tags.contains(&tag));
            machine.run_in_container(&job, &platform);
            let tag = if is_short { &machine.commit[..8] } else { &tag };
            machine.check(&format!("{}/team/colour:{tag}", machine.host()));
        }
    }
}

/// The second job finds the cache and makes the same image.
#[test]
fn digest_is_an_output_and_the_same_again() {
    let Some(machine) = Machine::ready() else {
        return;
    };
    let (_public, image) = machine.publish_builder();
    let mut platform = machine.gitlab("main");
    platform.insert("CI_JOB_IMAGE".into(), image);
    let job = component(&Values::new(), &platform);
    let digests: Vec<_> = (0..2)
        .map(|_| {
            machine.run_in_container(&job, &platform);
            let report = fs::read_to_string(machine.checkout.join("s2i.env")).unwrap();
            let line = report
                .lines()
                .find_map(|line| line.strip_prefix("S2I_IMAGE_DIGEST="));
            line.unwrap().to_owned()
        })
        .collect();
    assert!(digests[0].starts_with("sha256:"), "{digests:?}");
    assert_eq!(digests[0], digests[1]);
    machine.check(&format!("{}/team/colour@{}", machine.host(), digests[0]));
}

#[test]
fn merge_requests_are_built_and_not_pushed() {
    let Some(machine) = Machine::ready() else {
        return;
    };
    let mut platform = machine.gitlab("side");
    let (_public, image) = machine.publish_builder();
    platform.insert("CI_JOB_IMAGE".into(), image);
    platform.insert("CI_PIPELINE_SOURCE".into(), "merge_request_event".into());
    let job = component(&Values::new(), &platform);
    machine.run_in_container(&job, &platform);
    assert!(
        !machine
            .live
            .path("registry/data/docker/registry/v2/repositories/team")
            .exists()
    );
}

#[test]
fn action_of_github_pushes() {
    let Some(machine) = Machine::ready() else {
        return;
    };
    let host = machine.host();
    // On a runner the action itself starts the container.
    let bin = machine.live.path("bin");
    fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(DOCKER, bin.join("docker")).unwrap();
    for block in blocks("github") {
        let block = block.replace(
            "image: ghcr.io/",
            &format!("username: {USER}\n          password: {PASSWORD}\n          image: {host}/"),
        );
        let contexts = values(&[
            ("github.token", "job-token"),
            ("github.sha", &machine.commit),
            ("github.repository", "team/colour"),
        ]);
        let output = machine.live.path("output");
        Workflow::parse(&block).run(&contexts, |job| {
            let _ = fs::remove_file(&output);
            let script = machine.live.path("script");
            fs::write(&script, &job.script).unwrap();
            let mut shell = Command::new("sh");
            shell.arg("-e").arg(script).env_clear().envs(&job.variables);
            let api = machine.live.engine.api().expect("an engine with an API");
            shell.env("DOCKER_HOST", &api.url);
            shell.env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
            shell.env("HOME", machine.live.path(""));
            shell.envs(platform_variables(&[
                ("GITHUB_ACTIONS", "true"),
                ("GITHUB_ACTOR", USER),
                ("GITHUB_EVENT_NAME", "push"),
                ("GITHUB_OUTPUT", output.to_str().unwrap()),
                ("GITHUB_SHA", &machine.commit),
                ("GITHUB_WORKSPACE", machine.checkout.to_str().unwrap()),
                ("RUNNER_TEMP", machine.live.path("tmp").to_str().unwrap()),
            ]));
            succeed(shell.current_dir(&machine.checkout));
            let outputs = fs::read_to_string(&output).unwrap_or_default();
            let outputs = outputs.lines().filter_map(|line| line.split_once('='));
            outputs
                .map(|(name, value)| (name.into(), value.into()))
                .collect()
        });
        machine.check(&format!("{host}/team/colour:latest"));
        machine.check(&format!("{host}/team/colour:{}", machine.commit));
    }
}

#[test]
fn task_of_tekton_pushes() {
    let Some(machine) = Machine::ready() else {
        return;
    };
    let host = machine.host();
    for dir in ["logins", "results"] {
        let dir = machine.live.path(dir);
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
    }
    let config = json!({"auths": {&host: {"username": USER, "password": PASSWORD}}});
    let secret = machine.live.path("logins/.dockerconfigjson");
    fs::write(secret, config.to_string()).unwrap();
    let paths = values(&[
        ("workspaces.dockerconfig.path", "/logins"),
        ("workspaces.source.path", WORKSPACE),
        ("results.IMAGE_DIGEST.path", "/results/digest"),
        ("results.IMAGE_URL.path", "/results/url"),
    ]);
    for block in blocks("tekton") {
        let parameters = tekton_run(&block.replace(REGISTRY, &host));
        machine.run_in_container(&task(&parameters, &paths), &platform_variables(&[]));
        let digest = fs::read_to_string(machine.live.path("results/digest")).unwrap();
        machine.check(&format!("{host}/team/colour@{digest}"));
    }
}

#[test]
fn jobs_of_jenkins_and_woodpecker_push() {
    let Some(machine) = Machine::ready() else {
        return;
    };
    let host = machine.host();
    for block in blocks("jenkins") {
        let platform = platform_variables(&[
            ("JENKINS_URL", "https://ci.example.org/"),
            ("BUILD_NUMBER", "7"),
            ("WORKSPACE", WORKSPACE),
            ("WORKSPACE_TMP", "/tmp"),
            ("REGISTRY_USR", USER),
            ("REGISTRY_PSW", PASSWORD),
        ]);
        let job = jenkins(&block.replace(REGISTRY, &host), &platform);
        machine.run_in_container(&job, &platform);
        machine.check(&format!("{host}/team/colour:7"));
    }
    for block in blocks("woodpecker") {
        let secrets = values(&[("registry_user", USER), ("registry_password", PASSWORD)]);
        let job = woodpecker(&block.replace(REGISTRY, &host), &secrets);
        let platform = platform_variables(&[
            ("CI", "woodpecker"),
            ("CI_WORKSPACE", WORKSPACE),
            ("CI_COMMIT_SHA", &machine.commit),
        ]);
        machine.run_in_container(&job, &platform);
        machine.check(&format!("{host}/team/colour:{}", machine.commit));
    }
}
