//! The annotations with what a build has made.

use std::collections::BTreeMap;

use serde::Serialize;

/// The annotation with the image.
pub const RESULT_ANNOTATION: &str = "s2iBuildResult";

/// The annotation with the source.
pub const SOURCE_ANNOTATION: &str = "s2iBuildSource";

/// The result of a build, for the status of a run. The operator adds the fields that the builder of the run has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildReport {
    /// The image.
    pub image: ReportedImage,
    /// The source.
    pub source: ReportedSource,
}

/// The image of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReportedImage {
    /// The digest of its config.
    #[serde(rename = "imageID", skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// The bytes of its layers in the registry.
    #[serde(rename = "imageSize", skip_serializing_if = "is_zero")]
    pub size: u64,
    /// The time of its config, as RFC 3339 text.
    #[serde(rename = "imageCreated", skip_serializing_if = "String::is_empty")]
    pub created: String,
    /// Its names.
    #[serde(rename = "imageRepoTags", skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// A command that pulls it.
    #[serde(rename = "commandPull", skip_serializing_if = "String::is_empty")]
    pub command: String,
}

/// The source of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReportedSource {
    /// The commit.
    #[serde(rename = "commitID", skip_serializing_if = "String::is_empty")]
    pub commit: String,
    /// The name of the person who made it.
    #[serde(rename = "committerName", skip_serializing_if = "String::is_empty")]
    pub committer: String,
    /// The mail address of this person.
    #[serde(rename = "committerEmail", skip_serializing_if = "String::is_empty")]
    pub email: String,
    /// The name of a file that was downloaded.
    #[serde(rename = "binaryName", skip_serializing_if = "String::is_empty")]
    pub binary: String,
    /// Its bytes.
    #[serde(rename = "binarySize", skip_serializing_if = "is_zero")]
    pub binary_size: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl BuildReport {
    /// Returns the annotations.
    ///
    /// # Errors
    /// None, as far as is known: all values are texts and numbers.
    pub fn annotations(&self) -> Result<BTreeMap<String, String>, serde_json::Error> {
        Ok(BTreeMap::from([
            (
                RESULT_ANNOTATION.to_owned(),
                serde_json::to_string(&self.image)?,
            ),
            (
                SOURCE_ANNOTATION.to_owned(),
                serde_json::to_string(&self.source)?,
            ),
        ]))
    }
}
