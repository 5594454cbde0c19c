//! The request for packing programs.

use crate::{Error, Host, variables};

/// The request of the user, from the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Request {
    /// The files of [`variables::BINARY`].
    pub(crate) names: Vec<String>,
    /// [`variables::BINARY_SHA256`], in lower case.
    pub(crate) digest: Option<String>,
    /// The time of the files that are made, in seconds since 1970.
    pub(crate) epoch: u64,
}

impl Request {
    /// Reads the host's environment.
    pub(crate) fn read(host: &Host<'_>) -> Result<Self, Error> {
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
                "it is not a SHA-256 digest of 64 hexadecimal digits",
            ));
        }
        Ok(Self {
            names: names.map(str::to_owned).collect(),
            digest,
            epoch: host.epoch()?,
        })
    }
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
