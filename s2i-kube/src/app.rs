//! An application that runs: a Deployment, and a Service if it has ports.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentSpec},
        core::v1::{
            Capabilities, Container, ContainerPort, EnvVar as Variable, HTTPGetAction,
            LocalObjectReference, PodSecurityContext, PodSpec, PodTemplateSpec, Probe as PodProbe,
            SeccompProfile, SecurityContext, Service, ServicePort, ServiceSpec, TCPSocketAction,
        },
    },
    apimachinery::pkg::{
        apis::meta::v1::{LabelSelector, ObjectMeta},
        util::intstr::IntOrString,
    },
};
use s2i_core::{EnvVar, ImageRef};
use serde_json::{Value, json};
use thiserror::Error;

use crate::{
    Name, Port, Protocol, Reference, document::object, labels, openshift::StreamTag,
    variable::escaped,
};

/// The annotation with the image streams that a Deployment of `OpenShift` follows.
pub const IMAGE_TRIGGERS: &str = "image.openshift.io/triggers";

/// An application that runs an image.
#[derive(Clone, Debug)]
pub struct App {
    /// The name of its objects.
    pub name: Name,
    /// The namespace; `None` leaves the choice to the client that applies the objects.
    pub namespace: Option<Reference>,
    /// The image.
    pub image: AppImage,
    /// The ports on which it listens; without any, there is no Service.
    pub ports: Vec<Port>,
    /// The number of pods.
    pub replicas: u16,
    /// Variables of the container.
    pub env: Vec<EnvVar>,
    /// The check of whether a pod may get requests; `None` for no check.
    pub readiness: Option<Probe>,
    /// The check of whether the container has to be started again; `None` for no check.
    pub liveness: Option<Probe>,
    /// The user ID of the container. It is necessary if the image names its user instead: the platform can't decide
    /// whether a name is root. `None` takes the number in the image, or the one that `OpenShift` assigns.
    pub uid: Option<u32>,
    /// A Secret with the login for the registry of the image.
    pub pull_secret: Option<Reference>,
}

/// The image of an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppImage {
    /// An image in a registry.
    Registry(ImageRef),
    /// A tag of an image stream of `OpenShift`. A new image behind it starts a rollout.
    Stream(StreamTag),
}

/// A check of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// A connection to the first port of TCP.
    Tcp,
    /// A request to this path at the first port of TCP.
    Http(String),
}

/// An error of an application that can't have objects.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AppError {
    /// A check has nothing to connect to.
    #[error(
        "the application `{0}` has a check and no port of TCP: name a port, or leave the check out"
    )]
    ProbeWithoutPort(Name),
}

impl App {
    /// An application of one pod without ports, variables and checks.
    #[must_use]
    pub fn new(name: Name, image: AppImage) -> Self {
        Self {
            name,
            namespace: None,
            image,
            ports: Vec::new(),
            replicas: 1,
            env: Vec::new(),
            readiness: None,
            liveness: None,
            uid: None,
            pull_secret: None,
        }
    }

    /// Returns the Deployment, and the Service if there are ports.
    ///
    /// The pods satisfy the `restricted` standard for pods, and get no token for the API.
    ///
    /// # Errors
    /// [`AppError`] if a check has no port.
    pub fn objects(&self) -> Result<Vec<Value>, AppError> {
        let has_probe = self.readiness.is_some() || self.liveness.is_some();
        if has_probe && self.probed_port().is_none() {
            return Err(AppError::ProbeWithoutPort(self.name.clone()));
        }
        let service = (!self.ports.is_empty()).then(|| object(&self.service()));
        let deployment = object(&self.deployment());
        Ok([deployment].into_iter().chain(service).collect())
    }

    /// Returns the port that is checked: the first one of TCP.
    fn probed_port(&self) -> Option<&Port> {
        let mut ports = self.ports.iter();
        ports.find(|port| port.protocol == Protocol::Tcp)
    }

    fn metadata(&self, annotations: Option<BTreeMap<String, String>>) -> ObjectMeta {
        ObjectMeta {
            name: Some(self.name.to_string()),
            namespace: self.namespace.as_ref().map(ToString::to_string),
            labels: Some(labels::of_application(&self.name)),
            annotations,
            ..ObjectMeta::default()
        }
    }

