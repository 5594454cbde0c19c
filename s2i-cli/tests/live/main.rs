//! Builds by the real `s2i` on a real engine.
//!
//! | tests | of what |
//! |---|---|
//! | [`builds`] | plain builds: what gets into the image, what its config says |
//! | [`scripts`] | who scripts run as, what they see, how their output arrives |
//! | [`sources`] | directories, repositories, servers on loopback, what is left out |
//! | [`runtime`] | split builds with a runtime image |
//! | [`incremental`] | builds that begin with what the build before has saved |
//! | [`determinism`] | exactly what a layer holds, and that it is always the same |
//! | [`failures`] | messages, exit codes, nothing left |
//! | [`signals`] | stopping `s2i` at any time |
//! | [`kills`] | killing it, and several at once |
//! | [`parity`] | the embedded engine beside the one under test |
//! | [`registries`] | pushing and pulling, with logins and certificates |
//! | [`security`] | sources, scripts and images that mean harm |
//! | [`attacks`] | attacks that other tools have met |
//! | [`choices`] | builds without a builder, and with one name that could be two things |
//! | [`usage`] | `s2i usage` |
//! | [`users`] | who scripts run as, and who is refused |
//! | [`create`] | the skeleton of a builder image, which passes its own test |
//! | [`secrets`] | variables that only `assemble` gets |
//! | [`texts`] | nothing that is shown steers a terminal, and no secret is in it |
//! | [`modules`] | Go modules of a proxy that asks for a token |
//! | [`running`] | `s2i run` |
//! | [`bounds`] | how much s2i takes from outside, and what memory it needs for that |
//! | [`limits`] | memory, processors and processes of containers |
//! | [`keeping`] | `images`, `rmi`, `tag`, `load`, `export`, `prune`, `doctor`, and `build --load` |
//! | [`go`] | real applications with `s2i/go` and `s2i/go-runtime` |
//! | [`samples`] | every sample application with the images of this project |
//! | [`tools`] | what build scripts find in builder images |
//! | [`others`] | the images of this project in the hands of other tools |
//! | [`pages`] | every command of the pages in `docs/` |
//! | [`big`] | a large source: memory and size |
//!
//! They stand on [`harness`] (a test's surroundings), [`process`] (`s2i` as a process), [`engine`] (what
//! is in the engine), [`images`] (builders made for tests), [`kit`] (those of this project),
//! [`containers`] (running what was built), [`report`] (times, and what was skipped), [`repository`] (Git) and [`stalls`] (servers and archives that take long).
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
mod choices;
mod containers;
mod create;
mod determinism;
mod engine;
mod failures;
mod go;
mod harness;
mod images;
mod incremental;
mod keeping;
mod kills;
mod kit;
mod limits;
mod modules;
mod others;
mod pages;
mod parity;
mod process;
mod registries;
mod registry;
mod report;
mod repository;
mod running;
mod runtime;
mod samples;
mod scripts;
mod secrets;
mod security;
mod signals;
mod sources;
mod stalls;
mod texts;
mod tools;
mod usage;
mod users;
