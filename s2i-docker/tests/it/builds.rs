//! What is in the calls of whole builds: split ones that begin with the artifacts of the one before, so
//! that every kind of container is there.

use std::{fs, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use s2i_build::{
    build,
    facts::SourceFacts,
    request::{BuildRequest, Network, PreviousRequest, PullPolicy, RuntimeRequest},
};
use s2i_core::{EnvVar, Script, Secret, mapping::MappingList};
use s2i_testkit::FixedSource;
use serde_json::Value;

use crate::{
    credentials::{Provider, password},
    daemon::{Answers, Call, Knobs},
    scene::{SECRET, Scene},
};

const BUILDER: &str = "registry.test/go:1";
const RUNTIME: &str = "registry.test/go-runtime:1";
const RESULT: &str = "registry.test/web:1";

/// The id of what the build before has kept.
const KEPT: &str = "sha256:6666666666666666666666666666666666666666666666666666666666666666";

/// The id of the runtime image.
const SLIM: &str = "sha256:7777777777777777777777777777777777777777777777777777777777777777";

fn request(source: &FixedSource) -> BuildRequest {
    let location = source.root.to_str().unwrap().parse().unwrap();
    let mut request = BuildRequest::new(location, BUILDER.parse().unwrap());
    let tag = RESULT.parse().unwrap();
    let previous = PreviousRequest::of(&tag, true, PullPolicy::IfNotPresent);
    request.previous = Some(previous.unwrap());
    request.tag = Some(tag);
    request.builder_pull = PullPolicy::Always;
    request.runtime = Some(RuntimeRequest {
        image: RUNTIME.parse().unwrap(),
        pull: PullPolicy::Always,
        artifacts: "/opt/app".parse::<MappingList>().unwrap().0,
    });
    request.network = Network::Named("ci".into());
    request.trust = Some("a certificate".into());
    request.env = vec![EnvVar::new("COLOUR", "red").unwrap()];
    request.secrets = vec![Secret::from(EnvVar::new("TOKEN", SECRET).unwrap())];
    request
}

/// Builds once with each kind of answers; gives the scene and the calls of each build.
async fn builds() -> Vec<(Scene, Vec<Call>)> {
    builds_with(&[]).await
}

async fn builds_with(volumes: &[&str]) -> Vec<(Scene, Vec<Call>)> {
    let mut builds = Vec::new();
    for answers in [Answers::Old, Answers::New, Answers::Podman] {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join(".s2i/bin")).unwrap();
        for name in ["main.go", ".s2i/bin/assemble"] {
            fs::write(dir.path().join(name), "text").unwrap();
        }
        let source = FixedSource {
            root: dir.path().into(),
            facts: SourceFacts {
                scripts: [Script::Assemble].into(),
                ..SourceFacts::default()
            },
        };
        let knobs = Knobs {
            answers,
            ..Knobs::default()
        };
        let scene = Scene::new(knobs).with_credentials(Provider::with(BUILDER, password()));
        let kept = "registry.test/web:1-build".to_owned();
        {
            let mut model = scene.daemon.model();
            model.images.insert(kept.clone());
            model.ids.insert(kept, KEPT);
            model.ids.insert(RUNTIME.into(), SLIM);
        }
        let mut request = request(&source);
        let volumes = volumes.iter().map(|volume| volume.parse().unwrap());
        request.container.mounts = volumes.collect();
        let building = build(
            &scene.engine,
            &source,
            &request,
            &scene.recorder,
            &scene.cancel,
        );
        let outcome = tokio::time::timeout(Duration::from_secs(60), Box::pin(building)).await;
        outcome.expect("one of both sides goes on").unwrap();
        scene.daemon.check();
        assert_eq!(scene.recorder.warnings(), "");
        let calls = scene.daemon.model().calls.clone();
        builds.push((scene, calls));
    }
    builds
}

/// The bodies of the calls that make containers.
fn created(calls: &[Call]) -> Vec<Value> {
    let creates = calls
        .iter()
        .filter(|call| call.path == "/containers/create");
    let bodies: Vec<Value> = creates
        .map(|call| serde_json::from_slice(&call.body).unwrap())
        .collect();
    assert_eq!(
        bodies.len(),
        3,
        "assemble, save-artifacts, assemble-runtime"
    );
    bodies
}

/// CVE-2016-3708.
#[tokio::test]
async fn every_container_of_a_build_has_the_same_network() {
    for (_, calls) in builds().await {
        for body in created(&calls) {
            assert_eq!(body["HostConfig"]["NetworkMode"], "ci");
        }
    }
}

