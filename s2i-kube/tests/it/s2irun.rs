//! Configurations as KubeSphere's operator writes them, and those that no build can be made of.

use s2i_kube::{
    job::RegistryLogins,
    s2irun::{RunConfig, RunConfigError, RunSource},
};
use serde_json::{Value, json};

/// Returns the registries of logins.
fn registries(logins: &RegistryLogins) -> Vec<String> {
    let config: Value = serde_json::from_str(logins.config.reveal()).unwrap();
    let auths = config["auths"].as_object().unwrap();
    auths.keys().cloned().collect()
}

/// The configuration that the operator writes for an `S2iBuilder` with all fields of KubeSphere's console, and two Secrets.
fn recorded() -> Value {
    json!({
        "displayName": "shop",
        "builderImage": "registry.example.org/s2i/go:1",
        "runtimeImage": "registry.example.org/s2i/go-runtime:1",
        "runtimeArtifacts": [{"source": "/deployments"}, {"source": "/app/web", "destination": "web"}],
        "pushAuthentication": {"username": "ci", "password": "correct-horse", "serverAddress": "registry.example.org"},
        "imageName": "registry.example.org/team/shop",
        "tag": "registry.example.org/team/shop:v1",
        "builderPullPolicy": "if-not-present",
        "environment": [{"name": "GOPROXY", "value": "https://proxy.example.org,direct"}, {"name": "EMPTY", "value": ""}],
        "contextDir": "/web",
        "labels": {"team": "a=b"},
        "export": true,
        "sourceUrl": "https://git:battery%20staple@git.example.org/shop.git",
        "gitSecretRef": {"name": "git-login"},
        "revisionId": "main",
        "outputBuildResult": true,
        "taintKey": "ci",
        "nodeAffinityValues": ["ci"],
        "branchExpression": "main"
    })
}

fn changed(changes: &Value) -> Value {
    let mut config = recorded();
    let changes = changes.as_object().unwrap().clone();
    config.as_object_mut().unwrap().extend(changes);
    config
}

fn parse(config: &Value) -> (RunConfig, Vec<String>) {
    let (config, warnings) = RunConfig::parse(config.to_string().as_bytes()).unwrap();
    let warnings = warnings.iter().map(ToString::to_string);
    (config, warnings.collect())
}

#[track_caller]
fn refused(changes: &Value) -> String {
    let config = changed(changes).to_string();
    RunConfig::parse(config.as_bytes()).unwrap_err().to_string()
}

#[test]
fn configuration_of_the_operator_is_a_build() {
    let (config, warnings) = parse(&recorded());
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(config.builder.to_string(), "registry.example.org/s2i/go:1");
    assert_eq!(
        config.output.to_string(),
        "registry.example.org/team/shop:v1"
    );
    assert_eq!(
        config.options,
        [
            "--context-dir=web",
            "--application-name=shop",
            "--ref=main",
            "--env=GOPROXY=https://proxy.example.org,direct",
            "--env=EMPTY=",
            "--label=team=a=b",
            "--runtime-artifact=/deployments",
            "--runtime-artifact=/app/web:web",
            "--runtime-image=registry.example.org/s2i/go-runtime:1",
        ]
    );
    assert_eq!(
        registries(config.logins.as_ref().unwrap()),
        ["registry.example.org"]
    );
    assert!(config.reports);
    let RunSource::Git { url, secret, login } = &config.source else {
        panic!("a repository")
    };
    assert_eq!(url, "https://git.example.org/shop.git");
    assert_eq!(secret.as_deref(), Some("git-login"));
    assert!(login.is_none());
    let shown = format!("{config:?}");
    assert!(
        !shown.contains("horse") && !shown.contains("staple"),
        "{shown}"
    );
}

#[test]
fn login_in_the_address_is_used_where_no_secret_has_it() {
    let (config, _) = parse(&changed(&json!({"gitSecretRef": null})));
    let RunSource::Git {
        url,
        secret: None,
        login: Some(login),
    } = config.source
    else {
        panic!("a repository with a login")
    };
    assert_eq!(
        (url.as_str(), login.user.as_str()),
        ("https://git.example.org/shop.git", "git")
    );
    assert_eq!(login.password.reveal(), "battery staple");
}

#[test]
fn directory_of_the_whole_source_is_none() {
    let (config, _) = parse(&changed(&json!({"contextDir": "/"})));
    assert!(
        !config
            .options
            .iter()
            .any(|option| option.starts_with("--context-dir"))
    );
}

/// The type of s2irun has other names for some fields than that of the operator.
#[test]
fn case_of_names_does_not_matter() {
    let upper = json!({"sourceUrl": null, "sourceURL": "https://git.example.org/a", "scriptsURL": "image:///s", "isBinaryURL": true});
    let (config, _) = parse(&changed(&upper));
    assert!(matches!(config.source, RunSource::Binary { .. }));
    assert!(
        config
            .options
            .contains(&"--scripts-url=image:///s".to_owned())
    );
}

