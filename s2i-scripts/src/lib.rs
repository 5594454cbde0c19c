//! The five scripts of the builder and runtime images, as one static multicall binary.
//!
//! Every image links `assemble`, `run`, `save-artifacts`, `usage` and `assemble-runtime` to the same
//! file, and [`dispatch()`] looks at the name that it was started by; `s2i-scripts assemble …` does the
//! same without a link. The binary needs no shell, no `tar`, no libc and no entry in `/etc/passwd`,
//! so it works in images that have nothing but a toolchain, and as any user of group 0.
//!
//! # Folders
//!
//! | folder | content |
//! |---|---|
//! | `scripts` | the five scripts, the choice between them, and what `run` starts |
//! | `detect` | the recipe for a source |
//! | `go`, `node`, `binary` | the recipes: from a source and the tools of the image to a plan |
//! | `assembly` | what recipes share: plans and their execution, caches, trees |
//! | `launch` | starting an application: programs, Procfiles, command lines without a shell, the first process |
//! | `site` | serving static sites |
//! | `host` | the process: arguments, environment, streams, other programs, secrets |
//! | `pins` | versions of tools in files of version managers |
//! | `symptoms` | advice by the messages of tools that failed |
//! | `globs` | patterns for names |
//! | `directories` | the directories of a run |
//! | `variables`, [`exit`] | the interface: environment variables and exit codes |
//!
//! # How `assemble` works
//!
//! 1. `detect` looks at the source and names the recipe that builds it.
//! 2. The recipe gathers *facts* from the toolchain and the source (`go::facts`, `node::facts`,
//!    `binary::facts`). It reads and runs queries, and decides nothing.
//! 3. The recipe makes a plan of facts and request (`go::plan`, `node::plan`, `binary::plan`). It decides
//!    everything and has no side effects, so a table of texts tests it, and `assemble --plan` prints it as JSON.
//! 4. `assembly::execute` performs the plan's steps one after the other. It has no choices left.
//! 5. `scripts/start` looks at the result as `run` does, so a build of an image that cannot start fails.
//!
//! A language is added as a module beside `go` and a variant of `detect::Recipe`; steps, execution,
//! caches and messages are shared.
//!
//! # Rules that hold everywhere
//!
//! - Process state (arguments, environment, standard streams) enters through [`Host`] and nowhere else.
//! - The standard output of `save-artifacts` is an archive and nothing but an archive.
//! - Every line, of the scripts and of the commands that they run, passes `host::Console`, which takes
//!   secrets out of it. The application that `run` starts writes for itself.
//! - No file has a secret in it, not even one that is removed again: it has the name of the variable.
//! - Whatever a build needs only while it runs lies in one scratch directory, which is gone afterwards,
//!   whether or not the build worked.
//! - An error states what failed and on what, `cause` the reason, `try` what to do. Each has one
//!   of the exit codes of [`exit`].
//! - Every environment variable is described in `variables`, from which `usage` is made.
//!
//! ```
//! use s2i_scripts::{Host, dispatch, exit};
//!
//! let (mut out, mut err) = (Vec::new(), Vec::new());
//! let arguments = ["/usr/libexec/s2i/usage"];
//! let environment = [("PATH", "/usr/local/go/bin")];
//! let mut host = Host::new(arguments, environment, &mut out, &mut err);
//!
//! assert_eq!(dispatch(&mut host), exit::OK);
//! assert!(String::from_utf8(out)?.contains("Sample invocation"));
//! # Ok::<(), std::string::FromUtf8Error>(())
//! ```

mod assembly;
mod binary;
mod detect;
mod directories;
mod error;
pub mod exit;
mod explain;
mod globs;
mod go;
mod host;
mod launch;
mod node;
mod pins;
mod scripts;
mod site;
mod symptoms;
mod variables;

use self::{assembly::Plan, directories::Directories, error::Error};
pub use self::{host::Host, node::range, scripts::dispatch};

/// The example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