    fn deployment(&self) -> Deployment {
        let selector = labels::selector(&self.name);
        Deployment {
            metadata: self.metadata(self.triggers()),
            spec: Some(DeploymentSpec {
                replicas: Some(self.replicas.into()),
                selector: LabelSelector {
                    match_labels: Some(selector),
                    ..LabelSelector::default()
                },
                template: PodTemplateSpec {
                    metadata: Some(ObjectMeta {
                        labels: Some(labels::of_application(&self.name)),
                        ..ObjectMeta::default()
                    }),
                    spec: Some(self.pod()),
                },
                ..DeploymentSpec::default()
            }),
            ..Deployment::default()
        }
    }

    /// Returns the annotation by which `OpenShift` keeps the image at the newest one of the stream.
    fn triggers(&self) -> Option<BTreeMap<String, String>> {
        let AppImage::Stream(tag) = &self.image else {
            return None;
        };
        let path = format!(
            "spec.template.spec.containers[?(@.name==\"{}\")].image",
            self.name
        );
        let triggers = json!([{"from": tag.to_reference(), "fieldPath": path}]);
        Some([(IMAGE_TRIGGERS.to_owned(), triggers.to_string())].into())
    }

    fn pod(&self) -> PodSpec {
        let pull_secrets = self.pull_secret.iter().map(|secret| LocalObjectReference {
            name: secret.to_string(),
        });
        PodSpec {
            automount_service_account_token: Some(false),
            containers: vec![self.container()],
            image_pull_secrets: Some(pull_secrets.collect())
                .filter(|list: &Vec<_>| !list.is_empty()),
            security_context: Some(PodSecurityContext {
                run_as_non_root: Some(true),
                run_as_user: self.uid.map(Into::into),
                seccomp_profile: Some(SeccompProfile {
                    type_: "RuntimeDefault".into(),
                    ..SeccompProfile::default()
                }),
                ..PodSecurityContext::default()
            }),
            ..PodSpec::default()
        }
    }

    fn container(&self) -> Container {
        let image = match &self.image {
            AppImage::Registry(image) => image.normalised(),
            // The trigger replaces it when the stream has an image. Until then, the platform refuses to make pods; the
            // name of the stream would be pulled from a public registry instead.
            AppImage::Stream(_) => " ".into(),
        };
        let ports = self.ports.iter().map(|port| ContainerPort {
            container_port: i32::from(port.number.get()),
            name: Some(port.name.clone()),
            protocol: Some(port.protocol.as_str().into()),
            ..ContainerPort::default()
        });
        let env = self.env.iter().map(|variable| Variable {
            name: variable.name().into(),
            value: Some(escaped(variable.value())),
            ..Variable::default()
        });
        Container {
            name: self.name.to_string(),
            image: Some(image),
            ports: Some(ports.collect()).filter(|list: &Vec<_>| !list.is_empty()),
            env: Some(env.collect()).filter(|list: &Vec<_>| !list.is_empty()),
            readiness_probe: self.readiness.as_ref().and_then(|probe| self.probe(probe)),
            liveness_probe: self.liveness.as_ref().and_then(|probe| self.probe(probe)),
            security_context: Some(SecurityContext {
                allow_privilege_escalation: Some(false),
                capabilities: Some(Capabilities {
                    drop: Some(vec!["ALL".into()]),
                    ..Capabilities::default()
                }),
                ..SecurityContext::default()
            }),
            ..Container::default()
        }
    }

    fn probe(&self, probe: &Probe) -> Option<PodProbe> {
        let port = IntOrString::String(self.probed_port()?.name.clone());
        Some(match probe {
            Probe::Tcp => PodProbe {
                tcp_socket: Some(TCPSocketAction { host: None, port }),
                ..PodProbe::default()
            },
            Probe::Http(path) => PodProbe {
                http_get: Some(HTTPGetAction {
                    path: Some(path.clone()),
                    port,
                    ..HTTPGetAction::default()
                }),
                ..PodProbe::default()
            },
        })
    }

    fn service(&self) -> Service {
        let ports = self.ports.iter().map(|port| ServicePort {
            name: Some(port.name.clone()),
            port: i32::from(port.number.get()),
            protocol: Some(port.protocol.as_str().into()),
            target_port: Some(IntOrString::String(port.name.clone())),
            ..ServicePort::default()
        });
        Service {
            metadata: self.metadata(None),
            spec: Some(ServiceSpec {
                ports: Some(ports.collect()),
                selector: Some(labels::selector(&self.name)),
                ..ServiceSpec::default()
            }),
            ..Service::default()
        }
    }
}
