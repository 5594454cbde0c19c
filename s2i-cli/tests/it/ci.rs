//! The action, the component, the template and the task for CI platforms, and the blocks of `docs/ci.md`: their steps
//! run as the platform's runner would start them, with programs in place of `s2i` and `docker` that record their
//! arguments.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::{
    daemon::Knobs,
    platforms::{
        Job, Values, Workflow, action, blocks, component, jenkins, jobs, task, tekton_run,
        template, values, woodpecker,
    },
    report::skip,
    scene::Scene,
};

/// A program in place of `s2i`. A build with `--push` prints the reference of its first tag or name.
const S2I: &str = r#"#!/bin/sh
{ printf 's2i'; printf ' <%s>' "$@"; echo; } >> "$RECORD"
case "$*" in
  login*) printf '  password <%s> in <%s>\n' "$(cat)" "${DOCKER_CONFIG##*/}" | sed 's/s2i\.[^>]*/state/; s/tmp\.[^>]*/temporary/' >> "$RECORD" ;;
  *--push*)
    for word do
      case $word in --tag=*) echo "${word#--tag=}@sha256:77"; exit ;; esac
    done
    echo name@sha256:77 ;;
  *fail*) exit 3 ;;
esac
"#;

/// A program in place of `docker`: it runs the command of the container here.
const DOCKER: &str = r#"#!/bin/sh
{ printf 'docker'; printf ' <%s>' "$@"; echo; } >> "$RECORD.docker"
while [ "$1" != s2i ]; do
  case $1 in DOCKER_CONFIG=*) export "$1" ;; esac
  shift
done
exec "$@"
"#;

/// A text that a shell would execute if it became a part of a script.
const HOSTILE: &str = "a'b\"c$(touch pwned)`touch pwned`;touch pwned";

/// The machine of a runner.
struct Runner {
    dir: TempDir,
}

/// A step that has ended.
struct Ended {
    code: Option<i32>,
    /// The calls of `s2i`.
    calls: String,
    /// The calls of `docker`.
    containers: String,
    stderr: String,
}

