//! Scenarios of the Go tool's own tests that need no engine. The table is in `tests/live/upstream`.

mod configuration;
mod dockerfile;
mod flags;
mod tls;

use crate::scene::{Done, Scene};

/// The exit code of a command that was understood, and found no engine.
const NO_ENGINE: u8 = 20;

/// Makes a repository of a directory, with one commit.
fn commit(scene: &Scene, dir: &str) {
    scene.git(dir, &["init", "--quiet", "--initial-branch=main"]);
    scene.git(dir, &["add", "--all"]);
    let identity = [
        "-c",
        "user.name=Ada Lovelace",
        "-c",
        "user.email=ada@example.org",
    ];
    let commit = ["commit", "--quiet", "--message", "First state"];
    scene.git(dir, &[&identity[..], &commit].concat());
}

/// Fails unless the command failed with a code of its own.
#[track_caller]
fn check_failed(done: &Done) {
    assert!(matches!(done.code, Some(1..=99)), "{done:?}");
}
