//! One object for each kind and shape of build.

use insta::assert_snapshot;
use s2i_kube::{
    document,
    job::{
        Access, BuildJob, CLIENT_RULES, CacheClaim, GitKey, GitPassword, JobError,
        KUBESPHERE_RULES, Name, PodUser, REBUILD_RULES, RebuildJob, Source, Subject,
    },
    s2irun::SERVICE_ACCOUNT,
};
use serde::Serialize;

const BUILDER: &str = "registry.example.org/s2i/go@sha256:0101010101010101010101010101010101010101010101010101010101010101";

fn json(object: &impl Serialize) -> String {
    serde_json::to_string_pretty(object).unwrap()
}

fn build(source: Source) -> BuildJob {
    let mut build = BuildJob::new("shop", source, BUILDER, PodUser::Id(1001));
    build.args = [".", BUILDER, "registry.example.org/shop:1"]
        .map(str::to_owned)
        .to_vec();
    build
}

#[test]
fn smallest_build_is_this_job() {
    assert_snapshot!(json(&build(Source::Upload).object().unwrap()));
}

#[test]
fn largest_build_is_this_job() {
    let mut build = build(Source::Git);
    build.object_name = Name::Exact("shop-17".to_owned());
    build.namespace = Some("builds".to_owned());
    build.args = [
        "-e",
        "PRICE=$5 $(HOME)",
        "--incremental",
        "https://git.example.org/shop",
        BUILDER,
        "registry.example.org/shop:1",
    ]
    .map(str::to_owned)
    .to_vec();
    build.runtime = Some("registry.example.org/s2i/base:1".to_owned());
    build.facts.source = Some("https://git.example.org/shop".to_owned());
    build.facts.revision = Some("0123456789abcdef0123456789abcdef01234567".to_owned());
    build.facts.builder = Some(BUILDER.to_owned());
    build.facts.output = Some("registry.example.org/shop:1".to_owned());
    build.secrets.push = Some("push-login".to_owned());
    build.secrets.pull = Some("pull-login".to_owned());
    build.secrets.git = Some("git-login".to_owned());
    build.secrets.build = vec!["npm".to_owned(), "go.proxy".to_owned()];
    build.secrets.images = vec!["node-login".to_owned()];
    build.cache = Some("shop-cache".to_owned());
    build.resources.limits.cpu = Some("4".parse().unwrap());
    build.size_limit = "20Gi".parse().unwrap();
    build.deadline = 7200;
    build.retries = 3;
    build.kept = 60;
    build
        .labels
        .insert("example.org/team".to_owned(), "web".to_owned());
    build.service_account = Some("builder".to_owned());
    assert_snapshot!(json(&build.object().unwrap()));
}

#[test]
fn user_that_the_platform_assigns_leaves_groups_to_it_too() {
    let mut build = build(Source::Upload);
    build.user = PodUser::Assigned;
    let pod = build.object().unwrap().spec.unwrap().template.spec.unwrap();
    let context = pod.security_context.unwrap();
    assert_eq!(context.run_as_non_root, Some(true));
    assert_eq!(
        (context.run_as_user, context.run_as_group, context.fs_group),
        (None, None, None)
    );
}

