//! A client that runs builds in a cluster: the feature `client`.
//!
//! [`Cluster::connect`] finds the cluster as `kubectl` does. [`Cluster::submit`] creates the [Job](crate::job), and
//! [`run()`] sends the source, follows the build and returns its [`Outcome`]:
//!
//! ```no_run
//! use s2i_build::CancelToken;
//! use s2i_kube::{
//!     client::{Cluster, Run, State, Target, run},
//!     job::{BuildJob, PodUser, Source},
//! };
//!
//! # async fn example(archive: fn() -> s2i_kube::client::ByteStream) -> Result<(), Box<dyn std::error::Error>> {
//! let cluster = Cluster::connect(&Target::default()).await?;
//! let build = BuildJob::new("shop", Source::Upload, "registry.example.org/builder:1", PodUser::Id(1001));
//! let submitted = cluster.submit(&build.object()?).await?;
//! let mut options = Run::default();
//! options.source = Some(Box::new(archive));
//! let cancel = CancelToken::default();
//! let mut show = |state| {
//!     if let State::Log { step, line, .. } = state {
//!         println!("{step}: {line}");
//!     }
//! };
//! let outcome = run(&submitted.build, options, &cancel, &mut show).await?;
//! println!("{:?}", outcome.digest);
//! # Ok(()) }
//! ```
//!
//! A build runs without its client once it has its source. [`Cluster::build`] names one that another client has
//! started: [`run()`] with [`Run::watching`] follows it, [`Build::cancel`] ends it, and [`Cluster::retry`] starts it again.
//!
//! Nothing here waits for ever without a word: [`diagnose()`] is a function of what the cluster has written about the
//! build, and returns what it waits for, or why it can't go on. [`Cluster::check`] looks for such reasons before there
//! is a build.
//!
//! [`Cluster::check_objects`] and [`Checked::apply`] apply any objects, such as those of the other modules of this crate.
//!
//! Requests have a limit of time and answers one of length. A connection that is lost is made again, and logs go on
//! where they stopped.

mod again;
mod apply;
mod bounded;
mod builds;
mod cancel;
mod change;
mod check;
mod cluster;
mod connect;
mod diagnose;
mod error;
mod follow;
mod logs;
mod outcome;
mod own_pod;
mod run;
mod submit;
mod upload;
mod warning;
mod watch;

pub use again::needs_source;
pub use apply::{Applied, ApplyError, Change, Checked};
pub use builds::{BuildInfo, BuildStatus};
pub use check::{CheckRequest, Finding, Level};
pub use cluster::{Build, Cluster};
pub use connect::{ConnectError, Target};
pub use diagnose::{
    Failure, JobSeen, Kind, Observed, Patience, Reason, Verdict, Waiting, diagnose,
};
pub use error::{ApiError, Cause, FieldError, Operation};
pub use follow::{End, Follow, FollowError, FollowOptions, State, StepEnd};
pub use outcome::{Outcome, StepTime};
pub use own_pod::OwnPod;
pub use run::{OnInterrupt, Run, RunError, run};
pub use submit::Submitted;
pub use upload::{ByteStream, OpenSource, UploadError};
pub use warning::{Warning, WarningKind};
