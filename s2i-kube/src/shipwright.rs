//! Objects of Shipwright: a strategy for all builds, a build, and a run with a local source.

use s2i_core::{EnvVar, ImageRef};
use serde_json::{Value, json};

use crate::{
    Name, Reference, labels,
    openshift::Git,
    pod::{self, Step, VOLUME},
};

/// The version of the API.
const API: &str = "shipwright.io/v1beta1";

/// A strategy that builds in the container of a builder image and pushes by itself.
///
/// It does not use the output directory, which would make Shipwright download the base image. Shipwright puts the login
/// of a build into every step, so here user code can read it: give it the right to push this one image alone.
#[derive(Clone, Debug)]
pub struct Strategy {
    /// The name of the strategy.
    pub name: Name,
    /// The namespace of a `BuildStrategy`; `None` for a `ClusterBuildStrategy`.
    pub namespace: Option<Reference>,
    /// The image of s2i.
    pub agent_image: ImageRef,
    /// The user ID of all steps, which is that of the builder images; `None` for the ones that `OpenShift` assigns.
    pub uid: Option<u32>,
}

/// A build with a [`Strategy`].
#[derive(Clone, Debug)]
pub struct Build {
    /// The name of the build.
    pub name: Name,
    /// The namespace; `None` leaves the choice to the client that applies the objects.
    pub namespace: Option<Reference>,
    /// The strategy.
    pub strategy: Strategy,
    /// The source; `None` if each run has a local one.
    pub source: Option<Git>,
    /// The builder image.
    pub builder: ImageRef,
    /// The image that receives the artifacts.
    pub runtime: Option<ImageRef>,
    /// Variables of the scripts and of the image.
    pub env: Vec<EnvVar>,
    /// True if a build gets the artifacts of the last image.
    pub incremental: bool,
    /// The name of the image.
    pub output: ImageRef,
    /// A Secret with the login for its registry.
    pub push_secret: Option<Reference>,
}

impl Strategy {
    /// A strategy for the cluster, for builders with the user 1001, as most have.
    #[must_use]
    pub fn new(name: Name, agent_image: ImageRef) -> Self {
        Self {
            name,
            namespace: None,
            agent_image,
            uid: Some(1001),
        }
    }

    fn kind(&self) -> &'static str {
        match self.namespace {
            Some(_) => "BuildStrategy",
            None => "ClusterBuildStrategy",
        }
    }

    /// Returns the strategy.
    #[must_use]
    pub fn object(&self) -> Value {
        let mut spec = json!({
            "parameters": [
                param("builder-image", "The builder image, in whose container assemble runs"),
                optional("runtime-image", "The image that receives the artifacts and becomes the base of the result", ""),
                optional("runtime-artifacts", "The artifacts for it; empty for those of its label", ""),
                optional("incremental", "true starts with the artifacts of the previous image", "false"),
                {
                    "name": "env",
                    "description": "The variables of the build, each as NAME=VALUE",
                    "type": "array",
                    "defaults": [],
                },
                optional("agent-image", "The image of s2i", &self.agent_image.normalised()),
            ],
            "steps": [
                prepare(),
                pod::assemble("$(params.builder-image)"),
                push(),
            ],
            "volumes": [{"name": VOLUME, "emptyDir": {}, "overridable": false}],
        });
        if let Some(uid) = self.uid {
            spec["securityContext"] = json!({"runAsUser": uid, "runAsGroup": 0});
        }
        let metadata = metadata(&self.name, self.namespace.as_ref());
        json!({"apiVersion": API, "kind": self.kind(), "metadata": metadata, "spec": spec})
    }
}

