//! `s2i kube job`, `secret`, `rbac`, `pvc` and `cronjob`: the objects of builds in a cluster.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    registry::Registry,
    scene::{Done, Scene},
};

/// The exit code for requests that have no objects.
const REFUSED: u8 = 18;

const GIT: &str = "https://git.example.org/team/shop";

fn kube(scene: &Scene, args: &[&str]) -> Done {
    scene.s2i(&[&["kube"], args].concat())
}

/// Returns the one object that a command writes.
#[track_caller]
fn object(scene: &Scene, args: &[&str]) -> Value {
    let done = kube(scene, &[args, &["-o", "json"]].concat()).ends_with(0);
    serde_json::from_str(&done.stdout).unwrap()
}

fn builder() -> Registry {
    Registry::start(
        &json!({"User": "1001:0", "Labels": {"io.openshift.s2i.scripts-url": "image:///s2i"}}),
    )
}

#[test]
fn job_is_that_of_a_build_in_the_cluster() {
    let (scene, registry) = (Scene::new(), builder());
    let (go, shop) = (registry.image("s2i/go:1"), registry.image("team/shop:2"));
    let source = format!("{GIT}#v1");
    let args = [
        "job",
        &source,
        &go,
        &shop,
        "--name",
        "shop-2",
        "--namespace",
        "builds",
        "-e",
        "A=$B",
        "--push-secret",
        "login",
        "--git-secret",
        "git",
        "--build-secret",
        "npm",
        "--memory",
        "1g",
        "--context-dir",
        "web",
        "--deadline=30m",
        "--tls-verify=false",
    ];
    let done = kube(&scene, &args).ends_with(0);
    assert_snapshot!("job", registry.normalised(&done.stdout));
    scene.write("job.yaml", &done.stdout);
    let found = kube(&scene, &["lint", "job.yaml", "--no-notes"]).ends_with(0);
    assert_eq!(found.stdout, "");
}

#[test]
fn job_without_a_name_gets_one_from_the_cluster() {
    let (scene, registry) = (Scene::new(), builder());
    let (go, shop) = (registry.image("s2i/go:1"), registry.image("team/shop:2"));
    let job = object(&scene, &["job", GIT, &go, &shop]);
    assert_eq!(job["metadata"]["generateName"], "shop-");
    assert_eq!(job["metadata"]["name"], Value::Null);
    let prepare = &job["spec"]["template"]["spec"]["initContainers"][0];
    assert_eq!(prepare["stdin"], Value::Null);
    let words = prepare["args"].as_array().unwrap();
    assert_eq!(words[..3], ["pod", "prepare", "--"]);
    assert_eq!(words[words.len() - 3], GIT);
}

#[test]
fn job_is_refused_without_what_a_document_can_have() {
    let (scene, registry) = (Scene::new(), builder());
    let (go, shop) = (registry.image("s2i/go:1"), registry.image("team/shop:2"));
    kube(&scene, &["job", "app", &go, &shop])
        .ends_with(REFUSED)
        .warns("a document can't have the directory")
        .warns("s2i build --on cluster");
    let done = kube(
        &scene,
        &["job", "https://me:hunter2@git.example.org/shop", &go, &shop],
    );
    let done = done.ends_with(REFUSED).warns("has a login");
    assert!(!done.stderr.contains("hunter2"), "{}", done.stderr);
    for option in [
        "--detach",
        "--network=none",
        "--secret=id=A",
        "--load",
        "--copy",
    ] {
        kube(&scene, &["job", GIT, &go, &shop, option])
            .ends_with(2)
            .warns("unexpected argument");
    }
    kube(&scene, &["job", GIT, &go])
        .ends_with(2)
        .warns("<IMAGE>");
    let root =
        Registry::start(&json!({"Labels": {"io.openshift.s2i.scripts-url": "image:///s2i"}}));
    kube(&scene, &["job", GIT, &root.image("s2i/go"), &shop])
        .ends_with(2)
        .warns("runs its scripts as root");
}

#[test]
fn network_of_a_build_in_a_cluster_is_that_of_its_pod() {
    let (scene, registry) = (Scene::new(), builder());
    let (go, shop) = (registry.image("s2i/go:1"), registry.image("team/shop:2"));
    scene.write(
        ".kube/config",
        "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters: [{name: a, cluster: {server: 'http://127.0.0.1:1'}}]\n\
         users: [{name: a, user: {}}]\ncontexts: [{name: a, context: {cluster: a, user: a}}]\n",
    );
    for network in ["none", "other"] {
        let option = format!("--network={network}");
        let args = ["build", "app", &go, &shop, "--on", "cluster", &option];
        let done = scene
            .s2i(&args)
            .warns("scripts have the network of the job");
        assert_ne!(done.code, Some(0));
    }
}

