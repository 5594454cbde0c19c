//! The operations that an engine can fail.

use std::fmt;

/// Defines [`Operation`] by a table of its variants and their texts.
macro_rules! operations {
    ($($name:ident => $text:literal,)+) => {
        /// An operation of an engine. It is shown as a verb and its object, and the subject of the failure follows.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Operation {
            $(#[doc = concat!("Shown as: ", $text, " …")] $name,)+
        }

        impl fmt::Display for Operation {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$name => $text,)+
                })
            }
        }
    };
}

operations! {
    AttachToContainer => "attach to a container of",
    CleanUpContainer => "clean up a container of",
    CommitContainer => "commit the container",
    CommitImage => "commit the image",
    CommitLayer => "commit the layer of",
    CompressLayer => "compress the layer",
    CopySource => "copy the source into a container of",
    CreateContainer => "create a container of",
    CreateDirectory => "make the directory",
    Describe => "describe",
    DescribeWork => "describe the work to a container of",
    EndContainer => "end a container of",
    Export => "export",
    FindArtifacts => "look for artifacts in",
    FindImage => "find the image",
    MakeSourceDir => "make the source's directory in",
    InspectContainer => "inspect the container",
    InspectImage => "inspect the image",
    KeepImage => "keep the image",
    KeepLayer => "keep the layer",
    LimitContainer => "limit a container of",
    List => "list",
    Load => "load",
    LookAtContainer => "look at a container of",
    Mount => "mount",
    OpenStore => "open the store",
    MakeBundle => "make the directory for a container of",
    PrepareFor => "prepare for",
    PreparePush => "prepare the push of",
    Prune => "prune",
    PublishPort => "publish the port",
    Pull => "pull",
    PullInto => "pull into",
    Push => "push",
    PutAgent => "put the agent into a container of",
    Read => "read",
    ReadManifest => "read the manifest of",
    RemoveContainer => "remove the container",
    Require => "use the program",
    RemoveImage => "remove the image",
    StartContainer => "start a container of",
    TagImage => "give the image the name",
    Unpack => "unpack into",
    UnpackImage => "unpack the image",
    UseSecurityOption => "use the security option",
    UseNetwork => "use the network",
    WaitFor => "wait for",
    WaitForContainer => "wait for a container of",
    Write => "write",
}

impl Operation {
    /// Returns whether the operation makes the result of a build.
    #[must_use]
    pub fn is_commit(self) -> bool {
        matches!(
            self,
            Self::CommitContainer | Self::CommitImage | Self::CommitLayer
        )
    }
}
