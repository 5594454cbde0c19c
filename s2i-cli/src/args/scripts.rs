//! The options for scripts that are not in the source.

use std::str::FromStr;

use clap::Args;
use s2i_core::{ScriptsUrl, ScriptsUrlError};

/// The options for scripts.
#[derive(Debug, Args)]
pub(crate) struct ScriptArgs {
    /// Use the scripts of this directory before those of the source and the images: `https://…`, `http://…`,
    /// `file://DIR`, or `image:///DIR` for a directory of the images
    #[arg(
        short = 's',
        long,
        value_name = "URL",
        default_value = "",
        hide_default_value = true
    )]
    scripts_url: OptionalUrl,
    #[arg(long, value_name = "URL", hide = true)]
    scripts: Option<OptionalUrl>,
}

impl ScriptArgs {
    /// Returns the URL; the deprecated option wins.
    pub(crate) fn url(&self) -> Option<&ScriptsUrl> {
        let url = self.scripts.as_ref().unwrap_or(&self.scripts_url);
        url.0.as_ref()
    }

    /// Returns whether the deprecated option is in use.
    pub(crate) fn is_deprecated(&self) -> bool {
        self.scripts.is_some()
    }
}

/// A URL, or nothing for an empty text.
#[derive(Clone, Debug)]
pub(crate) struct OptionalUrl(pub(crate) Option<ScriptsUrl>);

impl FromStr for OptionalUrl {
    type Err = ScriptsUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = (!text.is_empty()).then(|| text.parse()).transpose();
        url.map(Self)
    }
}