/// CVE-2016-3738 and CVE-2016-2160: the places of a container's config in which files, devices and rights of
/// the machine can be.
#[tokio::test]
async fn no_container_of_a_build_gets_anything_of_the_machine() {
    let of_host = [
        "Binds",
        "CgroupParent",
        "ContainerIDFile",
        "DeviceCgroupRules",
        "DeviceRequests",
        "Devices",
        "IpcMode",
        "Mounts",
        "PidMode",
        "Privileged",
        "Runtime",
        "Sysctls",
        "UsernsMode",
        "UTSMode",
        "VolumeDriver",
        "VolumesFrom",
    ];
    for (_, calls) in builds().await {
        for body in created(&calls) {
            assert!(body["Volumes"].is_null(), "{body}");
            let host = &body["HostConfig"];
            for name in of_host {
                assert!(host[name].is_null(), "{name} in {body}");
            }
            assert_eq!(
                host["SecurityOpt"],
                serde_json::json!(["no-new-privileges"])
            );
        }
    }
}

#[tokio::test]
async fn volumes_are_mounted_in_the_containers_of_the_builder_alone() {
    let volumes = ["/cache:/root/.m2:z", "named:/data:ro"];
    for (_, calls) in builds_with(&volumes).await {
        let (runtime, builder): (Vec<_>, Vec<_>) = created(&calls)
            .into_iter()
            .partition(|body| body["Image"] == SLIM);
        assert_eq!((runtime.len(), builder.len()), (1, 2));
        assert!(runtime[0]["HostConfig"]["Binds"].is_null(), "{runtime:?}");
        for body in builder {
            let expected = serde_json::json!(["/cache:/root/.m2:rw,z", "named:/data:ro"]);
            assert_eq!(body["HostConfig"]["Binds"], expected);
        }
        for commit in calls.iter().filter(|call| call.path == "/commit") {
            let text = format!("{} {}", commit.query, String::from_utf8_lossy(&commit.body));
            assert!(!text.contains("VOLUME") && !text.contains(".m2"), "{text}");
        }
    }
}

/// What a container's config has is shown to all who may ask the engine, and so has no variable.
#[tokio::test]
async fn no_credential_is_in_a_container() {
    let password = "pass:word";
    let hidden = [
        password.to_owned(),
        STANDARD.encode(format!("me:{password}")),
        SECRET.to_owned(),
        STANDARD.encode(SECRET),
    ];
    for (scene, calls) in builds().await {
        for body in created(&calls) {
            assert!(body["Env"].is_null(), "{body}");
        }
        for call in &calls {
            let body = String::from_utf8_lossy(&call.body);
            let text = format!("{} {body}", call.query);
            assert!(!hidden.iter().any(|hidden| text.contains(hidden)), "{text}");
            let has_login = call.headers.contains_key("x-registry-auth");
            let is_pull = call.query.contains("registry.test%2Fgo&");
            assert_eq!(has_login, is_pull, "{} {}", call.path, call.query);
        }
        let requests = format!("{:?}", scene.daemon.model().requests);
        assert!(!requests.contains(password), "{requests}");
    }
}

/// CVE-2024-24557: there is one way to build, and it is not the engine's.
#[tokio::test]
async fn no_call_lets_the_engine_build() {
    for (_, calls) in builds().await {
        let of_builder = ["/build", "/session", "/grpc", "/exec"];
        for call in &calls {
            let is_one = of_builder.iter().any(|part| call.path.contains(part));
            assert!(!is_one, "{} {}", call.method, call.path);
        }
    }
}

/// CVE-2026-41567: a daemon unpacks a compressed archive with a program of the image.
#[tokio::test]
async fn no_body_of_a_call_is_compressed() {
    let compressed: [&[u8]; 5] = [
        b"\x1f\x8b",
        b"\xfd7zXZ",
        b"\x28\xb5\x2f\xfd",
        b"BZh",
        b"\x1f\x9d",
    ];
    for (_, calls) in builds().await {
        let archives = calls.iter().filter(|call| call.path.ends_with("/archive"));
        let archives: Vec<_> = archives.collect();
        assert_eq!(archives.len(), 3);
        for call in archives {
            assert_eq!(call.method, "PUT");
            assert_eq!(&call.body[257..262], b"ustar");
        }
        for call in &calls {
            let is_compressed = compressed.iter().any(|magic| call.body.starts_with(magic));
            assert!(!is_compressed, "{} {}", call.method, call.path);
            assert!(!call.headers.contains_key("content-encoding"));
        }
    }
}
