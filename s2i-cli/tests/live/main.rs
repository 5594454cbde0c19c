//! Builds by the real `s2i` on a real engine.
//!
//! | tests | subject |
//! |---|---|
//! | [`builds`] | plain builds: the files and the config of the image |
//! | [`scripts`] | the users, the environment and the output of scripts |
//! | [`sources`] | directories, repositories, servers on loopback, excluded files |
//! | [`runtime`] | builds with a runtime image |
//! | [`incremental`] | builds with the artifacts of the previous build |
//! | [`determinism`] | the exact content of layers, and that it is constant |
//! | [`failures`] | messages, exit codes, cleanup |
//! | [`signals`] | stopping `s2i` at any time |
//! | [`kills`] | killing it, and several at once |
//! | [`parity`] | the embedded engine beside the one under test |
//! | [`registries`] | pushing and pulling, with logins and certificates |
//! | [`security`] | malicious sources, scripts and images |
//! | [`attacks`] | attacks that are known from other tools |
//! | [`choices`] | builds without a builder, and with one ambiguous name |
//! | [`usage`] | `s2i usage` |
//! | [`triggers`] | builders with `ONBUILD` triggers |
//! | [`users`] | the users of scripts, and which are rejected |
//! | [`create`] | the skeleton of a builder image, which passes its own test |
//! | [`secrets`] | variables that only `assemble` gets |
//! | [`injections`] | files, volumes and options that containers have and results do not |
//! | [`tls`] | TLS to a real daemon, with and without the right certificates |
//! | [`texts`] | no control sequences and no secrets in the output |
//! | [`modules`] | Go modules of a proxy that asks for a token |
//! | [`running`] | `s2i run` |
//! | [`results`] | the use of results, and `s2i rebuild` |
//! | [`bounds`] | the limits of inputs, and the memory for them |
//! | [`limits`] | memory, processors and processes of containers |
//! | [`keeping`] | `images`, `rmi`, `tag`, `load`, `export`, `prune`, `doctor`, and `build --load` |
//! | [`go`] | real applications with `s2i/go` and `s2i/go-runtime` |
//! | [`samples`] | every sample application with the images of this project |
//! | [`tools`] | the tools in builder images |
//! | [`others`] | the images of this project with other tools |
//! | [`ci`] | the action, the component, the template and the task for CI platforms, as their runners start them |
//! | [`pages`] | every command of the pages in `docs/` |
//! | [`upstream`] | the scenarios of the Go tool's own tests |
//! | [`callers`] | the command lines of other tools and of scripts, as they are |
//! | [`big`] | a large source: memory and size |
//!
//! They use [`harness`] (the environment of a test), [`process`] (`s2i` as a process), [`engine`] (the content of
//! the engine), [`images`] (builders for tests), [`kit`] (those of this project), [`containers`] (running results),
//! [`platforms`] (the jobs of CI platforms), [`report`] (times and skipped tests), [`repository`] (Git) and [`stalls`] (slow servers and archives).
//!
//! `S2I_TEST_ENGINE` names the engine: as `unix:///path`, and then `DOCKER_HOST` names the same one, or
//! as `native`. The embedded engine works over the store that `S2I_TEST_STORE` names, else over one that
//! is made for the tests, and for the user that `S2I_TEST_USER` names, else for whoever runs the tests.
//! `S2I_TEST_NETWORK` says that its containers have a network, `S2I_TEST_THOROUGH` that there is time for
//! the tests that take long. `cargo xtask test` sets them and makes what is needed. Without an engine these tests
//! are skipped, or fail if `S2I_TEST_REQUIRE_LIVE` is set. `S2I_TEST_REPORT` names a file for their times, and for what was
//! skipped.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod attacks;
mod big;
mod bounds;
mod builds;
mod callers;
mod choices;
mod ci;
mod containers;
mod create;
mod determinism;
mod engine;
mod entrypoints;
mod failures;
mod go;
mod harness;
mod here;
mod images;
mod incremental;
mod injections;
mod jobs;
mod keeping;
mod kills;
mod kit;
mod kubernetes;
mod limits;
mod modules;
mod others;
mod pages;
mod parity;
#[expect(unused_imports, reason = "tests without an engine use more")]
mod platforms;
mod pods;
mod process;
mod registries;
mod registry;
mod report;
mod repository;
mod results;
mod running;
mod runtime;
mod samples;
mod scripts;
mod secrets;
mod security;
mod signals;
mod sources;
mod ssh;
mod stalls;
mod texts;
mod tls;
mod tools;
mod triggers;
mod upstream;
mod usage;
mod users;
