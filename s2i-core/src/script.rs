//! The five scripts of a builder image: their names, and the images that need them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of the five scripts that make an image a builder or a runtime image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Script {
    /// Turns the source into an application. Required in a builder.
    Assemble,
    /// Starts the application; becomes the command of the image. Required.
    Run,
    /// Writes the artifacts that the next build can reuse to its standard output, as a tar stream.
    SaveArtifacts,
    /// Prints instructions for using the image.
    Usage,
    /// Puts the artifacts into place in a runtime image.
    AssembleRuntime,
}

impl Script {
    /// All scripts, in the order in which builds run them.
    pub const ALL: [Self; 5] = [
        Self::Assemble,
        Self::Run,
        Self::SaveArtifacts,
        Self::Usage,
        Self::AssembleRuntime,
    ];

    /// The file name of the script in every place where scripts are looked up.
    #[must_use]
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Assemble => "assemble",
            Self::Run => "run",
            Self::SaveArtifacts => "save-artifacts",
            Self::Usage => "usage",
            Self::AssembleRuntime => "assemble-runtime",
        }
    }

    /// The script of this exact file name.
    #[must_use]
    pub fn from_file_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|script| script.file_name() == name)
    }

    /// The script that a multicall binary was invoked as: the last component of `arg0`.
    #[must_use]
    pub fn from_arg0(arg0: &str) -> Option<Self> {
        Self::from_file_name(arg0.rsplit('/').next().unwrap_or(arg0))
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.file_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arg0_names_the_script_by_its_last_component() {
        assert_eq!(
            Script::from_arg0("/usr/libexec/s2i/save-artifacts"),
            Some(Script::SaveArtifacts)
        );
        assert_eq!(Script::from_arg0("run"), Some(Script::Run));
        assert_eq!(Script::from_arg0("/usr/libexec/s2i/run.sh"), None);
        assert_eq!(Script::from_arg0(""), None);
    }
}
