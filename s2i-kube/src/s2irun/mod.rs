//! The contract between KubeSphere's operator and the program that builds for it, s2irun: so that another program can take
//! its place.
//!
//! For each run the operator creates a Job whose container gets a configuration as a file, [`CONFIG_VARIABLE`] with its
//! path, and its own name and namespace. The program ends with 0 or 1, and leaves what it has made in [annotations of its
//! own pod](BuildReport), from which the operator fills the status of the run.
//!
//! The operator writes the configuration with its own type, and s2irun reads it with another one. Some fields have names
//! that differ in case alone, which Go does not distinguish; nor does [`RunConfig::parse`].
//!
//! Read in kubesphere/s2ioperator (`pkg/apis/devops/v1alpha1/s2ibuilder_types.go`,
//! `pkg/controller/s2irun/ksbuilder_jobs.go`) and kubesphere/s2irun (`pkg/api/types.go`, `pkg/run/s2i.go`,
//! `pkg/outputresult/output.go`), of April 2025.

mod config;
mod fields;
mod login;
mod read;
mod report;

pub use config::{RunConfig, RunConfigError, RunSource};
pub use report::{
    BuildReport, RESULT_ANNOTATION, ReportedImage, ReportedSource, SOURCE_ANNOTATION,
};

/// The variable with the path of the configuration.
pub const CONFIG_VARIABLE: &str = "S2I_CONFIG_PATH";

/// The variable with the name of the own pod.
pub const POD_VARIABLE: &str = "POD_NAME";

/// The variable with the namespace of the own pod.
pub const NAMESPACE_VARIABLE: &str = "POD_NAMESPACE";

/// The variable of the operator that names the image with the program.
pub const IMAGE_VARIABLE: &str = "S2IIMAGENAME";

/// The service account that the operator creates for its Jobs in each namespace.
pub const SERVICE_ACCOUNT: &str = "s2irun";

/// The most bytes of a configuration: those of a `ConfigMap`.
pub const MAX_CONFIG_BYTES: u64 = 1 << 20;