impl Runner {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["bin", "checkout", "temp", "home"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        for (name, text) in [("s2i", S2I), ("docker", DOCKER)] {
            let path = dir.path().join("bin").join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Runs the script of a job with `sh -e`.
    fn run(&self, job: &Job, platform: &Values) -> Ended {
        for name in ["record", "record.docker"] {
            let _ = fs::remove_file(self.path(name));
        }
        let script = self.path("script");
        fs::write(&script, &job.script).unwrap();
        let mut command = Command::new("sh");
        command.arg("-e").arg(script).args(&job.arguments);
        command.env_clear().envs(platform).envs(&job.variables);
        let path = format!("{}:/usr/bin:/bin", self.path("bin").display());
        command.env("PATH", path).env("HOME", self.path("home"));
        command.env("RECORD", self.path("record"));
        command
            .current_dir(self.path("checkout"))
            .stdin(Stdio::null());
        let output = command.output().unwrap();
        let files = ["checkout/pwned", "pwned"].map(|name| self.path(name).exists());
        assert_eq!(files, [false; 2], "a value was executed");
        let shown = |text: String| text.replace(self.dir.path().to_str().unwrap(), "DIR");
        Ended {
            code: output.status.code(),
            calls: shown(self.text("record")),
            containers: shown(self.text("record.docker")),
            stderr: shown(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// The variables of GitHub for steps.
    fn github(&self, event: &str) -> Values {
        values(&[
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_ACTOR", "me"),
            ("GITHUB_EVENT_NAME", event),
            ("GITHUB_OUTPUT", self.path("output").to_str().unwrap()),
            ("GITHUB_WORKSPACE", self.path("checkout").to_str().unwrap()),
            ("RUNNER_TEMP", self.path("temp").to_str().unwrap()),
        ])
    }

    /// Runs the action with these inputs.
    fn action(&self, event: &str, inputs: &[(&str, &str)]) -> Ended {
        let _ = fs::remove_file(self.path("output"));
        let job = action(&values(inputs), &contexts());
        let ended = self.run(&job, &self.github(event));
        let left = fs::read_dir(self.path("temp")).unwrap().count();
        assert_eq!(left, 0, "the files of the login stay");
        ended
    }
}

impl Ended {
    #[track_caller]
    fn succeeds(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self
    }
}

/// The contexts of expressions.
fn contexts() -> Values {
    values(&[
        ("github.token", "job-token"),
        ("github.sha", "0123"),
        ("github.repository", "team/colour"),
    ])
}

/// The variables of GitLab for a job.
fn gitlab(source: &str) -> Values {
    values(&[
        ("CI_COMMIT_REF_SLUG", "main"),
        ("CI_COMMIT_SHORT_SHA", "0123"),
        ("CI_PIPELINE_SOURCE", source),
        ("CI_REGISTRY", "registry.example.org"),
        ("CI_REGISTRY_IMAGE", "registry.example.org/team/colour"),
        ("CI_REGISTRY_PASSWORD", "correct horse"),
        ("CI_REGISTRY_USER", "me"),
        ("CI_SERVER_FQDN", "gitlab.example.org"),
    ])
}

#[test]
fn action_builds_in_a_container_without_privileges_and_pushes() {
    let runner = Runner::new();
    let inputs = [
        ("image", "ghcr.io/team/app"),
        ("tags", "1.0, latest\nmain"),
        ("runtime-image", "s2i/scratch"),
        ("context-dir", "cmd"),
        ("env", "A=1\n\nB=two words\n"),
        ("cache-dir", ".s2i-cache"),
    ];
    let ended = runner.action("push", &inputs).succeeds();
    insta::assert_snapshot!(ended.calls, @"
    s2i <login> <ghcr.io> <--username> <me> <--password-stdin>
      password <job-token> in <state>
    s2i <build> <--engine> <here> <--push> <--cache-dir> <DIR/checkout/.s2i-cache> <--runtime-image=s2i/scratch> <--context-dir=cmd> <--env=A=1> <--env=B=two words> <--tag=ghcr.io/team/app:1.0> <--tag=ghcr.io/team/app:latest> <--tag=ghcr.io/team/app:main> <--> <.>
    ");
    assert_eq!(
        runner.text("output"),
        "image=ghcr.io/team/app:1.0@sha256:77\ndigest=sha256:77\n"
    );
    for call in ended.containers.lines() {
        for option in [
            "<--cap-drop> <ALL>",
            "<--security-opt> <no-new-privileges>",
            "<--volume> <DIR/checkout:DIR/checkout:ro>",
            "<s2i/go:ci> <s2i>",
        ] {
            assert!(call.contains(option), "{option} is missing in {call}");
        }
        for option in ["--privileged", "docker.sock", "unconfined", "job-token"] {
            assert!(!call.contains(option), "{option} is in {call}");
        }
    }
}

#[test]
fn action_does_not_push_pull_requests() {
    let runner = Runner::new();
    for event in ["pull_request", "pull_request_target"] {
        let ended = runner
            .action(event, &[("image", "ghcr.io/team/app")])
            .succeeds();
        insta::allow_duplicates! {
            insta::assert_snapshot!(ended.calls, @"s2i <build> <--engine> <here> <--output> </dev/null> <--tag=ghcr.io/team/app:latest> <--> <.>");
        }
        assert_eq!(runner.text("output"), "");
    }
    let previous = [("image", "a"), ("cache-dir", "x"), ("incremental", "true")];
    let calls = runner.action("push", &previous).succeeds().calls;
    assert!(calls.contains("<--push> <--incremental> <--tag"), "{calls}");
    let wanted = [("image", "ghcr.io/team/app"), ("push", "true")];
    assert!(
        runner
            .action("pull_request", &wanted)
            .calls
            .contains("<--push>")
    );
    let unwanted = [("image", "ghcr.io/team/app"), ("push", "false")];
    assert!(!runner.action("push", &unwanted).calls.contains("<--push>"));
    let ended = runner.action("push", &[("image", "a"), ("push", "yes")]);
    assert_eq!((ended.code, ended.calls.as_str()), (Some(2), ""));
    assert_eq!(
        ended.stderr,
        "::error::push has to be true, false or auto\n"
    );
}

#[test]
fn token_of_the_job_goes_to_one_registry_alone() {
    let runner = Runner::new();
    for (image, login) in [
        ("ghcr.io/team/app", Some("ghcr.io")),
        ("app", None),
        ("team/app", None),
        ("ghcr.io.example.org/app", None),
        ("localhost/app", None),
        ("registry.example.org:5000/a/b", None),
    ] {
        let calls = runner.action("push", &[("image", image)]).succeeds().calls;
        assert_eq!(calls.contains("job-token"), login.is_some(), "{image}");
    }
    for (image, registry) in [
        ("team/app", "docker.io"),
        ("localhost/app", "localhost"),
        ("registry.example.org:5000/a/b", "registry.example.org:5000"),
    ] {
        let inputs = [
            ("image", image),
            ("username", "you"),
            ("password", "battery staple"),
        ];
        // The source of a pull request could read the login.
        let calls = runner.action("pull_request", &inputs).succeeds().calls;
        assert!(!calls.contains("battery staple"), "{calls}");
        let calls = runner.action("push", &inputs).succeeds().calls;
        let login = format!(
            "s2i <login> <{registry}> <--username> <you> <--password-stdin>\n  password <battery staple>"
        );
        assert!(calls.contains(&login), "{calls}");
    }
}

#[test]
fn values_are_never_executed() {
    let runner = Runner::new();
    let inputs: Vec<_> = [
        "image",
        "tags",
        "builder",
        "runtime-image",
        "source",
        "context-dir",
        "env",
        "username",
        "password",
    ]
    .map(|name| (name, HOSTILE))
    .to_vec();
    let calls = runner.action("push", &inputs).succeeds().calls;
    assert!(calls.contains(&format!("<--env={HOSTILE}>")), "{calls}");
    let all = values(&[
        ("image", HOSTILE),
        ("tags", HOSTILE),
        ("env", HOSTILE),
        ("source", HOSTILE),
        ("runtime-image", HOSTILE),
        ("context-dir", HOSTILE),
        ("cache-dir", ""),
    ]);
    // The runner sets variables as they are; GitLab expands `$` in them before.
    let mut job = component(&Values::new(), &Values::new());
    for (name, value) in [
        ("S2I_IMAGE", "image"),
        ("S2I_TAGS", "tags"),
        ("S2I_ENV", "env"),
        ("S2I_SOURCE", "source"),
        ("S2I_RUNTIME_IMAGE", "runtime-image"),
        ("S2I_CONTEXT_DIR", "context-dir"),
        ("S2I_CACHE_DIR", "cache-dir"),
    ] {
        job.variables.insert(name.into(), all[value].clone());
    }
    let calls = runner.run(&job, &gitlab("push")).succeeds().calls;
    assert!(calls.contains(&format!("<--env={HOSTILE}>")), "{calls}");
    let parameters = [
        "IMAGE",
        "RUNTIME_IMAGE",
        "PATH_CONTEXT",
        "ENV_VARS",
        "LOGLEVEL",
    ];
    let parameters = parameters.map(|name| (name, HOSTILE));
    let job = task(&values(&parameters), &results(&runner));
    let calls = runner.run(&job, &Values::new()).succeeds().calls;
    assert!(calls.contains(&format!("<--env={HOSTILE}>")), "{calls}");
}

#[test]
fn component_and_template_of_gitlab_are_the_same_job() {
    let runner = Runner::new();
    let platform = gitlab("push");
    let inputs = [
        ("runtime-image", "s2i/scratch"),
        ("tags", "$CI_COMMIT_SHORT_SHA,latest"),
        ("env", "A=1\nB=two words"),
        ("incremental", "true"),
    ];
    let by_component = component(&values(&inputs), &platform);
    let variables = [
        ("S2I_RUNTIME_IMAGE", "s2i/scratch"),
        ("S2I_TAGS", "$CI_COMMIT_SHORT_SHA,latest"),
        ("S2I_ENV", "A=1\nB=two words"),
        ("S2I_INCREMENTAL", "true"),
    ];
    assert_eq!(by_component, template(&values(&variables), &platform));
    assert_eq!(by_component.image.as_deref(), Some("s2i/go:ci"));
    let ended = runner.run(&by_component, &platform).succeeds();
    insta::assert_snapshot!(ended.calls, @"
    s2i <login> <registry.example.org> <--username> <me> <--password-stdin>
      password <correct horse> in <temporary>
    s2i <build> <--engine> <here> <--push> <--incremental> <--runtime-image=s2i/scratch> <--env=A=1> <--env=B=two words> <--tag=registry.example.org/team/colour:0123> <--tag=registry.example.org/team/colour:latest> <--> <.>
    ");
    assert_eq!(
        runner.text("checkout/s2i.env"),
        "S2I_IMAGE_URL=registry.example.org/team/colour:0123@sha256:77\nS2I_IMAGE_DIGEST=sha256:77\n"
    );
}

#[test]
fn pipelines_of_merge_requests_do_not_push() {
    let runner = Runner::new();
    let platform = gitlab("merge_request_event");
    let job = component(&Values::new(), &platform);
    let calls = runner.run(&job, &platform).succeeds().calls;
    assert!(calls.contains("<--output> </dev/null>") && !calls.contains("<--push>"));
    assert!(!runner.path("checkout/s2i.env").exists());
    let job = component(&values(&[("push", "true")]), &platform);
    assert!(runner.run(&job, &platform).calls.contains("<--push>"));
    let job = component(&values(&[("push", "maybe")]), &platform);
    assert_eq!(runner.run(&job, &platform).code, Some(2));
}

#[test]
fn failed_build_fails_the_step_without_outputs() {
    let runner = Runner::new();
    let inputs = [("image", "app"), ("source", "fail"), ("push", "false")];
    assert_eq!(runner.action("push", &inputs).code, Some(3));
    let inputs = values(&[("source", "fail"), ("push", "false")]);
    let job = component(&inputs, &Values::new());
    assert_eq!(runner.run(&job, &Values::new()).code, Some(3));
    let parameters = values(&[("IMAGE", "fail"), ("PUSH", "false")]);
    let job = task(&parameters, &results(&runner));
    assert_eq!(runner.run(&job, &Values::new()).code, Some(3));
}

/// The files for the results of the task.
fn results(runner: &Runner) -> Values {
    let file = |name: &str| runner.path(name).display().to_string();
    values(&[
        ("results.IMAGE_DIGEST.path", &file("digest")),
        ("results.IMAGE_URL.path", &file("url")),
    ])
}

#[test]
fn task_of_tekton_builds_with_the_parameters_of_the_catalog() {
    let runner = Runner::new();
    let mut paths = results(&runner);
    let logins = runner.path("logins");
    fs::create_dir(&logins).unwrap();
    fs::write(logins.join("config.json"), "{}").unwrap();
    for (name, dir) in [("dockerconfig", &logins), ("cache", &runner.path("cache"))] {
        paths.insert(format!("workspaces.{name}.path"), dir.display().to_string());
    }
    let parameters = values(&[
        ("BUILDER_IMAGE", "s2i/node:ci"),
        ("IMAGE", "registry.example.org/team/app:1"),
        ("PATH_CONTEXT", "web"),
        ("ENV_VARS", "A=1\nB=two words"),
        ("TLSVERIFY", "false"),
        ("LOGLEVEL", "2"),
    ]);
    let job = task(&parameters, &paths);
    assert_eq!(job.image.as_deref(), Some("s2i/node:ci"));
    let ended = runner.run(&job, &Values::new()).succeeds();
    insta::assert_snapshot!(ended.calls, @"s2i <--loglevel=2> <build> <--engine> <here> <--env=A=1> <--env=B=two words> <--push> <--tls-verify=false> <--cache-dir> <DIR/cache> <--context-dir=web> <--tag=registry.example.org/team/app:1> <--> <.>");
    assert_eq!(runner.text("digest"), "sha256:77");
    assert_eq!(runner.text("url"), "registry.example.org/team/app:1");
}

#[test]
fn secret_of_kubernetes_is_a_login_for_the_task() {
    let runner = Runner::new();
    let logins = runner.path("logins");
    fs::create_dir(&logins).unwrap();
    fs::write(logins.join(".dockerconfigjson"), r#"{"auths": {}}"#).unwrap();
    let mut paths = results(&runner);
    let path = logins.display().to_string();
    paths.insert("workspaces.dockerconfig.path".into(), path);
    let mut job = task(&values(&[("IMAGE", "app"), ("PUSH", "false")]), &paths);
    job.script += "\nprintf '%s' \"$DOCKER_AUTH_CONFIG\" > login\n";
    let calls = runner.run(&job, &Values::new()).succeeds().calls;
    assert!(calls.contains("<--output> </dev/null>"), "{calls}");
    assert_eq!(runner.text("checkout/login"), r#"{"auths": {}}"#);
}

/// The options that the standard `restricted` for pods asks for.
#[test]
fn task_of_tekton_is_for_restricted_pods() {
    let text = crate::platforms::repository_file("tekton/s2i.yaml");
    for line in [
        "allowPrivilegeEscalation: false",
        "runAsNonRoot: true",
        "drop: [ALL]",
        "type: RuntimeDefault",
    ] {
        assert!(text.contains(line), "{line}");
    }
    assert!(!text.contains("privileged") && !text.contains("hostPath"));
}

/// Runs the blocks of the page for GitLab and GitHub.
fn run_jobs(runner: &Runner) -> Vec<String> {
    let mut calls = Vec::new();
    for block in blocks("gitlab") {
        for job in jobs(&block, &gitlab("push")) {
            let image = job.image.clone().unwrap();
            let ended = runner.run(&job, &gitlab("push")).succeeds();
            calls.push(format!("gitlab {image}\n{}", ended.calls));
        }
    }
    for block in blocks("github") {
        let workflow = Workflow::parse(&block);
        workflow.run(&contexts(), |job| {
            let _ = fs::remove_file(runner.path("output"));
            let ended = runner.run(job, &runner.github("push")).succeeds();
            calls.push(format!("github\n{}", ended.calls));
            outputs(&runner.path("output"))
        });
    }
    calls
}

/// Runs the other blocks of the page.
fn run_others(runner: &Runner) -> Vec<String> {
    let mut calls = Vec::new();
    for block in blocks("tekton") {
        let job = task(&tekton_run(&block), &results(runner));
        let ended = runner.run(&job, &Values::new()).succeeds();
        calls.push(format!("tekton {}\n{}", job.image.unwrap(), ended.calls));
    }
    for block in blocks("jenkins") {
        let platform = values(&[
            ("BUILD_NUMBER", "7"),
            ("WORKSPACE_TMP", runner.path("temp").to_str().unwrap()),
            ("REGISTRY_USR", "me"),
            ("REGISTRY_PSW", "correct horse"),
        ]);
        let job = jenkins(&block, &platform);
        let ended = runner.run(&job, &platform).succeeds();
        calls.push(format!("jenkins {}\n{}", job.image.unwrap(), ended.calls));
    }
    for block in blocks("woodpecker") {
        let secrets = values(&[
            ("registry_user", "me"),
            ("registry_password", "correct horse"),
        ]);
        let job = woodpecker(&block, &secrets);
        let platform = values(&[("CI_COMMIT_SHA", "0123")]);
        let ended = runner.run(&job, &platform).succeeds();
        calls.push(format!(
            "woodpecker {}\n{}",
            job.image.unwrap(),
            ended.calls
        ));
    }
    calls
}

#[test]
fn every_block_of_the_page_runs() {
    let runner = Runner::new();
    let calls = [run_jobs(&runner), run_others(&runner)].concat();
    insta::assert_snapshot!(calls.concat(), @"
    gitlab s2i/go:ci
    s2i <login> <registry.example.org> <-u> <me> <--password-stdin>
      password <correct horse> in <>
    s2i <build> <--engine> <here> <.> <registry.example.org/team/colour:main> <--runtime-image> <s2i/scratch> <--push>
    gitlab s2i/go:ci
    s2i <login> <registry.example.org> <--username> <me> <--password-stdin>
      password <correct horse> in <temporary>
    s2i <build> <--engine> <here> <--push> <--cache-dir> <.s2i-cache> <--runtime-image=s2i/scratch> <--env=COMPRESS_BINARY=true> <--tag=registry.example.org/team/colour:0123> <--tag=registry.example.org/team/colour:latest> <--> <.>
    gitlab s2i/go:ci
    s2i <login> <registry.example.org> <--username> <me> <--password-stdin>
      password <correct horse> in <temporary>
    s2i <build> <--engine> <here> <--push> <--cache-dir> <.s2i-cache> <--runtime-image=s2i/scratch> <--env=COMPRESS_BINARY=true> <--tag=registry.example.org/team/colour:main> <--> <.>
    gitlab s2i/s2i
    s2i <login> <registry.example.org> <-u> <me> <--password-stdin>
      password <correct horse> in <>
    s2i <build> <.> <s2i/go> <registry.example.org/team/colour:main> <--runtime-image> <s2i/scratch> <--push>
    github
    s2i <login> <ghcr.io> <--username> <me> <--password-stdin>
      password <job-token> in <state>
    s2i <build> <--engine> <here> <--push> <--runtime-image=s2i/scratch> <--env=COMPRESS_BINARY=true> <--tag=ghcr.io/team/colour:latest> <--tag=ghcr.io/team/colour:0123> <--> <.>
    github
    tekton s2i/go:ci
    s2i <--loglevel=0> <build> <--engine> <here> <--env=COMPRESS_BINARY=true> <--push> <--runtime-image=s2i/scratch> <--tag=registry.example.org/team/colour:1.0> <--> <.>
    jenkins s2i/go:ci
    s2i <login> <registry.example.org> <-u> <me> <--password-stdin>
      password <correct horse> in <logins>
    s2i <build> <--engine> <here> <.> <registry.example.org/team/colour:7> <--runtime-image> <s2i/scratch> <--push>
    woodpecker s2i/go:ci
    s2i <login> <registry.example.org> <-u> <me> <--password-stdin>
      password <correct horse> in <>
    s2i <build> <--engine> <here> <.> <registry.example.org/team/colour:0123> <--runtime-image> <s2i/scratch> <--push>
    ");
}

/// Reads the outputs of a step of GitHub.
fn outputs(file: &Path) -> Values {
    let text = fs::read_to_string(file).unwrap_or_default();
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A shell that hides `git` in a mount namespace of its own, and runs a command with an empty `PATH`. s2i also looks into
/// the usual directories.
const WITHOUT_GIT: &str = "mount --bind /dev/null /usr/bin/git && PATH= && exec \"$0\" \"$@\"";

/// Returns the command as it is where there is no `git`; `None`, and the test is reported as skipped, where that can't be
/// done.
fn without_git(command: &Command) -> Option<Command> {
    let kinds = if rustix::process::geteuid().is_root() {
        "--mount"
    } else {
        "--map-root-user"
    };
    let shell = |script: &str| {
        let mut shell = Command::new("unshare");
        shell.args(["--mount", kinds, "sh", "-c", script]);
        shell
    };
    let tried = shell("mount --bind /dev/null /usr/bin/git").output();
    if !tried.is_ok_and(|output| output.status.success()) {
        skip("`git` can't be hidden: there are no mount namespaces, or it is in another place");
        return None;
    }
    let mut shell = shell(WITHOUT_GIT);
    shell.arg(command.get_program()).args(command.get_args());
    shell.env_clear();
    let variables = command.get_envs();
    shell.envs(variables.filter_map(|(name, value)| Some((name, value?))));
    shell.current_dir(command.get_current_dir().unwrap());
    Some(shell)
}

/// Builder images have no `git`.
#[test]
fn commit_of_a_checkout_is_named_without_a_program() {
    let scene = Scene::with_engine(Knobs::default());
    let identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"];
    scene.git("app", &["init", "-q", "--initial-branch=main"]);
    scene.git("app", &["add", "-A"]);
    let commit = ["commit", "-q", "-m", "A subject"];
    scene.git("app", &[&identity[..], &commit].concat());
    let dry = |variables: &Values| {
        let mut command = scene.command(&["build", "app", "s2i/go", "web", "--dry-run=json"]);
        command.envs(variables);
        let output = without_git(&command)?.output().unwrap();
        Some(scene.done(&output).ends_with(0))
    };
    let Some(done) = dry(&Values::new()) else {
        return;
    };
    let done = done.warns(" of main by its repository, read without `git`");
    assert!(done.stdout.contains("\"ref\": \"main\""), "{}", done.stdout);
    // Some platforms give containers without `git` an archive of the commit.
    fs::remove_dir_all(scene.path("app/.git")).unwrap();
    let id = "0123456789abcdef0123456789abcdef01234567";
    let done = dry(&values(&[
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_WORKSPACE", scene.path("app").to_str().unwrap()),
        ("GITHUB_SHA", id),
        ("GITHUB_REF_NAME", "side"),
    ]));
    let done = done.unwrap();
    let done = done.warns("commit 0123456789ab of side by the variables of GitHub");
    assert!(done.stdout.contains(id), "{}", done.stdout);
}
