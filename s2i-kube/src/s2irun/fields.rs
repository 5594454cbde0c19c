//! The fields of a configuration that are not read, and why.

/// The treatment of a field that has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Treatment {
    /// Others use it, or it repeats what another field has.
    Known,
    /// It has no effect here, which a warning states.
    Warned(&'static str),
    /// The build would not be the one that it asks for.
    Refused(&'static str),
}

use Treatment::{Known, Refused, Warned};

const NO_DAEMON: &str = "no Docker daemon takes part in the build";
const OF_BUILDER: &str = "the labels of the builder image have it";
const NO_LOCAL_IMAGE: &str = "nodes keep no images for builds";

/// All fields of the operator and of s2irun that [`RunConfig`](super::RunConfig) does not read, in lower case.
pub(super) const FIELDS: [(&str, Treatment); 40] = [
    ("addhost", Refused("pods get their names from the cluster")),
    (
        "alloweduids",
        Refused("the user of the builder image has to be a number that is not 0; leave it out"),
    ),
    ("asdockerfile", Refused("a build makes an image")),
    (
        "blockonbuild",
        Warned("images with ONBUILD triggers are refused in any case"),
    ),
    ("branchexpression", Known),
    ("builderbaseimageversion", Known),
    ("builderimageversion", Known),
    (
        "buildvolumes",
        Warned("volumes of Docker do not exist in pods, so nothing is kept in them"),
    ),
    (
        "callbackurl",
        Warned("nothing is called; the status of the S2iRun has the result"),
    ),
    ("dockerconfig", Warned(NO_DAEMON)),
    ("dockernetworkmode", Warned(NO_DAEMON)),
    ("dropcapabilities", Known),
    ("forcecopy", Warned("the source is cloned")),
    ("gitsecretref", Known),
    ("hasonbuild", Known),
    ("imagename", Known),
    ("imagescriptsurl", Warned(OF_BUILDER)),
    ("imageworkdir", Warned(OF_BUILDER)),
    (
        "injections",
        Refused("the directories are on another machine; put what the build needs into the source"),
    ),
    ("keepsymlinks", Known),
    (
        "labelnamespace",
        Warned("the labels of the image have their usual names"),
    ),
    ("layeredbuild", Warned("no build needs it")),
    ("nodeaffinitykey", Known),
    ("nodeaffinityvalues", Known),
    ("outputimagename", Known),
    (
        "preserveworkingdir",
        Warned("the directory of a pod goes with it"),
    ),
    ("previousimagepullpolicy", Known),
    ("quiet", Known),
    ("removepreviousimage", Warned(NO_LOCAL_IMAGE)),
    ("runimage", Refused("a build does not run its result")),
    ("runtimeimagepullpolicy", Known),
    (
        "scriptdownloadproxyconfig",
        Warned("scripts are downloaded without it"),
    ),
    ("secretcode", Known),
    (
        "securityopt",
        Warned("the pod keeps to the level `restricted` without it"),
    ),
    ("source", Known),
    ("sourceinfo", Known),
    ("taintkey", Known),
    (
        "usage",
        Refused("a build does not show the help of its builder"),
    ),
    ("workingdir", Warned("the pod has its own directories")),
    (
        "workingsourcedir",
        Warned("the pod has its own directories"),
    ),
];

/// Returns the treatment of a field, whose name is in lower case; `None` if neither program knows it.
pub(super) fn treatment(name: &str) -> Option<Treatment> {
    let (_, treatment) = FIELDS.iter().find(|(field, _)| *field == name)?;
    Some(*treatment)
}