impl Build {
    /// Returns the build.
    #[must_use]
    pub fn object(&self) -> Value {
        let mut params = vec![json!({"name": "builder-image", "value": self.builder.normalised()})];
        if let Some(runtime) = &self.runtime {
            params.push(json!({"name": "runtime-image", "value": runtime.normalised()}));
        }
        if self.incremental {
            params.push(json!({"name": "incremental", "value": "true"}));
        }
        if !self.env.is_empty() {
            let values = self
                .env
                .iter()
                .map(|variable| json!({"value": variable.to_entry()}));
            params.push(json!({"name": "env", "values": values.collect::<Vec<_>>()}));
        }
        // Without a time: Shipwright would set it in a copy of the image, with another digest, and s2i has set it already.
        let mut output = json!({"image": self.output.normalised()});
        if let Some(secret) = &self.push_secret {
            output["pushSecret"] = json!(secret);
        }
        let mut spec = json!({
            "strategy": {"name": self.strategy.name, "kind": self.strategy.kind()},
            "paramValues": params,
            "output": output,
            "retention": {"failedLimit": 5, "succeededLimit": 5},
        });
        if let Some(git) = &self.source {
            spec["source"] = source(git);
        }
        let metadata = metadata(&self.name, self.namespace.as_ref());
        json!({"apiVersion": API, "kind": "Build", "metadata": metadata, "spec": spec})
    }

    /// Returns a run of the build: with its own source, or with one that a client uploads within this number of minutes.
    #[must_use]
    pub fn run(&self, upload_minutes: u16) -> Value {
        let mut spec = json!({"build": {"name": self.name}});
        if self.source.is_none() {
            let local = json!({"name": "local-source", "timeout": format!("{upload_minutes}m")});
            spec["source"] = json!({"type": "Local", "local": local});
        }
        let mut metadata = metadata(&self.name, self.namespace.as_ref());
        metadata["generateName"] = json!(format!("{}-", self.name));
        if let Some(metadata) = metadata.as_object_mut() {
            metadata.remove("name");
        }
        json!({"apiVersion": API, "kind": "BuildRun", "metadata": metadata, "spec": spec})
    }
}

fn metadata(name: &Name, namespace: Option<&Reference>) -> Value {
    let mut metadata = json!({"name": name, "labels": labels::of_build(name)});
    if let Some(namespace) = namespace {
        metadata["namespace"] = json!(namespace);
    }
    metadata
}

fn source(git: &Git) -> Value {
    let mut repository = json!({"url": git.uri});
    if let Some(reference) = &git.reference {
        repository["revision"] = json!(reference);
    }
    if let Some(secret) = &git.secret {
        repository["cloneSecret"] = json!(secret);
    }
    let mut source = json!({"type": "Git", "git": repository});
    if let Some(directory) = &git.context_dir {
        source["contextDir"] = json!(directory);
    }
    source
}

fn param(name: &str, description: &str) -> Value {
    json!({"name": name, "type": "string", "description": description})
}

fn optional(name: &str, description: &str, default: &str) -> Value {
    let mut param = param(name, description);
    param["default"] = json!(default);
    param
}

fn prepare() -> Value {
    let param = |variable: &'static str, name: &str| (variable, format!("$(params.{name})"));
    Step {
        name: "prepare",
        image: "$(params.agent-image)".into(),
        env: vec![
            param("SOURCE", "shp-source-context"),
            param("BUILDER_IMAGE", "builder-image"),
            param("IMAGE", "shp-output-image"),
            param("RUNTIME_IMAGE", "runtime-image"),
            param("RUNTIME_ARTIFACTS", "runtime-artifacts"),
            param("INCREMENTAL", "incremental"),
            param("INSECURE", "shp-output-insecure"),
        ],
        args: vec!["$(params.env[*])".into()],
    }
    .prepare()
}

fn push() -> Value {
    Step {
        name: "push",
        image: "$(params.agent-image)".into(),
        env: vec![
            ("IMAGE", "$(params.shp-output-image)".into()),
            ("DIGEST_FILE", "$(results.shp-image-digest.path)".into()),
        ],
        args: Vec::new(),
    }
    .push()
}
