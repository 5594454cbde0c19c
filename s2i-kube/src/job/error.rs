//! The reasons for which no object can be made of a request.

use thiserror::Error;

use super::secret::MAX_SECRET_BYTES;

/// A request that no object can be made of.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum JobError {
    /// A name that objects of Kubernetes can't have.
    #[error(
        "`{name}` can't be the name of {what}: it may have up to {longest} small letters, digits and `-`, beginning and \
         ending with a letter or digit; choose another name"
    )]
    Name {
        /// The object that was to get the name.
        what: &'static str,
        /// The name.
        name: String,
        /// The most characters that it may have.
        longest: usize,
    },
    /// A key or value that labels of Kubernetes can't have.
    #[error(
        "`{0}` can't be a label: it may have up to 63 letters, digits, `-`, `_` and `.`, beginning and ending with a \
         letter or digit"
    )]
    Label(String),
    /// An amount of memory, storage or processors that is not written as Kubernetes writes them.
    #[error(
        "`{0}` is no amount: write a number with a unit of Kubernetes, for example `500m` of a processor or `2Gi` of memory"
    )]
    Amount(String),
    /// A request of more than its limit.
    #[error(
        "{request} of {resource} are requested, but {limit} is the limit: raise the limit or lower the request"
    )]
    AboveLimit {
        /// The resource.
        resource: &'static str,
        /// The amount that is requested.
        request: String,
        /// The limit.
        limit: String,
    },
    /// A builder whose scripts run as root.
    #[error(
        "the builder image runs its scripts as root, which pods of the level `restricted` must not do: use an image \
         whose user is another one, or build on this machine"
    )]
    RootUser,
    /// A builder whose user is a name, which Kubernetes can't compare with root.
    #[error(
        "the user of the builder image is the name `{0}`, and Kubernetes has to know a number before it starts the \
         image: give `USER` or the label `io.openshift.s2i.assemble-user` of the image a number"
    )]
    NamedUser(String),
    /// A reference of an image that no registry takes.
    #[error(
        "`{image}` can't be the image of {container}: it is empty or has spaces or control characters"
    )]
    Image {
        /// The container.
        container: &'static str,
        /// The reference.
        image: String,
    },
    /// Two inputs with one name.
    #[error("the secret `{0}` is given twice: give each one a name of its own")]
    DuplicateSecret(String),
    /// A number that has to be positive.
    #[error("the {0} must be at least 1")]
    Zero(&'static str),
    /// Content that is too long for a Secret.
    #[error(
        "{what} has {bytes} bytes, but a Secret may have {MAX_SECRET_BYTES}: make more than one, with fewer entries each"
    )]
    LongSecret {
        /// The content.
        what: &'static str,
        /// Its length.
        bytes: usize,
    },
    /// A key that entries of a Secret can't have.
    #[error(
        "`{0}` can't be the name of an entry of a secret: it may have up to 253 letters, digits, `-`, `_` and `.`"
    )]
    Key(String),
    /// A schedule that is not five fields.
    #[error(
        "`{0}` is no schedule: write the five fields of cron (minute, hour, day, month, weekday) or a name as `@daily`"
    )]
    Schedule(String),
}
