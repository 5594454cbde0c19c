//! The Job of a build, and the objects that it needs.
//!
//! A build is one Job with one pod. The builder image is a container of that pod, so nothing builds containers in
//! containers, and the pod keeps to the Pod Security level `restricted`:
//!
//! ```text
//!  prepare            our image    receives or clones the source, looks images up, plans
//!  assemble           the builder  the user's scripts; what they changed is a layer
//!  assemble-runtime   the runtime  only if that image has such a script and the build needs it
//!  push               our image    puts the result together in the registry
//! ```
//!
//! The steps share a volume and nothing else. Registry logins are in `prepare` and `push`, where no code of a user
//! runs, and the pod has no token of a service account.
//!
//! ```
//! use s2i_kube::job::{BuildJob, PodUser, Source};
//!
//! let mut build = BuildJob::new("shop", Source::Upload, "registry.example.org/builder:1", PodUser::Id(1001));
//! build.args = vec![".".into(), "registry.example.org/builder:1".into(), "registry.example.org/shop:1".into()];
//! build.secrets.push = Some("registry-login".into());
//! let job = build.object()?;
//! assert_eq!(job.metadata.generate_name.as_deref(), Some("shop-"));
//! # Ok::<(), s2i_kube::job::JobError>(())
//! ```

mod claim;
mod containers;
mod cronjob;
mod error;
mod metadata;
mod names;
mod placement;
mod pod;
mod policy;
mod quantity;
mod rbac;
mod request;
mod resources;
mod secret;
mod step;
mod user;
mod volumes;

pub use crate::pod::AGENT_IMAGE;
pub use claim::CacheClaim;
#[cfg(feature = "client")]
pub(crate) use containers::literal;
pub use cronjob::RebuildJob;
pub use error::JobError;
pub use metadata::{
    BUILDER_ANNOTATION, COMPONENT_LABEL, COMPONENT_VALUE, MANAGED_BY_LABEL, MANAGED_BY_VALUE,
    NAME_LABEL, OUTPUT_ANNOTATION, REVISION_ANNOTATION, SOURCE_ANNOTATION, selector,
};
#[cfg(feature = "client")]
pub(crate) use names::check_namespace;
pub use names::name_from_image;
pub use placement::Placement;
pub use policy::{SCRIPT_FAILED, UNUSABLE_INPUT};
pub use quantity::Quantity;
pub use rbac::{Access, CLIENT_RULES, KUBESPHERE_RULES, Permission, REBUILD_RULES, Subject};
pub use request::{BuildJob, Facts, Name, Source};
pub use resources::{Amounts, Resources};
pub use secret::{
    BuildSecrets, GitKey, GitPassword, MAX_SECRET_BYTES, REGISTRY_SECRET_KEY, REGISTRY_SECRET_TYPE,
    RegistryLogins, Secrets,
};
pub use step::Step;
pub use user::PodUser;

/// The image of the same steps with Git, for a source that is cloned in the pod.
pub const AGENT_GIT_IMAGE: &str = "s2i/s2i:git";

/// The image with the client of this crate, for what runs `s2i cluster` in a cluster.
pub const AGENT_KUBE_IMAGE: &str = "s2i/s2i:kube";
