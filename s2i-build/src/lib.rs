//! Source-to-image builds: the request, the facts, the plan and its execution.
//!
//! ```text
//! BuildRequest ─► gather ─► Facts ─► plan ─► BuildPlan ─► execute ─► Outcome
//!                   │                 pure                   │
//!                   └────────────── ports ─────────────────┘
//! ```
//!
//! [`gather`] uses two of the [ports], [`ImageResolver`](ports::ImageResolver) and
//! [`SourceReader`](ports::SourceReader), and makes no decisions; [`plan`](plan::plan) makes every decision and has no
//! side effects; [`execute`](execute::execute) executes the plan on a [`Runner`](ports::Runner) and has no choice.
//! Where the request leaves the builder open, [`choose`](plan::choose) selects it in between: it needs the source and
//! not the builder. A build reports its progress as [events](event::Event) to the caller, who owns the terminal.
//!
//! The crate is asynchronous and independent of a runtime: it awaits the engine, runs blocking work on its own threads,
//! and has no type of a runtime in its interface.
//!
//! [`build`](build()) is the entrance. An engine is in a crate of its own, `s2i-docker` or `s2i-native`.
//!
//! ```
//! use s2i_build::{
//!     CancelToken, Engine, Outcome, build, event::Event, request::BuildRequest, source::LocalAndGit,
//! };
//!
//! /// Builds `./my-app` and prints warnings.
//! async fn build_app(engine: &impl Engine) -> Result<Outcome, Box<dyn std::error::Error>> {
//!     let request =
//!         BuildRequest::new("./my-app".parse()?, "s2i/go".parse()?).with_tag("my-app".parse()?);
//!     let source = LocalAndGit::from_env()?;
//!     let events = |event| {
//!         if let Event::Warning(warning) = event {
//!             eprintln!("{warning}");
//!         }
//!     };
//!     Ok(build(engine, &source, &request, &events, &CancelToken::default()).await?)
//! }
//! ```

pub mod agent_container;
pub mod agents;
mod archive_reader;
mod artifact_cache;
pub mod build;
pub mod cancel;
pub mod container_options;
pub mod context;
pub mod credentials;
pub mod detect;
pub mod error;
pub mod event;
pub mod execute;
pub mod facts;
pub mod gather;
pub mod injection;
pub mod inspect;
pub mod limits;
pub mod notice;
pub mod plan;
pub mod ports;
pub mod request;
pub mod resource;
pub mod scripts;
pub mod session;
pub mod source;
pub mod stream;
pub mod trace;
pub mod transfer;
pub mod usage;

pub use agents::Agents;
pub use build::{
    Outcome, PreparedBuild, build, build_artifacts, build_prepared, build_runtime, prepare,
};
pub use cancel::{CancelToken, Interrupt};
pub use context::BuildContext;
pub use credentials::CredentialProvider;
pub use error::{BuildError, BuildFailure};
pub use notice::Notice;
pub use ports::{Container, Engine, EngineError};
pub use resource::Resource;
pub use source::SourceError;
pub use usage::usage;

/// The example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