#[test]
fn registry_of_the_login_is_that_of_a_name_without_one() {
    let login = |server: &str| json!({"username": "a", "password": "b", "serverAddress": server});
    for (tag, server, output, warns) in [
        (
            "team/shop:1",
            "https://registry.example.org/v2/",
            "registry.example.org/team/shop:1",
            false,
        ),
        (
            "team/shop:1",
            "https://index.docker.io/v1/",
            "team/shop:1",
            false,
        ),
        (
            "other.example.org/shop:1",
            "registry.example.org",
            "other.example.org/shop:1",
            true,
        ),
        (
            "other.example.org/shop:1",
            "other.example.org",
            "other.example.org/shop:1",
            false,
        ),
    ] {
        let changes = json!({"tag": tag, "pushAuthentication": login(server)});
        let (config, warnings) = parse(&changed(&changes));
        assert_eq!(config.output.to_string(), output, "{tag} {server}");
        assert_eq!(!warnings.is_empty(), warns, "{warnings:?}");
    }
}

#[test]
fn logins_are_those_of_all_images() {
    let login = |user: &str| json!({"username": user, "password": "b"});
    let changes = json!({
        "builderImage": "s2i/go", "runtimeImage": "other.example.org/run:1",
        "pullAuthentication": login("pull"), "runtimeAuthentication": login("run"),
        "incrementalAuthentication": login("third"),
    });
    let (config, warnings) = parse(&changed(&changes));
    let hosts = [
        "https://index.docker.io/v1/",
        "other.example.org",
        "registry.example.org",
    ];
    assert_eq!(registries(&config.logins.unwrap()), hosts);
    let text = "incrementalAuthentication: is not used: another login for the same registry comes before it";
    assert_eq!(warnings, [text]);
    let (config, _) = parse(&changed(
        &json!({"pushAuthentication": {"username": "", "password": ""}}),
    ));
    assert!(config.logins.is_none());
}

#[test]
fn limits_are_those_of_the_kernel() {
    let limits = json!({"memoryLimitBytes": 1_073_741_824, "cpuQuota": 150_000, "cpuPeriod": 100_000, "cpuShares": 512, "memorySwap": 0, "parent": ""});
    let (config, warnings) = parse(&changed(&json!({"cgroupLimits": limits})));
    let options: Vec<_> = config
        .options
        .iter()
        .filter(|option| option.contains("=1"))
        .collect();
    assert_eq!(options, ["--memory=1073741824", "--cpus=1.500"]);
    let text = "cgroupLimits.cpuShares: has no effect: pods have limits of memory and processor time alone";
    assert_eq!(warnings, [text]);
}

#[test]
fn fields_without_effect_are_named() {
    let (_, warnings) = parse(&changed(&json!({
        "buildVolumes": ["cache:/tmp/artifacts"], "callbackUrl": "https://example.org", "dockerConfig": {"endPoint": "", "useTLS": false},
        "builderPullPolicy": "never", "newField": 1, "layeredBuild": false,
    })));
    let fields: Vec<_> = warnings
        .iter()
        .map(|text| text.split(':').next().unwrap())
        .collect();
    assert_eq!(
        fields,
        [
            "builderPullPolicy",
            "buildVolumes",
            "callbackUrl",
            "newField"
        ]
    );
}

#[test]
fn what_a_pod_cannot_do_is_refused_by_name() {
    for (changes, field) in [
        (json!({"export": false}), "`export`"),
        (
            json!({"injections": [{"source": "/a", "destination": "/b"}]}),
            "`injections`",
        ),
        (json!({"addHost": ["a:10.0.0.1"]}), "`addHost`"),
        (json!({"runImage": true}), "`runImage`"),
        (json!({"usage": true}), "`usage`"),
        (json!({"asDockerfile": "x"}), "`asDockerfile`"),
        (
            json!({"pullAuthentication": {"secretRef": {"name": "x"}}}),
            "`pullAuthentication.secretRef`",
        ),
        (
            json!({"runtimeArtifacts": [{"source": "/a;b"}]}),
            "`runtimeArtifacts`",
        ),
        (json!({"builderImage": ""}), "no `builderImage`"),
        (json!({"tag": "Shop"}), "`tag`"),
        (
            json!({"export": "yes"}),
            "`export` of the configuration is not true or false",
        ),
        (json!({"environment": ["A=b"]}), "`environment`"),
        (json!({"labels": {"a": 1}}), "`labels.a`"),
        (
            json!({"cgroupLimits": {"memoryLimitBytes": -1}}),
            "`cgroupLimits.memoryLimitBytes`",
        ),
    ] {
        let text = refused(&changes);
        assert!(text.contains(field), "{changes}: {text}");
    }
}

#[test]
fn malformed_configuration_is_refused_without_showing_it() {
    let text = r#"{"pushAuthentication": {"password": "correct-horse" "#;
    let error = RunConfig::parse(text.as_bytes()).unwrap_err();
    assert!(
        matches!(error, RunConfigError::Json { line: 1, .. }),
        "{error}"
    );
    assert!(!error.to_string().contains("horse"));
    assert!(RunConfig::parse(b"[]").is_err());
}