#[test]
fn rights_are_those_of_one_subject_in_one_namespace() {
    let scene = Scene::new();
    let written = |args: &[&str]| kube(&scene, &[&["rbac"], args].concat());
    let user = written(&["--namespace", "builds", "--user", "ada"]).ends_with(0);
    assert_snapshot!("rights", user.stdout);
    let account = [
        "--namespace",
        "builds",
        "--new-service-account",
        "s2i-rebuild",
        "--rebuild",
    ];
    let account = written(&account).ends_with(0).stdout;
    for text in [
        "kind: ServiceAccount\n",
        "kind: RoleBinding\n",
        "name: s2i-rebuild\n",
    ] {
        assert!(account.contains(text), "{account}");
    }
    assert!(!account.contains("pods/attach"), "{account}");
    let operator = [
        "--namespace",
        "shop",
        "--service-account",
        "s2irun",
        "--kubesphere",
    ];
    let page = include_str!("../../../docs/kubesphere.md");
    assert!(page.contains(&written(&operator).ends_with(0).stdout));
    written(&["--user", "ada"])
        .ends_with(REFUSED)
        .warns("name it with --namespace");
    written(&["--namespace", "builds"])
        .ends_with(2)
        .warns("--user");
    let two = ["--namespace", "builds", "--user", "ada", "--group", "devs"];
    written(&two).ends_with(2).warns("cannot be used with");
}

#[test]
fn claim_is_for_one_pod_at_a_time() {
    let scene = Scene::new();
    let claim = object(
        &scene,
        &["pvc", "shop-cache", "--size", "2Gi", "--app", "shop"],
    );
    assert_eq!(claim["kind"], "PersistentVolumeClaim");
    assert_eq!(claim["spec"]["accessModes"], json!(["ReadWriteOncePod"]));
    assert_eq!(claim["spec"]["resources"]["requests"]["storage"], "2Gi");
    assert_eq!(
        claim["metadata"]["labels"]["app.kubernetes.io/name"],
        "shop"
    );
    kube(&scene, &["pvc", "Cache"])
        .ends_with(REFUSED)
        .warns("choose another name");
    kube(&scene, &["pvc", "cache", "--size", "much"])
        .ends_with(2)
        .warns("is no amount");
}

#[test]
fn images_are_looked_at_by_a_cron_job() {
    let scene = Scene::new();
    let args = [
        "cronjob",
        "registry.example.org/team/shop:2",
        "--pull-secret",
        "login",
        "--time-zone",
        "Europe/Vienna",
        "-o",
        "json",
        "--",
        "--push-secret=login",
        "--env=A=$B",
    ];
    let done = kube(&scene, &args).ends_with(0);
    let job: Value = serde_json::from_str(&done.stdout).unwrap();
    let pod = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    assert_eq!(job["metadata"]["name"], "shop-rebuild");
    assert_eq!(
        (&job["spec"]["schedule"], &job["spec"]["timeZone"]),
        (&json!("0 4 * * *"), &json!("Europe/Vienna"))
    );
    assert_eq!(pod["serviceAccountName"], "s2i-rebuild");
    let words = [
        "cluster",
        "rebuild",
        "--if-base-changed",
        "--detach",
        "registry.example.org/team/shop:2",
        "--",
        "--push-secret=login",
        "--env=A=$$B",
    ];
    assert_eq!(pod["containers"][0]["args"], json!(words));
    let all = object(
        &scene,
        &["cronjob", "--all", "--schedule", "@hourly", "--openshift"],
    );
    assert_eq!(all["metadata"]["name"], "s2i-rebuild");
    let long = format!("registry.example.org/{}:1", "a".repeat(200));
    let long = object(&scene, &["cronjob", &long]);
    assert_eq!(long["metadata"]["name"].as_str().unwrap().len(), 52);
    kube(&scene, &["cronjob"]).ends_with(2).warns("IMAGE");
    kube(&scene, &["cronjob", "web", "--all"]).ends_with(2);
    kube(&scene, &["cronjob", "web", "--schedule", "often"])
        .ends_with(REFUSED)
        .warns("is no schedule");
    kube(&scene, &["cronjob", "web", "--uid", "0"])
        .ends_with(REFUSED)
        .warns("as root");
}