#[test]
fn logins_and_secrets_are_in_the_steps_that_need_them_alone() {
    let mut build = build(Source::Git);
    build.runtime = Some("registry.example.org/s2i/base:1".to_owned());
    build.secrets.push = Some("push-login".to_owned());
    build.secrets.git = Some("git-login".to_owned());
    build.secrets.build = vec!["npm".to_owned()];
    let pod = build.object().unwrap().spec.unwrap().template.spec.unwrap();
    let containers = pod
        .init_containers
        .unwrap()
        .into_iter()
        .chain(pod.containers);
    let mounts = containers.map(|container| {
        let mounts = container.volume_mounts.unwrap().into_iter();
        let paths: Vec<_> = mounts
            .map(|mount| mount.mount_path.replace("/.s2i/", ""))
            .collect();
        format!("{}: {}", container.name, paths.join(" "))
    });
    assert_snapshot!(mounts.collect::<Vec<_>>().join("\n"), @r"
    prepare: in tmp registry git /etc/passwd
    assemble: in out secrets/npm
    assemble-runtime: in out
    push: in out tmp registry
    ");
}

#[test]
fn only_the_pull_login_is_no_login_for_the_push() {
    let mut build = build(Source::Upload);
    build.secrets.pull = Some("pull-login".to_owned());
    let pod = build.object().unwrap().spec.unwrap().template.spec.unwrap();
    let env = |container: &k8s_openapi::api::core::v1::Container| {
        let names = container
            .env
            .iter()
            .flatten()
            .map(|variable| variable.name.clone());
        names.collect::<Vec<_>>()
    };
    assert_eq!(
        env(&pod.init_containers.unwrap()[0]),
        ["DOCKER_CONFIG", "TMPDIR"]
    );
    assert_eq!(env(&pod.containers[0]), ["TMPDIR"]);
}

#[test]
fn requests_that_a_cluster_would_refuse_are_refused() {
    let refused = |change: fn(&mut BuildJob)| {
        let mut build = build(Source::Upload);
        change(&mut build);
        build.object().unwrap_err()
    };
    assert_eq!(
        refused(|build| build.user = PodUser::Id(0)),
        JobError::RootUser
    );
    assert!(matches!(
        refused(|build| build.name = "Shop".to_owned()),
        JobError::Name {
            what: "a build",
            ..
        }
    ));
    assert!(matches!(
        refused(|build| build.cache = Some("a/b".to_owned())),
        JobError::Name {
            what: "a claim",
            ..
        }
    ));
    assert!(matches!(
        refused(|build| build.builder = String::new()),
        JobError::Image { .. }
    ));
    assert_eq!(
        refused(|build| build.deadline = 0),
        JobError::Zero("deadline of a build in seconds")
    );
    let twice = |build: &mut BuildJob| build.secrets.build = vec!["a".to_owned(), "a".to_owned()];
    assert_eq!(refused(twice), JobError::DuplicateSecret("a".to_owned()));
    let label = |build: &mut BuildJob| drop(build.labels.insert("a b".to_owned(), String::new()));
    assert_eq!(refused(label), JobError::Label("a b".to_owned()));
}

#[test]
fn own_labels_win() {
    let mut build = build(Source::Upload);
    build.labels.insert(
        "app.kubernetes.io/managed-by".to_owned(),
        "other".to_owned(),
    );
    let labels = build.object().unwrap().metadata.labels.unwrap();
    assert_eq!(labels["app.kubernetes.io/managed-by"], "s2i");
}

#[test]
fn access_of_a_client_is_these_objects() {
    let access = Access {
        name: "s2i-client".to_owned(),
        namespace: "builds".to_owned(),
        subject: Subject::NewServiceAccount("ci".to_owned()),
        rules: &CLIENT_RULES,
    };
    assert_snapshot!(json(&access.objects().unwrap()));
    let user = Access {
        subject: Subject::User("dev".to_owned()),
        ..access
    };
    let (account, _, binding) = user.objects().unwrap();
    let subject = binding.subjects.unwrap().remove(0);
    assert!(account.is_none() && subject.namespace.is_none());
    assert_eq!(
        subject.api_group.as_deref(),
        Some("rbac.authorization.k8s.io")
    );
}

#[test]
fn access_of_kubespheres_account_is_these_objects() {
    let access = Access {
        name: "s2i-kubesphere".to_owned(),
        namespace: "shop".to_owned(),
        subject: Subject::ServiceAccount(SERVICE_ACCOUNT.to_owned()),
        rules: &KUBESPHERE_RULES,
    };
    let (account, role, binding) = access.objects().unwrap();
    assert!(account.is_none());
    let objects = [document::object(&role), document::object(&binding)];
    let yaml = document::write(&objects, document::Format::Yaml);
    assert_snapshot!(yaml);
    // The page has them for those who have no client at hand.
    let page = include_str!("../../../docs/kubesphere.md");
    assert!(page.contains(&yaml), "{yaml}");
}

#[test]
fn cache_is_a_claim_for_one_pod_at_a_time() {
    let claim = CacheClaim {
        name: "shop-cache".to_owned(),
        application: "shop".to_owned(),
        namespace: None,
        size: "5Gi".parse().unwrap(),
        storage_class: Some("fast".to_owned()),
    };
    assert_snapshot!(json(&claim.object().unwrap()));
}

#[test]
fn rebuild_is_this_cron_job() {
    let mut rebuild = RebuildJob::new("shop-rebuild", "rebuilder");
    rebuild.application = "shop".to_owned();
    rebuild.images = vec!["registry.example.org/shop:1".to_owned()];
    rebuild.options = vec!["--push-secret=registry-login".to_owned()];
    rebuild.pull = Some("pull-login".to_owned());
    rebuild.time_zone = Some("Europe/Vienna".to_owned());
    assert_snapshot!(json(&rebuild.object().unwrap()));
    rebuild.images.clear();
    rebuild.insecure = true;
    let spec = rebuild.object().unwrap().spec.unwrap().job_template.spec;
    let args = spec
        .unwrap()
        .template
        .spec
        .unwrap()
        .containers
        .remove(0)
        .args
        .unwrap();
    let command = "cluster rebuild --if-base-changed --detach --tls-verify=false --all -- --push-secret=registry-login";
    assert_eq!(args.join(" "), command);
    assert_eq!(REBUILD_RULES[0].verbs, ["create", "get", "list"]);
}

#[test]
fn logins_of_git_servers_have_the_types_of_kubernetes() {
    let password = GitPassword {
        user: "ci".to_owned(),
        password: "secret".to_owned().into(),
    };
    let secret = password.object("git", None, "shop").unwrap();
    assert_eq!(secret.type_.as_deref(), Some("kubernetes.io/basic-auth"));
    assert_eq!(
        secret.data.unwrap().into_keys().collect::<Vec<_>>(),
        ["password", "username"]
    );
    let key = GitKey {
        key: "key".to_owned().into(),
        known_hosts: "git.example.org ssh-ed25519 A".to_owned(),
    };
    let secret = key.object("git", None, "shop").unwrap();
    assert_eq!(secret.type_.as_deref(), Some("kubernetes.io/ssh-auth"));
    assert_eq!(
        secret.data.unwrap().into_keys().collect::<Vec<_>>(),
        ["known_hosts", "ssh-privatekey"]
    );
}
