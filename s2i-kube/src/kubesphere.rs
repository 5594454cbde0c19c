//! Objects of KubeSphere's S2I: a template for a language, a builder, and a run of it.
//!
//! Its operator gives the builds the socket of the Docker daemon of a node, and writes logins in clear text into an object
//! that more users may read than a Secret. [`WARNINGS`] has both for the users of these objects.

use s2i_core::{EnvVar, ImageRef, mapping::MappingList};
use serde_json::{Value, json};
use thiserror::Error;

pub use crate::template::{TemplateBuilder, TemplateError, template_builders};
use crate::{Name, NameError, Reference, labels, openshift::Git};

/// The version of the API.
const API: &str = "devops.kubesphere.io/v1alpha1";

/// The time in seconds for which the Job of a run stays after its end.
const KEPT: u32 = 3600;

/// The risks of builds with these objects.
pub const WARNINGS: [&str; 2] = [
    "KubeSphere's builds use the Docker socket of their node, which is root on it: name the image s2i/s2i:kube in the \
     variable S2IIMAGENAME of its operator, which needs no socket, or keep builds off nodes with other work",
    "KubeSphere's operator copies the logins of these secrets in clear text into a ConfigMap of the namespace: give them \
     rights for this image and this repository alone",
];

/// A template that users of KubeSphere pick for a language.
#[derive(Clone, Debug)]
pub struct Template {
    /// The name of the template.
    pub name: Name,
    /// The language or framework, for example `go`.
    pub framework: String,
    /// The version of the template.
    pub version: String,
    /// The description that users see.
    pub description: String,
    /// The builder images, of which the first is the default.
    pub builder: ImageRef,
    /// The image that receives the artifacts, with them.
    pub runtime: Option<(ImageRef, MappingList)>,
}

/// A builder of one application.
#[derive(Clone, Debug)]
pub struct Builder {
    /// The name of the builder.
    pub name: Name,
    /// The namespace; `None` leaves the choice to the client that applies the objects.
    pub namespace: Option<Reference>,
    /// The source.
    pub source: Git,
    /// The builder image.
    pub builder: ImageRef,
    /// The image that receives the artifacts, with them.
    pub runtime: Option<(ImageRef, MappingList)>,
    /// True if a build gets the artifacts of the last image.
    pub incremental: bool,
    /// Variables of the scripts and of the image.
    pub env: Vec<EnvVar>,
    /// The name of the image.
    pub output: ImageRef,
    /// A Secret with the login for its registry.
    pub push_secret: Option<Reference>,
}

/// An error of a builder that can't have objects.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KubeSphereError {
    /// The builds of KubeSphere can't do both.
    #[error(
        "`{0}`: an incremental build of KubeSphere can't have a runtime image: leave one of them out"
    )]
    IncrementalRuntime(Name),
    /// The run has no valid name.
    #[error("the run of the builder has no name")]
    Name(#[from] NameError),
    /// The image has a digest, which follows from the build.
    #[error("`{0}` has a digest, which follows from the build: name a tag instead")]
    Digest(ImageRef),
}

impl Template {
    /// Returns the template, which is an object of the cluster.
    #[must_use]
    pub fn object(&self) -> Value {
        let builder = self.builder.normalised();
        let mut container = json!({"builderImage": builder});
        if let Some((image, artifacts)) = &self.runtime {
            container["runtimeImage"] = json!(image.normalised());
            container["runtimeArtifacts"] = list(artifacts);
        }
        let mut labels = json!(labels::of_build(&self.name));
        // The console shows only templates with it.
        labels["builder-type.kubesphere.io/s2i"] = json!("s2i");
        json!({
            "apiVersion": API,
            "kind": "S2iBuilderTemplate",
            "metadata": {"name": self.name, "labels": labels},
            "spec": {
                "codeFramework": self.framework,
                "containerInfo": [container],
                "defaultBaseImage": builder,
                "description": self.description,
                "version": self.version,
            },
        })
    }
}

impl Builder {
    /// Returns the builder and its first run. Each other run has to have another name.
    ///
    /// # Errors
    /// [`KubeSphereError`].
    pub fn objects(&self) -> Result<Vec<Value>, KubeSphereError> {
        if self.incremental && self.runtime.is_some() {
            return Err(KubeSphereError::IncrementalRuntime(self.name.clone()));
        }
        if self.output.digest().is_some() {
            return Err(KubeSphereError::Digest(self.output.clone()));
        }
        let builder = json!({
            "apiVersion": API,
            "kind": "S2iBuilder",
            "metadata": self.metadata(),
            "spec": {"config": self.config()},
        });
        let mut metadata = self.metadata();
        metadata["name"] = json!(self.name.with_suffix("1")?);
        metadata["labels"]["devops.kubesphere.io/s2ib"] = json!(self.name);
        let run = json!({
            "apiVersion": API,
            "kind": "S2iRun",
            "metadata": metadata,
            // The operator takes a run with one failed try for failed, so there must be one.
            "spec": {"builderName": self.name, "backoffLimit": 0, "secondsAfterFinished": KEPT},
        });
        Ok(vec![builder, run])
    }

    fn metadata(&self) -> Value {
        let mut metadata = json!({"name": self.name, "labels": labels::of_build(&self.name)});
        if let Some(namespace) = &self.namespace {
            metadata["namespace"] = json!(namespace);
        }
        metadata
    }

    fn config(&self) -> Value {
        let mut config = json!({
            "displayName": self.name,
            "sourceUrl": self.source.uri,
            "builderImage": self.builder.normalised(),
            "builderPullPolicy": "if-not-present",
            "imageName": self.output.full_name(),
            "tag": self.output.tag_or_latest(),
            "export": true,
            "outputBuildResult": true,
        });
        if let Some(reference) = &self.source.reference {
            config["revisionId"] = json!(reference);
        }
        if let Some(directory) = &self.source.context_dir {
            config["contextDir"] = json!(directory);
        }
        if let Some(secret) = &self.source.secret {
            config["gitSecretRef"] = json!({"name": secret});
        }
        if let Some(secret) = &self.push_secret {
            config["pushAuthentication"] = json!({"secretRef": {"name": secret}});
        }
        if let Some((image, artifacts)) = &self.runtime {
            config["runtimeImage"] = json!(image.normalised());
            config["runtimeArtifacts"] = list(artifacts);
        }
        if self.incremental {
            config["incremental"] = json!(true);
        }
        if !self.env.is_empty() {
            // A build of the Go tool, so a `$` has no meaning.
            let env = self.env.iter();
            let env =
                env.map(|variable| json!({"name": variable.name(), "value": variable.value()}));
            config["environment"] = env.collect();
        }
        config
    }
}

fn list(artifacts: &MappingList) -> Value {
    let artifacts = artifacts.0.iter();
    artifacts
        .map(|artifact| json!({"source": artifact.source, "destination": artifact.destination}))
        .collect()
}
