//! A Task of Tekton.

use s2i_core::ImageRef;
use serde_json::{Value, json};

use crate::{
    Name, Reference, labels,
    pod::{self, Step, VOLUME},
};

/// The first version of Tekton that gives a workspace to a single step without a change of its configuration.
const VERSION: &str = "0.53.0";

/// The directory of the registry logins in the steps that get them.
const LOGINS: &str = "/workspace/dockerconfig";

/// A Task that builds an image from a workspace and pushes it.
///
/// `assemble` runs in the container of the builder image itself, so the Task needs no privilege and no daemon. Parameters,
/// workspaces and results have the names of the task `s2i` of Tekton's catalogs, and Tekton Chains signs by the results.
/// Only the steps without user code get the registry logins.
#[derive(Clone, Debug)]
pub struct Task {
    /// The name of the Task.
    pub name: Name,
    /// The namespace; `None` leaves the choice to the client that applies the objects.
    pub namespace: Option<Reference>,
    /// The image of s2i.
    pub agent_image: ImageRef,
    /// The user ID of all steps, which is that of the builder images; `None` for the ones that `OpenShift` assigns.
    pub uid: Option<u32>,
    /// The size of source and layer together, as a quantity, for example `4Gi`; `None` for no limit.
    pub size_limit: Option<String>,
}

impl Task {
    /// A Task for builders with the user 1001, as most have.
    #[must_use]
    pub fn new(name: Name, agent_image: ImageRef) -> Self {
        Self {
            name,
            namespace: None,
            agent_image,
            uid: Some(1001),
            size_limit: None,
        }
    }

    /// Returns the Task.
    #[must_use]
    pub fn object(&self) -> Value {
        let assemble = pod::assemble("$(params.BUILDER_IMAGE)");
        let steps = [prepare(), assemble, push()];
        let mut spec = json!({
            "description": "Builds an image from source in the container of a builder image, without privileges, and pushes it.",
            "params": self.params(),
            "workspaces": [
                {"name": "source", "description": "The source, as the task git-clone leaves it"},
                {
                    "name": "dockerconfig",
                    "description": "The logins of registries, as config.json or .dockerconfigjson",
                    "optional": true,
                    "readOnly": true,
                },
                {
                    "name": "cache",
                    "description": "A directory for what builds can use again",
                    "optional": true,
                },
            ],
            "results": [
                {"name": "IMAGE_DIGEST", "type": "string", "description": "The digest of the image"},
                {"name": "IMAGE_URL", "type": "string", "description": "The name of the image"},
            ],
            "steps": steps,
            "volumes": [{"name": VOLUME, "emptyDir": self.empty_dir()}],
        });
        if let Some(uid) = self.uid {
            let user = json!({"runAsUser": uid, "runAsGroup": 0});
            spec["stepTemplate"] = json!({"securityContext": user});
        }
        let mut metadata = json!({
            "name": self.name,
            "labels": labels::of_build(&self.name),
            "annotations": {
                "tekton.dev/categories": "Image Build",
                "tekton.dev/pipelines.minVersion": VERSION,
                "tekton.dev/tags": "image-build",
            },
        });
        if let Some(namespace) = &self.namespace {
            metadata["namespace"] = json!(namespace);
        }
        json!({"apiVersion": "tekton.dev/v1", "kind": "Task", "metadata": metadata, "spec": spec})
    }

    fn params(&self) -> Value {
        let mut list = text("ENV_VARS", "The variables of the build, each as NAME=VALUE");
        list["type"] = json!("array");
        list["default"] = json!([]);
        json!([
            text(
                "BUILDER_IMAGE",
                "The builder image, in whose container assemble runs"
            ),
            text("IMAGE", "The name of the image that is built"),
            optional(
                "RUNTIME_IMAGE",
                "The image that receives the artifacts and becomes the base of the result",
                ""
            ),
            optional(
                "RUNTIME_ARTIFACTS",
                "The artifacts for the runtime image; empty for those of its label",
                ""
            ),
            optional(
                "PATH_CONTEXT",
                "The directory in the source that is built",
                "."
            ),
            list,
            optional(
                "INCREMENTAL",
                "true starts with the artifacts of the previous image in its registry",
                "false"
            ),
            optional(
                "TLSVERIFY",
                "false allows a registry without a trusted certificate",
                "true"
            ),
            optional(
                "AGENT_IMAGE",
                "The image of s2i",
                &self.agent_image.normalised()
            ),
        ])
    }

    fn empty_dir(&self) -> Value {
        match &self.size_limit {
            Some(limit) => json!({"sizeLimit": limit}),
            None => json!({}),
        }
    }
}

fn prepare() -> Value {
    let param = |name: &'static str| (name, format!("$(params.{name})"));
    let source = "$(workspaces.source.path)/$(params.PATH_CONTEXT)";
    let mut step = Step {
        name: "prepare",
        image: "$(params.AGENT_IMAGE)".into(),
        env: vec![
            ("SOURCE", source.into()),
            param("BUILDER_IMAGE"),
            param("IMAGE"),
            param("RUNTIME_IMAGE"),
            param("RUNTIME_ARTIFACTS"),
            param("INCREMENTAL"),
            param("TLSVERIFY"),
            ("CACHE", "$(workspaces.cache.path)".into()),
            ("LOGINS", LOGINS.into()),
        ],
        args: vec!["$(params.ENV_VARS[*])".into()],
    }
    .prepare();
    step["workspaces"] = logins();
    step
}

fn push() -> Value {
    let mut step = Step {
        name: "push",
        image: "$(params.AGENT_IMAGE)".into(),
        env: vec![
            ("IMAGE", "$(params.IMAGE)".into()),
            ("DIGEST_FILE", "$(results.IMAGE_DIGEST.path)".into()),
            ("URL_FILE", "$(results.IMAGE_URL.path)".into()),
            ("LOGINS", LOGINS.into()),
        ],
        args: Vec::new(),
    }
    .push();
    step["workspaces"] = logins();
    step
}

/// Returns the workspace that a step gets and those that don't name it lack.
fn logins() -> Value {
    json!([{"name": "dockerconfig", "mountPath": LOGINS}])
}

fn text(name: &str, description: &str) -> Value {
    json!({"name": name, "type": "string", "description": description})
}

fn optional(name: &str, description: &str, default: &str) -> Value {
    let mut param = text(name, description);
    param["default"] = json!(default);
    param
}
