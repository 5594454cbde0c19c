//! Decisions and findings for the user, as data. The renderer has the sentences about them.

use s2i_core::ImageRef;
use serde::Serialize;

use crate::{
    plan::{ChoiceReason, Command, UserReason},
    scripts::FetchedScript,
};

/// The commit of a checkout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct CheckedOut {
    /// Its full ID.
    pub id: String,
    /// The branch, or `HEAD`.
    pub reference: String,
    /// The CI platform whose variables describe it; `None` where it was read from the repository.
    pub platform: Option<&'static str>,
}

/// A decision or a finding for the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Notice {
    /// The source is the files of a directory.
    SourceDirectory {
        /// The directory.
        location: String,
    },
    /// The source is the files of a checkout, because there is no `git` that could check its commit out again.
    SourceCheckout {
        /// The directory.
        location: String,
        /// The commit that the files are taken to be; `None` where it is not known.
        commit: Option<CheckedOut>,
        /// The reason why its repository can't be read, where there is one.
        problem: Option<String>,
    },
    /// The source is a commit of a Git repository on this machine; uncommitted changes are left out.
    SourceRepository {
        /// The repository.
        location: String,
        /// The branch, tag or commit; `HEAD` where none was named.
        reference: String,
        /// The directories outside of the repository from which its objects are read.
        objects: Vec<String>,
    },
    /// The source is a commit of a Git repository elsewhere.
    SourceRemote {
        /// The repository, without credentials.
        location: String,
        /// The branch, tag or commit; `HEAD` where none was named.
        reference: String,
    },
    /// Submodules of the source were fetched.
    SubmodulesFetched {
        /// Their paths in the source.
        paths: Vec<String>,
    },
    /// Directories of submodules are empty, because the request or the repository leaves them out.
    SubmodulesLeftOut {
        /// Their paths in the source.
        paths: Vec<String>,
    },
    /// Links of the source lead to nothing in it. They stay links, and may lead to something in the container.
    DanglingLinks {
        /// The paths of the first ones in the source.
        paths: Vec<String>,
    },
    /// Scripts were read from a URL.
    ScriptsFetched {
        /// The URL, without credentials.
        url: String,
        /// The scripts that were found there.
        scripts: Vec<FetchedScript>,
    },
    /// The request left the builder open, and it was chosen.
    BuilderChosen {
        /// The builder.
        builder: ImageRef,
        /// The reason of the choice.
        reason: ChoiceReason,
    },
    /// An incremental build is a clean one, because there is no image of a previous build.
    NoPreviousImage {
        /// The image.
        image: ImageRef,
    },
    /// An incremental build is a clean one, because the previous image has no label for its `save-artifacts`.
    NoSaveArtifacts {
        /// The image.
        image: ImageRef,
    },
    /// Variables are passed to `assemble` alone, because they look like secrets.
    VariablesWithheld {
        /// The names of the variables.
        names: Vec<String>,
    },
    /// The entry point of an image is not in the result.
    EntrypointDropped {
        /// The image.
        image: ImageRef,
        /// The entry point.
        entrypoint: Vec<String>,
        /// The reason.
        fault: EntrypointFault,
    },
    /// The result is an image from the build cache.
    Unchanged,
    /// A script or trigger runs as root of its container.
    RunsAsRoot {
        /// The script or trigger.
        script: Command,
        /// True when it runs only if the image has it.
        is_optional: bool,
        /// The origin of the user.
        user: UserReason,
    },
    /// An image is being pulled.
    Pulling {
        /// The image.
        image: ImageRef,
    },
    /// An image is being pushed.
    Pushing {
        /// The image.
        image: ImageRef,
    },
    /// The embedded engine is used although the user did not ask for it.
    EmbeddedEngine {
        /// The reason.
        reason: String,
    },
    /// The build is done in the container that s2i runs in.
    BuildsHere {
        /// The image that the result is based on.
        image: ImageRef,
        /// Its ID.
        id: String,
    },
    /// The build is a Job in a cluster.
    BuildsInCluster {
        /// The name of the Job.
        job: String,
        /// Its namespace.
        namespace: String,
    },
    /// A build in a cluster waits.
    ClusterWaits {
        /// The reason, in a sentence with the words of the cluster.
        reason: String,
    },
    /// A build in a cluster has a pod.
    PodCreated {
        /// The name of the pod.
        pod: String,
        /// The number of the try, from 1.
        attempt: usize,
    },
    /// A step of a build in a cluster has started.
    StepStarted {
        /// The step.
        step: String,
    },
    /// The source has arrived in a cluster.
    SourceUploaded {
        /// Its bytes.
        bytes: u64,
    },
    /// A step of a build in a cluster has ended.
    StepEnded {
        /// The step.
        step: String,
        /// The seconds that it took, as the node counts them.
        seconds: Option<u64>,
        /// Its exit code.
        code: i32,
    },
    /// The result is being loaded into another engine.
    Loading {
        /// The kind of the engine.
        engine: String,
        /// Its address.
        endpoint: String,
    },
    /// There was no login to remove.
    NoLogin {
        /// The registry.
        registry: String,
    },
}

/// The reason why an entry point can't wrap the command of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntrypointFault {
    /// It does not end as its arguments do.
    IgnoresArguments,
    /// It did not end in time.
    NoEnd,
    /// The image has no program `true` to try it with.
    NoProgram,
}
