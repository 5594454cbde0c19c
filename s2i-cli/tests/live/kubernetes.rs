//! Builds in a real Kubernetes: in a namespace that enforces the Pod Security level `restricted`, as a user who has the
//! rights of the generated Role and no others.

use std::{
    env, fs,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::Signal;
use s2i_kube::{
    document::{self, Format, object},
    job::{Access, CLIENT_RULES, Subject},
};

use crate::{
    harness::{Live, live, skip},
    images::{Entry, Recipe},
    process::{Done, Running},
};

/// The account of the user.
const ACCOUNT: &str = "builder";

/// The longest time in which a build that can't succeed ends.
const GIVING_UP: Duration = Duration::from_secs(60);

/// A namespace of its own in the cluster, and images in the registry of the cluster.
struct Machine {
    live: Live,
    namespace: String,
    kubectl: PathBuf,
    /// The address of the registry that is the same on this machine, on the node and in pods.
    registry: String,
    agent: String,
    builder: String,
}

impl Drop for Machine {
    fn drop(&mut self) {
        let mut kubectl = Command::new(&self.kubectl);
        kubectl.args(["delete", "namespace", &self.namespace]);
        let _ = kubectl.output();
    }
}

impl Machine {
    fn ready(recipe: &Recipe) -> Option<Self> {
        let (Some(registry), Some(config)) = (
            env::var("S2I_TEST_POD_REGISTRY").ok(),
            env::var_os("KUBECONFIG"),
        ) else {
            skip("`cargo xtask test --engine kubernetes` runs it");
            return None;
        };
        let live = live()?;
        let kubectl = PathBuf::from(config).with_file_name("bin").join("kubectl");
        let local = live.image("agent");
        let namespace = local.replace(['/', '_'], "-").replace("s2i-test-", "t-");
        let mut machine = Self {
            live,
            namespace,
            kubectl,
            registry,
            agent: String::new(),
            builder: String::new(),
        };
        let agent = Recipe::builder().with("usr/bin/s2i", Entry::Agent);
        let agent = Recipe {
            entrypoint: vec!["/usr/bin/s2i"],
            ..agent
        };
        machine.agent = machine.publish("agent", &agent);
        machine.builder = machine.publish("builder", recipe);
        machine.apply(&format!(
            "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {}\n  labels:\n    pod-security.kubernetes.io/enforce: restricted\n",
            machine.namespace
        ));
        machine.make_user();
        Some(machine)
    }

    /// Makes an image and puts it into the registry.
    fn publish(&self, what: &str, recipe: &Recipe) -> String {
        let local = self.live.load(what, recipe);
        let name = self.image(what);
        self.live.s2i(["tag", &local, &name]).succeeds();
        self.live
            .s2i(["--tls-verify=false", "push", &name])
            .succeeds();
        self.live.s2i(["rmi", &name]).succeeds();
        name
    }

    /// Returns a name in the registry.
    fn image(&self, what: &str) -> String {
        format!("{}/{}/{what}:1", self.registry, self.namespace)
    }

    fn kubectl(&self, args: &[&str]) -> String {
        let mut command = Command::new(&self.kubectl);
        command.args(["--namespace", &self.namespace]).args(args);
        let output = command.output().unwrap();
        let [out, err] =
            [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        assert!(output.status.success(), "{args:?}: {err}");
        out
    }

    fn apply(&self, objects: &str) {
        let mut command = Command::new(&self.kubectl);
        command.args(["apply", "-f", "-"]).stdin(Stdio::piped());
        let mut running = command.stdout(Stdio::null()).spawn().unwrap();
        let mut stdin = running.stdin.take().unwrap();
        stdin.write_all(objects.as_bytes()).unwrap();
        drop(stdin);
        assert!(running.wait().unwrap().success(), "{objects}");
    }

    /// Makes the account with the generated Role, and a kubeconfig with its token alone.
    fn make_user(&self) {
        let access = Access {
            name: "s2i".into(),
            namespace: self.namespace.clone(),
            subject: Subject::NewServiceAccount(ACCOUNT.into()),
            rules: &CLIENT_RULES,
        };
        let (account, role, binding) = access.objects().unwrap();
        let objects = [object(&account.unwrap()), object(&role), object(&binding)];
        self.apply(&document::write(&objects, Format::Yaml));
        let token = self.kubectl(&["create", "token", ACCOUNT]);
        let config = self.kubectl(&[
            "config",
            "view",
            "--raw",
            "--minify",
            "--flatten",
            "-o",
            "json",
        ]);
        let mut config: serde_json::Value = serde_json::from_str(&config).unwrap();
        config["users"][0]["user"] = serde_json::json!({"token": token.trim()});
        config["contexts"][0]["context"]["namespace"] = self.namespace.as_str().into();
        fs::write(self.live.path("user.kubeconfig"), config.to_string()).unwrap();
    }

    /// Returns the command of the user.
    fn s2i(&self, args: &[&str]) -> Command {
        let mut command = self.live.command();
        command.env("KUBECONFIG", self.live.path("user.kubeconfig"));
        command.arg("--tls-verify=false").args(args);
        command
    }

    fn build(&self, source: &std::path::Path, options: &[&str], app: &str) -> Command {
        let source = source.to_str().unwrap();
        let mut args = vec![
            "build",
            "--copy",
            "--on",
            "cluster",
            "--agent-image",
            &self.agent,
        ];
        args.extend(options);
        args.extend([source, &self.builder, app]);
        self.s2i(&args)
    }

    fn jobs(&self) -> String {
        self.kubectl(&["get", "jobs,pods", "-o", "name"])
    }
}

/// Runs a command to its end.
fn finish(command: &mut Command) -> Done {
    Running::start(command).finish()
}

#[test]
fn build_of_a_user_with_the_role_has_the_layer_of_the_embedded_engine() {
    let Some(machine) = Machine::ready(&Recipe::builder()) else {
        return;
    };
    let source = machine
        .live
        .instructions("copy /app\nwrite /app/made text\nmode /app/made 640");
    let app = machine.image("app");
    let done = finish(&mut machine.build(&source, &[], &app)).succeeds();
    let done = done.says("Build completed successfully").says("@sha256:");
    done.never_says("would violate");
    let local = machine.live.image("embedded");
    let text = source.to_str().unwrap();
    let args = [
        "--tls-verify=false",
        "build",
        "--copy",
        text,
        &machine.builder,
        &local,
    ];
    machine.live.s2i(args).succeeds();
    machine
        .live
        .s2i(["--tls-verify=false", "pull", &app])
        .succeeds();
    let layers = |name: &str| {
        machine
            .live
            .engine
            .image(name)
            .unwrap()
            .root_fs
            .unwrap()
            .layers
    };
    assert_eq!(layers(&app), layers(&local));
    for name in [&app, &machine.builder] {
        machine.live.s2i(["rmi", name]).succeeds();
    }
    let job = machine.kubectl(&["get", "jobs", "-o", "jsonpath={.items[0].metadata.name}"]);
    finish(&mut machine.s2i(&["cluster", "list"]))
        .succeeds()
        .says(&job);
    finish(&mut machine.s2i(&["cluster", "logs", &job]))
        .succeeds()
        .says("assemble took");
    finish(&mut machine.s2i(&["cluster", "cancel", &job])).succeeds();
    assert_eq!(machine.jobs(), "");
}

#[test]
fn failed_script_is_not_tried_again_and_pushes_nothing() {
    let Some(machine) = Machine::ready(&Recipe::builder()) else {
        return;
    };
    let source = machine.live.instructions("print the reason\nexit 3");
    let app = machine.image("app");
    let done = finish(&mut machine.build(&source, &[], &app)).ends_with(4);
    done.says("assemble: a script failed");
    let pods = machine.kubectl(&["get", "pods", "-o", "name"]);
    assert_eq!(pods.lines().count(), 1, "{pods}");
    machine
        .live
        .s2i(["--tls-verify=false", "pull", &app])
        .ends_with(21);
}

#[test]
fn image_that_does_not_exist_ends_the_build_and_leaves_nothing() {
    let Some(mut machine) = Machine::ready(&Recipe::builder()) else {
        return;
    };
    machine.agent = machine.image("missing");
    let source = machine.live.instructions("write /app/made text");
    let started = Instant::now();
    let app = machine.image("app");
    let done = finish(&mut machine.build(&source, &[], &app)).ends_with(21);
    done.says("an image can't be pulled");
    assert!(started.elapsed() < GIVING_UP, "{:?}", started.elapsed());
    assert_eq!(machine.jobs(), "");
}

#[test]
fn interrupted_build_is_removed() {
    let Some(machine) = Machine::ready(&Recipe::builder()) else {
        return;
    };
    let source = machine.live.instructions("sleep 300");
    let app = machine.image("app");
    let running = Running::start(&mut machine.build(&source, &[], &app));
    running.wait_for("step assemble");
    running.signal(Signal::INT);
    running.finish().ends_with(130);
    assert_eq!(machine.jobs(), "");
}

#[test]
fn deleted_pod_is_replaced_and_gets_the_source_again() {
    let Some(machine) = Machine::ready(&Recipe::builder()) else {
        return;
    };
    let source = machine.live.instructions("sleep 8\nwrite /app/made text");
    let app = machine.image("app");
    let running = Running::start(&mut machine.build(&source, &[], &app));
    running.wait_for("step assemble");
    let pod = machine.kubectl(&["get", "pods", "-o", "name"]);
    machine.kubectl(&["delete", "--wait=false", pod.trim()]);
    running.finish().succeeds().says("the pod of try 2");
}

#[test]
fn memory_above_the_limit_is_the_reason() {
    let Some(machine) = Machine::ready(&Recipe::builder()) else {
        return;
    };
    let source = machine.live.instructions("use-memory 400");
    let app = machine.image("app");
    let done = finish(&mut machine.build(&source, &["--memory", "64m"], &app)).ends_with(33);
    done.says("used more memory than its limit");
}

#[test]
fn build_secret_reaches_assemble_and_nothing_else() {
    let Some(machine) = Machine::ready(&Recipe::builder()) else {
        return;
    };
    let value = "hunter22hunter22";
    machine.kubectl(&[
        "create",
        "secret",
        "generic",
        "npm",
        &format!("--from-literal=TOKEN={value}"),
    ]);
    let source = machine
        .live
        .instructions("show-env TOKEN\nwrite /app/made text");
    let app = machine.image("app");
    let options = ["--build-secret", "npm"];
    let done = finish(&mut machine.build(&source, &options, &app)).succeeds();
    done.says("TOKEN=Some(")
        .says("[redacted]")
        .never_says(value);
    let objects = machine.kubectl(&["get", "jobs,pods,configmaps,events", "-o", "yaml"]);
    assert!(!objects.contains(value));
    machine
        .live
        .s2i(["--tls-verify=false", "pull", &app])
        .succeeds();
    let layer = machine.live.engine.last_layer(&app, &machine.live.path(""));
    assert!(layer.contains_key("app/made"), "{layer:#?}");
    machine.live.s2i(["rmi", &app]).succeeds();
}
