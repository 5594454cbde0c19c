//! The operations that an engine can fail.

use std::fmt;

/// An operation of an engine. It is shown as a verb and its object, and the subject of the failure follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Connecting to the streams of a container.
    AttachToContainer,
    /// Cleaning up in a container that has ended.
    CleanUpContainer,
    /// Committing a container as an image.
    CommitContainer,
    /// Publishing an image that was committed from a container.
    CommitImage,
    /// Making a layer of the changes of a container.
    CommitLayer,
    /// Compressing a layer.
    CompressLayer,
    /// Copying the source into a container.
    CopySource,
    /// Making a container.
    CreateContainer,
    /// Making a directory.
    CreateDirectory,
    /// Asking the engine for its properties.
    Describe,
    /// Making a request of the agent.
    DescribeWork,
    /// Ending a container.
    EndContainer,
    /// Writing an archive of an image.
    Export,
    /// Looking for artifacts in an image.
    FindArtifacts,
    /// Looking an image up.
    FindImage,
    /// Making the directory of the source in a container.
    MakeSourceDir,
    /// Reading the description of a container.
    InspectContainer,
    /// Reading the description of an image.
    InspectImage,
    /// Writing an image to the store.
    KeepImage,
    /// Writing a layer to the store.
    KeepLayer,
    /// Setting the limits of a container.
    LimitContainer,
    /// Listing images or networks.
    List,
    /// Reading an archive of images.
    Load,
    /// Checking the settings of a container.
    LookAtContainer,
    /// Opening the store.
    OpenStore,
    /// Making the directories of a container.
    MakeBundle,
    /// Preparing to speak to registries.
    PrepareFor,
    /// Putting together the content of a push.
    PreparePush,
    /// Removing what is not needed.
    Prune,
    /// Publishing a port.
    PublishPort,
    /// Pulling an image.
    Pull,
    /// Making room for an image that is pulled.
    PullInto,
    /// Pushing an image.
    Push,
    /// Putting the agent into a container.
    PutAgent,
    /// Reading a file or a directory.
    Read,
    /// Reading the manifest of an image.
    ReadManifest,
    /// Removing a container.
    RemoveContainer,
    /// Removing an image.
    RemoveImage,
    /// Starting a container.
    StartContainer,
    /// Giving an image a name.
    TagImage,
    /// Unpacking an image.
    UnpackImage,
    /// Using a network.
    UseNetwork,
    /// Waiting for a thread.
    WaitFor,
    /// Waiting for the end of a container.
    WaitForContainer,
    /// Writing a file.
    Write,
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

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AttachToContainer => "attach to a container of",
            Self::CleanUpContainer => "clean up a container of",
            Self::CommitContainer => "commit the container",
            Self::CommitImage => "commit the image",
            Self::CommitLayer => "commit the layer of",
            Self::CompressLayer => "compress the layer",
            Self::CopySource => "copy the source into a container of",
            Self::CreateContainer => "create a container of",
            Self::CreateDirectory => "make the directory",
            Self::Describe => "describe",
            Self::DescribeWork => "describe the work to a container of",
            Self::EndContainer => "end a container of",
            Self::Export => "export",
            Self::FindArtifacts => "look for artifacts in",
            Self::FindImage => "find the image",
            Self::MakeSourceDir => "make the source's directory in",
            Self::InspectContainer => "inspect the container",
            Self::InspectImage => "inspect the image",
            Self::KeepImage => "keep the image",
            Self::KeepLayer => "keep the layer",
            Self::LimitContainer => "limit a container of",
            Self::List => "list",
            Self::Load => "load",
            Self::LookAtContainer => "look at a container of",
            Self::OpenStore => "open the store",
            Self::MakeBundle => "make the directory for a container of",
            Self::PrepareFor => "prepare for",
            Self::PreparePush => "prepare the push of",
            Self::Prune => "prune",
            Self::PublishPort => "publish the port",
            Self::Pull => "pull",
            Self::PullInto => "pull into",
            Self::Push => "push",
            Self::PutAgent => "put the agent into a container of",
            Self::Read => "read",
            Self::ReadManifest => "read the manifest of",
            Self::RemoveContainer => "remove the container",
            Self::RemoveImage => "remove the image",
            Self::StartContainer => "start a container of",
            Self::TagImage => "give the image the name",
            Self::UnpackImage => "unpack the image",
            Self::UseNetwork => "use the network",
            Self::WaitFor => "wait for",
            Self::WaitForContainer => "wait for a container of",
            Self::Write => "write",
        })
    }
}
