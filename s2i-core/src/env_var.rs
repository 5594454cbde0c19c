//! The environment variables that the protocol reads or sets.

/// Seconds since 1970 that every file of a layer carries at most; the source's commit time is used
/// when it is absent. See <https://reproducible-builds.org/specs/source-date-epoch/>.
pub const SOURCE_DATE_EPOCH: &str = "SOURCE_DATE_EPOCH";

/// The variable that is `true` while `assemble` runs in a build whose artifacts the next incremental build will reuse.
pub const S2I_INCREMENTAL: &str = "S2I_INCREMENTAL";

/// Directories of certificates that Go's and OpenSSL's programs trust.
pub const SSL_CERT_DIR: &str = "SSL_CERT_DIR";

/// A file of certificates that Node.js trusts beside its own.
pub const NODE_EXTRA_CA_CERTS: &str = "NODE_EXTRA_CA_CERTS";

/// The location of the scripts in old builder images; superseded by the label
/// [`SCRIPTS_URL`](crate::label::SCRIPTS_URL).
pub const STI_SCRIPTS_URL: &str = "STI_SCRIPTS_URL";

/// The destination of old builder images; superseded by the label
/// [`DESTINATION`](crate::label::DESTINATION).
pub const STI_LOCATION: &str = "STI_LOCATION";
