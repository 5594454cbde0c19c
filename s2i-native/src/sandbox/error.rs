//! Errors before the first stage of a container has started.

use std::{fmt::Display, io};

use thiserror::Error;

/// The reason why a container was not started.
#[derive(Debug, Error)]
pub enum Error {
    /// The operating system refused something.
    #[error("can't {operation} `{subject}`")]
    Os {
        /// The operation, as a verb.
        operation: &'static str,
        /// The subject of the operation.
        subject: String,
        /// The reason.
        source: io::Error,
    },
    /// There are limits, and the machine has no cgroup v2.
    #[error("limits need cgroup v2, which is not, or not alone, at `/sys/fs/cgroup`")]
    NoCgroups,
    /// There are limits, and no cgroup that this process may use can set them.
    #[error(
        "no cgroup from `{own}` upwards lets this process limit {controllers}; where systemd is, \
         `systemd-run --user --scope -p Delegate=yes` starts a program in one that does"
    )]
    NoDelegation {
        /// The cgroup of this process.
        own: String,
        /// The controllers of the limits.
        controllers: String,
    },
}

/// Adds the operation and its subject.
pub(super) fn os<E: Into<io::Error>>(
    operation: &'static str,
    subject: &(impl Display + ?Sized),
) -> impl FnOnce(E) -> Error {
    let subject = subject.to_string();
    move |source| Error::Os {
        operation,
        subject,
        source: source.into(),
    }
}
