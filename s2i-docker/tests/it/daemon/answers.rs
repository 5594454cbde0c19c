//! What engines answer, each in its own way.

use serde_json::{Value, json};

use super::knobs::Answers;

pub(crate) const MADE: &str =
    "sha256:1111111111111111111111111111111111111111111111111111111111111111";

pub(crate) const BUILDER: &str =
    "sha256:2222222222222222222222222222222222222222222222222222222222222222";

/// The digest of the plain archive of every image's one layer.
pub(crate) const LAYER: &str =
    "sha256:5555555555555555555555555555555555555555555555555555555555555555";

pub(crate) fn version(answers: Answers) -> Value {
    match answers {
        Answers::Old => json!({
            "Platform": {"Name": "Docker Engine - Community"},
            "Components": [{"Name": "Engine", "Version": "20.10.24", "Details": {
                "ApiVersion": "1.41", "Arch": "amd64", "BuildTime": "2023-04-04T18:21:18.000000000+00:00",
                "Experimental": "false", "MinAPIVersion": "1.12", "Os": "linux",
            }}, {"Name": "runc", "Version": "1.1.5", "Details": {"GitCommit": ""}}],
            "Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12",
            "Os": "linux", "Arch": "amd64", "KernelVersion": "6.1",
        }),
        Answers::New => json!({"Version": "29.5.1", "ApiVersion": "1.53", "MinAPIVersion": "1.44"}),
        Answers::Podman => json!({
            "Platform": {"Name": "linux/amd64/debian-12"},
            "Components": [
                {"Name": "Podman Engine", "Version": "5.4.2", "Details": {"APIVersion": "5.4.2"}},
                {"Name": "Conmon", "Version": "conmon version 2.1.12"},
                {"Name": "OCI Runtime (crun)", "Version": "crun version 1.21"},
            ],
            "Version": "5.4.2", "ApiVersion": "1.41", "MinAPIVersion": "1.24",
        }),
    }
}

pub(crate) fn image(answers: Answers, id: &str, name: &str) -> Value {
    let labels = json!({"io.openshift.s2i.scripts-url": "image:///usr/libexec/s2i"});
    match answers {
        Answers::New => json!({
            "Id": id, "RepoTags": [name], "Architecture": "amd64", "Os": "linux", "Size": 4242,
            "Config": {"Labels": labels}, "RootFS": {"Type": "layers", "Layers": [LAYER]},
        }),
        Answers::Old | Answers::Podman => json!({
            "Id": id, "RepoTags": [name], "RepoDigests": [], "Parent": "", "Comment": "",
            "Created": "0001-01-01T00:00:00Z", "Container": "", "DockerVersion": "", "Author": "",
            "Config": {
                "Hostname": "", "Domainname": "", "User": "", "AttachStdin": false,
                "AttachStdout": false, "AttachStderr": false, "Tty": false, "OpenStdin": false,
                "StdinOnce": false, "Env": null, "Cmd": null, "Image": "", "Volumes": null,
                "WorkingDir": "", "Entrypoint": null, "OnBuild": null, "Labels": labels,
            },
            "Architecture": "amd64", "Os": "linux", "Size": 4242, "VirtualSize": 4242,
            "GraphDriver": {"Data": null, "Name": "overlay2"},
            "RootFS": {"Type": "layers", "Layers": [LAYER]},
            "Metadata": {"LastTagTime": "0001-01-01T00:00:00Z"},
        }),
    }
}

pub(crate) fn created(answers: Answers) -> Value {
    let id = "3".repeat(64);
    match answers {
        Answers::Old => json!({"Id": id, "Warnings": null}),
        Answers::New | Answers::Podman => json!({"Id": id, "Warnings": []}),
    }
}

/// A container whose image has labels, one of them of two lines.
pub(crate) fn container(host_config: &Value) -> Value {
    json!({
        "Id": "3".repeat(64),
        "State": {"Status": "running"},
        "HostConfig": host_config,
        "Config": {"Labels": {"of.the.image": "two\nlines", "io.k8s.display-name": "another"}},
    })
}

/// The same list with the manifests of each image, for engines that list them: one of which all parts are
/// there, and one of which not.
pub(crate) fn list_with_manifests(answers: Answers) -> Value {
    let mut images = list(answers);
    if answers == Answers::New {
        for (image, available) in [(0, false), (1, true)] {
            let id = images[image]["Id"].clone();
            let descriptor = json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": id, "size": 42});
            images[image]["Manifests"] = json!([{
                "ID": id, "Descriptor": descriptor, "Available": available, "Kind": "image",
                "Size": {"Content": 42, "Total": 4242},
            }]);
        }
    }
    images
}

/// Three images: one of two names, one of one, one of none.
pub(crate) fn list(answers: Answers) -> Value {
    let none = match answers {
        Answers::Old => json!(["<none>:<none>"]),
        Answers::New => json!([]),
        Answers::Podman => json!(null),
    };
    let image = |id: &str, tags: Value, created: i64| {
        json!({
            "Id": id, "ParentId": "", "RepoTags": tags, "RepoDigests": null, "Created": created,
            "Size": 4242, "SharedSize": -1, "Labels": null, "Containers": -1,
        })
    };
    json!([
        image(
            MADE,
            json!(["web:1", "registry.test:5000/team/web:1"]),
            1_700_000_000
        ),
        image(BUILDER, json!(["s2i/go:latest"]), 0),
        image("sha256:4", none, -62_135_596_800),
    ])
}

pub(crate) fn pruned(answers: Answers) -> Value {
    match answers {
        Answers::Old | Answers::New => json!({
            "ImagesDeleted": [{"Untagged": "web@sha256:5"}, {"Deleted": "sha256:4"}],
            "SpaceReclaimed": 4242,
        }),
        Answers::Podman => json!({"ImagesDeleted": null, "SpaceReclaimed": 0}),
    }
}

pub(crate) fn info(answers: Answers) -> Value {
    match answers {
        Answers::Old => json!({
            "Driver": "overlay2", "DriverStatus": [["Backing Filesystem", "extfs"]],
            "MemoryLimit": true, "CpuCfsQuota": true, "PidsLimit": false, "DefaultRuntime": "runc",
            "SecurityOptions": ["name=apparmor", "name=seccomp,profile=default"],
        }),
        Answers::New => json!({
            "Driver": "overlayfs",
            "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]],
            "MemoryLimit": true, "CpuCfsQuota": true, "PidsLimit": true, "DefaultRuntime": "runc",
            "SecurityOptions": ["name=seccomp,profile=builtin"],
        }),
        Answers::Podman => json!({
            "Driver": "vfs", "DriverStatus": null, "MemoryLimit": false, "DefaultRuntime": "crun",
            "SecurityOptions": ["name=rootless", "name=seccomp,profile=default"],
        }),
    }
}

pub(crate) fn networks(answers: Answers) -> Value {
    match answers {
        Answers::Old | Answers::New => {
            json!([{"Name": "none"}, {"Name": "bridge"}, {"Name": "host"}])
        }
        Answers::Podman => json!([{"Name": "podman"}]),
    }
}
