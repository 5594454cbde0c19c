//! The request for packing programs.

use crate::{Error, Host, variables};

/// The request of the user, from the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// [`variables::BINARY`], as a list
    pub names: Vec<String>,
    /// [`variables::BINARY_SHA256`], in lower case
    pub digest: Option<String>,
    /// The time of the files that are made.
    pub epoch: u64,
}

impl Request {
    /// Reads the host's environment.
    ///
    /// # Errors
    /// When a variable has a value that can't be used.
    pub fn read(host: &Host<'_>) -> Result<Self, Error> {
        let names = host.variable(variables::BINARY)?.unwrap_or_default();
        let names = names
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        let digest = host.variable(variables::BINARY_SHA256)?;
        let digest = digest.map(|text| text.trim().to_ascii_lowercase());
        if let Some(text) = digest.as_deref().filter(|text| !is_digest(text)) {
            return Err(Error::variable(
                variables::BINARY_SHA256,
                text,
                "it is no SHA-256 digest: 64 hexadecimal digits",
            ));
        }
        Ok(Self {
            names: names.map(str::to_owned).collect(),
            digest,
            epoch: host.epoch()?,
        })
    }
}

/// Returns whether this is a SHA-256 digest.
pub(super) fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
