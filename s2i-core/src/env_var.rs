//! The environment variables that the protocol reads or sets.

/// Seconds since 1970 that every file of a layer carries at most; the source's commit time is used
/// when it is absent. See <https://reproducible-builds.org/specs/source-date-epoch/>.
pub const SOURCE_DATE_EPOCH: &str = "SOURCE_DATE_EPOCH";

/// Where the scripts of old builder images are; superseded by the label
/// [`SCRIPTS_URL`](crate::label::SCRIPTS_URL).
pub const STI_SCRIPTS_URL: &str = "STI_SCRIPTS_URL";

/// The destination of old builder images; superseded by the label
/// [`DESTINATION`](crate::label::DESTINATION).
pub const STI_LOCATION: &str = "STI_LOCATION";
