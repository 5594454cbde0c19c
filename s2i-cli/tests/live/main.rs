//! Builds by the real `s2i` on a real engine.
//!
//! | tests | of what |
//! |---|---|
//! | [`builds`] | plain builds: what gets into the image, what its config says |
//! | [`scripts`] | who scripts run as, what they see, how their output arrives |
//! | [`sources`] | directories, repositories, servers on loopback, what is left out |
//! | [`runtime`] | split builds with a runtime image |
//! | [`determinism`] | exactly what a layer holds, and that it is always the same |
//! | [`failures`] | messages, exit codes, nothing left |
//! | [`signals`] | stopping `s2i` at any time |
//! | [`security`] | sources, scripts and images that mean harm |
//! | [`go`] | real applications with `s2i/go` and `s2i/go-runtime` |
//! | [`big`] | a large source: memory and size |
//!
//! They stand on [`harness`] (a test's surroundings), [`process`] (`s2i` as a process), [`engine`] (what
//! is in the engine), [`images`] (builders made for tests), [`containers`] (running what was built) and
//! [`repository`] (Git).
//!
//! `S2I_TEST_ENGINE` names the engine, as `unix:///path`, and `DOCKER_HOST` the same one;
//! `S2I_TEST_NETWORK` says that its containers have a network, `S2I_TEST_BIG` that there is time for a
//! large source. `cargo xtask test` sets them and makes what is needed. Without an engine these tests
//! are skipped, or fail if `S2I_TEST_REQUIRE_LIVE` is set.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod big;
mod builds;
mod containers;
mod determinism;
mod engine;
mod failures;
mod go;
mod harness;
mod images;
mod process;
mod repository;
mod runtime;
mod scripts;
mod security;
mod signals;
mod sources;
