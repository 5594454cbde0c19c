//! Source-to-image builds: what the user asked, what was found, what will be done, and doing it.
//!
//! ```text
//! BuildRequest ─► gather ─► Facts ─► plan ─► BuildPlan ─► execute ─► Outcome
//!                   │                 pure                   │
//!                   └────────────── ports ─────────────────┘
//! ```
//!
//! [`gather`] asks two of the [ports], [`ImageResolver`](ports::ImageResolver) and
//! [`SourceReader`](ports::SourceReader), and decides nothing; [`plan`](plan::plan) decides everything and touches
//! nothing; [`execute`](execute::execute) carries the plan out on a [`Runner`](ports::Runner) and has no choice. Where the request leaves the builder open,
//! [`choose`](plan::choose) decides on it in between, as the source must be there for that and the builder
//! must not. What happens on the way is told as [events](event::Event)
//! to whoever owns the terminal.
//!
//! The crate is asynchronous without a runtime: it awaits the engine, blocking work goes to threads
//! of its own, and no type of a runtime is in its interface.
//!
//! ```
//! use s2i_build::request::{BuildRequest, PullPolicy};
//!
//! let request = BuildRequest::new("https://example.org/app.git".parse()?, "s2i/go".parse()?);
//! assert_eq!(request.builder_pull, PullPolicy::IfNotPresent);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod agents;
pub mod build;
pub mod cancel;
pub mod context;
pub mod credentials;
pub mod detect;
pub mod error;
pub mod event;
pub mod execute;
pub mod facts;
pub mod gather;
pub mod limits;
pub mod notice;
pub mod plan;
pub mod ports;
pub mod request;
pub mod resource;
pub mod session;
pub mod source;
pub mod stream;
pub mod trace;
pub mod usage;

pub use agents::Agents;
pub use build::{Outcome, PreparedBuild, build, prepare};
pub use cancel::{CancelToken, Interrupt};
pub use context::BuildContext;
pub use credentials::CredentialProvider;
pub use error::{BuildError, BuildFailure};
pub use notice::Notice;
pub use ports::{Container, Engine, EngineError};
pub use resource::Resource;
pub use source::SourceError;
pub use usage::usage;