/// Two logins, of which one is in a helper.
fn logins(scene: &Scene) {
    use std::os::unix::fs::PermissionsExt as _;
    let config = r#"{"auths": {"registry.example.org": {"auth": "bWU6aHVudGVyMg=="}, "other.example.org": {"auth": "bWU6aHVudGVyMw=="}},
        "credHelpers": {"helper.example.org": "test"}}"#;
    scene.write(".docker/config.json", config);
    let helper = "#!/bin/sh\necho '{\"Username\": \"bot\", \"Secret\": \"hunter4\"}'\n";
    scene.write("bin/docker-credential-test", helper);
    let path = scene.path("bin/docker-credential-test");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn logins_of_named_registries_are_copied() {
    let scene = Scene::new();
    logins(&scene);
    let path = format!("{}:/bin:/usr/bin", scene.path("bin").display());
    let args = [
        "kube",
        "secret",
        "registry",
        "login",
        "registry.example.org",
        "helper.example.org",
        "-o",
        "json",
    ];
    let output = scene.command(&args).env("PATH", &path).output().unwrap();
    let done = scene.done(&output).ends_with(0);
    let done = done
        .warns("it gets the login of `me` for `registry.example.org`")
        .warns("it gets the login of `bot` for `helper.example.org`");
    assert!(!done.stderr.contains("hunter"), "{}", done.stderr);
    let secret: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(secret["type"], "kubernetes.io/dockerconfigjson");
    let config = decoded(&secret["data"][".dockerconfigjson"]);
    // `me:hunter2` and `bot:hunter4`, and nothing of the other registry.
    assert_eq!(
        config,
        r#"{"auths":{"helper.example.org":{"auth":"Ym90Omh1bnRlcjQ="},"registry.example.org":{"auth":"bWU6aHVudGVyMg=="}}}"#
    );
    kube(
        &scene,
        &["secret", "registry", "login", "unknown.example.org"],
    )
    .ends_with(REFUSED)
    .warns("no login for `unknown.example.org`");
    kube(&scene, &["secret", "registry", "login"]).ends_with(2);
}

fn decoded(value: &Value) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    String::from_utf8(STANDARD.decode(value.as_str().unwrap()).unwrap()).unwrap()
}

#[test]
fn login_of_git_comes_from_files() {
    let scene = Scene::new();
    scene.write("password", "hunter2\n");
    scene.write("empty", "\n");
    scene.write("id", "PRIVATE KEY");
    scene.write("known_hosts", "git.example.org ssh-ed25519 AAAA\n");
    let password = ["secret", "git", "git", "-u", "ci", "--password-file"];
    let secret = object(&scene, &[&password[..], &["password"]].concat());
    assert_eq!(secret["type"], "kubernetes.io/basic-auth");
    assert_eq!(decoded(&secret["data"]["username"]), "ci");
    assert_eq!(decoded(&secret["data"]["password"]), "hunter2");
    kube(&scene, &[&password[..], &["empty"]].concat()).warns("it is empty");
    let ssh = ["secret", "git", "git", "--ssh-key", "id"];
    let secret = object(
        &scene,
        &[&ssh[..], &["--known-hosts", "known_hosts"]].concat(),
    );
    assert_eq!(secret["type"], "kubernetes.io/ssh-auth");
    assert_eq!(decoded(&secret["data"]["ssh-privatekey"]), "PRIVATE KEY");
    kube(&scene, &ssh).ends_with(2).warns("--known-hosts");
    kube(&scene, &["secret", "git", "git", "-u", "ci"]).ends_with(2);
    kube(&scene, &["secret", "git", "git", "--password", "hunter2"]).ends_with(2);
}

#[test]
fn secrets_of_builds_are_variables() {
    let scene = Scene::new();
    scene.write("token", "hunter2\n");
    let args = [
        "kube",
        "secret",
        "build",
        "npm",
        "--secret",
        "id=NPM_TOKEN,src=token",
        "--secret",
        "id=KEY",
        "-o",
        "json",
    ];
    let output = scene.command(&args).env("KEY", "hunter3").output().unwrap();
    let done = scene.done(&output).ends_with(0);
    let secret: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(secret["type"], "Opaque");
    assert_eq!(decoded(&secret["data"]["NPM_TOKEN"]), "hunter2");
    assert_eq!(decoded(&secret["data"]["KEY"]), "hunter3");
    kube(
        &scene,
        &["secret", "build", "npm", "--secret", "id=a/b,src=token"],
    )
    .ends_with(REFUSED)
    .warns("can't be the name of an entry");
    kube(&scene, &["secret", "build", "npm"]).ends_with(2);
}
