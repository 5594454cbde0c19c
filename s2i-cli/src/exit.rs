//! Exit codes. They are part of the interface: scripts distinguish failures by them.
//!
//! Numbers that the Go `s2i` documents keep their meaning if it still exists. Only success is 0.

use std::process::ExitCode;

/// An exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code(pub(crate) u8);

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code.0)
    }
}

/// An internal error.
pub(crate) const INTERNAL: Code = Code(1);
/// The command line is wrong: an unknown flag, a bad image name, a bad pull policy.
pub(crate) const USAGE: Code = Code(2);
/// A script of an image, such as `assemble`, exited with a status other than 0.
pub(crate) const SCRIPT_FAILED: Code = Code(4);
/// The finished container could not be committed as an image.
pub(crate) const COMMIT: Code = Code(6);
/// The source could not be fetched.
pub(crate) const FETCH: Code = Code(8);
/// A required script was not found.
pub(crate) const NO_SCRIPT: Code = Code(11);
/// The source or its subdirectory does not exist.
pub(crate) const NO_SOURCE: Code = Code(14);
/// A script would run as a user that is not allowed.
pub(crate) const USER_NOT_ALLOWED: Code = Code(15);
/// The Git repository has no commit.
pub(crate) const EMPTY_REPOSITORY: Code = Code(16);
/// A script exists but is not executable.
pub(crate) const NOT_EXECUTABLE: Code = Code(17);
/// The request can't succeed: an invalid artifact, a tag that is an input, labels that are too long.
pub(crate) const PLAN: Code = Code(18);
/// The image has no such user.
pub(crate) const NO_USER: Code = Code(19);
/// No container engine responds.
pub(crate) const NO_ENGINE: Code = Code(20);
/// An image is missing and can't or must not be pulled.
pub(crate) const NO_IMAGE: Code = Code(21);
/// The engine rejected a request, or a request failed.
pub(crate) const ENGINE: Code = Code(22);
/// The container ended unexpectedly, or the connection to it was lost.
pub(crate) const LOST: Code = Code(23);
/// An input of a container could not be read, or the container rejected it.
pub(crate) const INPUT: Code = Code(24);
/// A login was rejected, or can't be checked or stored.
pub(crate) const LOGIN: Code = Code(25);
/// A cluster refuses a request, does not answer, or lacks something for builds.
pub(crate) const CLUSTER: Code = Code(30);
/// A cluster accepts the build and refuses its pod: Pod Security, a quota, another rule.
pub(crate) const REFUSED: Code = Code(31);
/// No node of a cluster runs the build, or another build uses its cache.
pub(crate) const UNSCHEDULABLE: Code = Code(32);
/// A step of a build in a cluster needed more memory than its limit.
pub(crate) const OUT_OF_MEMORY: Code = Code(33);
/// A cluster has ended the pod of a build.
pub(crate) const EVICTED: Code = Code(34);
/// A build in a cluster took longer than its deadline.
pub(crate) const DEADLINE: Code = Code(35);
/// A registry is overloaded or too slow: a later try may succeed.
pub(crate) const TEMPORARY: Code = Code(75);
/// The terminal was closed (SIGHUP).
pub(crate) const HUNG_UP: Code = Code(129);
/// Ctrl-C (SIGINT).
pub(crate) const INTERRUPTED: Code = Code(130);
/// `kill` (SIGTERM).
pub(crate) const TERMINATED: Code = Code(143);

/// Every code with its meaning, for `s2i exit-codes`.
pub(crate) const TABLE: [(Code, &str); 28] = [
    (INTERNAL, "an internal error"),
    (USAGE, "the command line is wrong"),
    (
        SCRIPT_FAILED,
        "a script failed: assemble or another one, or a trigger",
    ),
    (
        COMMIT,
        "the finished container could not be committed as an image",
    ),
    (FETCH, "the source could not be fetched"),
    (NO_SCRIPT, "a required script is missing"),
    (NO_SOURCE, "the source does not exist"),
    (
        USER_NOT_ALLOWED,
        "a script would run as a user that is not allowed",
    ),
    (EMPTY_REPOSITORY, "the Git repository has no commit"),
    (NOT_EXECUTABLE, "a script can't be executed"),
    (PLAN, "the request can't succeed, and nothing was started"),
    (NO_USER, "the image has no such user"),
    (NO_ENGINE, "no container engine responds"),
    (NO_IMAGE, "an image is missing"),
    (ENGINE, "the container engine failed"),
    (LOST, "the container ended unexpectedly"),
    (
        INPUT,
        "an input of a container can't be read or was rejected",
    ),
    (LOGIN, "a login was rejected, or can't be checked or stored"),
    (
        CLUSTER,
        "a cluster refuses a request, does not answer, or lacks something for builds",
    ),
    (REFUSED, "a cluster refuses the pod of a build"),
    (
        UNSCHEDULABLE,
        "no node of a cluster runs the build, or its cache is in use",
    ),
    (
        OUT_OF_MEMORY,
        "a step in a cluster needed more memory than its limit",
    ),
    (EVICTED, "a cluster ended the pod of a build"),
    (
        DEADLINE,
        "a build in a cluster took longer than its deadline",
    ),
    (
        TEMPORARY,
        "a registry is overloaded or too slow; a later try may succeed",
    ),
    (HUNG_UP, "stopped by SIGHUP"),
    (INTERRUPTED, "stopped by Ctrl-C"),
    (TERMINATED, "stopped by SIGTERM"),
];

/// Returns whether this is the code of a failure.
#[cfg(feature = "kube")]
pub(crate) fn is_known(code: u8) -> bool {
    TABLE.iter().any(|(known, _)| known.0 == code)
}
