//! Builds in a real Kubernetes: in a namespace that enforces the Pod Security level `restricted`, as a user who has the
//! rights of the generated Role and no others.

mod applications;
mod builds;
mod cache;
mod clients;
mod failures;
mod rebuilds;
mod sources;
mod users;

use std::{
    env, fs,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use s2i_kube::{
    document::{self, Format, object},
    job::{Access, CLIENT_RULES, Permission, Subject},
};

use crate::{
    harness::{Live, live, skip},
    images::{Entry, Recipe},
    process::{Done, Running},
};

/// The account of the user.
const ACCOUNT: &str = "builder";

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
        machine.make_user(&CLIENT_RULES);
        Some(machine)
    }

    /// Makes an image and puts it into the registry.
    fn publish(&self, what: &str, recipe: &Recipe) -> String {
        let local = self.live.load(what, recipe);
        self.push(&local, what)
    }

    /// Returns a name in the registry.
    fn image(&self, what: &str) -> String {
        format!("{}/{}/{what}:1", self.registry, self.namespace)
    }

    fn kubectl(&self, args: &[&str]) -> String {
        let output = self.kubectl_command(args).output().unwrap();
        let [out, err] =
            [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        assert!(output.status.success(), "{args:?}: {err}");
        out
    }

    /// Returns a command of the administrator in the namespace.
    fn kubectl_command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.kubectl);
        command.args(["--namespace", &self.namespace]).args(args);
        command
    }

    /// Builds with the engine of this machine.
    fn build_here(&self, source: &std::path::Path, options: &[&str], name: &str) {
        let mut args = vec!["--tls-verify=false", "build", "--copy"];
        args.extend(options);
        args.extend([source.to_str().unwrap(), &self.builder, name]);
        self.live.s2i(args).succeeds();
    }

    /// Pulls an image from the registry of the cluster.
    fn pull(&self, name: &str) {
        let args = ["--tls-verify=false", "pull", name];
        self.live.s2i(args).succeeds();
    }

    /// Checks that the registry of the cluster has no image of this name.
    fn lacks(&self, name: &str) {
        let args = ["--tls-verify=false", "pull", name];
        self.live.s2i(args).ends_with(21);
    }

    /// Returns the layers of an image in this machine's engine.
    fn layers(&self, name: &str) -> Vec<String> {
        let image = self.live.engine.image(name).unwrap();
        image.root_fs.unwrap().layers.unwrap_or_default()
    }

    /// Returns the name of the only pod.
    fn pod(&self) -> String {
        let pods = self.kubectl(&["get", "pods", "-o", "jsonpath={.items[*].metadata.name}"]);
        assert_eq!(pods.split_whitespace().count(), 1, "{pods}");
        pods
    }

    /// Evicts a pod, as the drain of a node does.
    fn evict(&self, pod: &str) {
        let path = format!("/api/v1/namespaces/{}/pods/{pod}/eviction", self.namespace);
        let file = self.live.path("eviction.json");
        let object = serde_json::json!({
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": self.namespace},
        });
        fs::write(&file, object.to_string()).unwrap();
        self.kubectl(&["create", "--raw", &path, "-f", file.to_str().unwrap()]);
    }

    fn apply(&self, objects: &str) {
        let mut command = self.kubectl_command(&["apply", "-f", "-"]);
        command.stdin(Stdio::piped());
        let mut running = command.stdout(Stdio::null()).spawn().unwrap();
        let mut stdin = running.stdin.take().unwrap();
        stdin.write_all(objects.as_bytes()).unwrap();
        drop(stdin);
        assert!(running.wait().unwrap().success(), "{objects}");
    }

    /// Returns the address of this machine in pods.
    fn host(&self) -> &str {
        self.registry.split(':').next().unwrap()
    }

    /// Puts an image of this machine's engine into the registry of the cluster, and returns its name there.
    fn push(&self, local: &str, what: &str) -> String {
        let name = self.image(what);
        self.live.s2i(["tag", local, &name]).succeeds();
        self.live
            .s2i(["--tls-verify=false", "push", &name])
            .succeeds();
        self.live.s2i(["rmi", &name]).succeeds();
        name
    }

    /// Makes the account with the generated Role, and a kubeconfig with its token alone.
    fn make_user(&self, rules: &'static [Permission]) {
        let access = Access {
            name: "s2i".into(),
            namespace: self.namespace.clone(),
            subject: Subject::NewServiceAccount(ACCOUNT.into()),
            rules,
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
