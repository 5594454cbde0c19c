//! The report of a build, in the annotations of the operator's pod.

use s2i_core::{ImageRef, image::ImageConfig, label};
use s2i_kube::{
    client::{Outcome, OwnPod},
    s2irun::{BuildReport, ReportedImage, ReportedSource},
};

use super::{
    super::{ClusterError, rebuild::Current},
    download::Downloaded,
};
use crate::{context::CommandContext, error::Error};

/// Looks the image up, and writes what was made.
pub(super) async fn write(
    pod: &OwnPod,
    image: &ImageRef,
    outcome: &Outcome,
    file: Option<&Downloaded>,
    context: &CommandContext<'_>,
) -> Result<(), Error> {
    // Another build may have the name by now.
    let built = match &outcome.digest {
        Some(digest) => format!("{}@{digest}", image.name()).parse()?,
        None => image.clone(),
    };
    let found = Current::new(context)?.image(&built).await?;
    let layers = found.pulled.manifest.layers.iter().map(|layer| layer.size);
    let report = BuildReport {
        image: ReportedImage {
            id: found.pulled.config_digest.to_string(),
            size: layers.fold(0, u64::saturating_add),
            created: found.config.created.clone().unwrap_or_default(),
            names: vec![image.to_string()],
            command: format!("docker pull {image}"),
        },
        source: source(&found.config, file),
    };
    let annotations = report.annotations().map_err(std::io::Error::from);
    let annotations = annotations.map_err(Error::Runtime)?;
    let written = pod.annotate(&annotations).await;
    Ok(written.map_err(ClusterError::from)?)
}

/// Returns the source: the file that was downloaded, or the commit in the labels of the image.
fn source(config: &ImageConfig, file: Option<&Downloaded>) -> ReportedSource {
    if let Some(file) = file {
        return ReportedSource {
            binary: file.name.clone(),
            binary_size: file.size,
            ..ReportedSource::default()
        };
    }
    let label = |name| config.config.labels.get(name).cloned().unwrap_or_default();
    let (committer, email) = person(&label(label::BUILD_COMMIT_AUTHOR));
    ReportedSource {
        commit: label(label::BUILD_COMMIT_ID),
        committer,
        email,
        ..ReportedSource::default()
    }
}

/// Divides `Name <mail address>`.
fn person(text: &str) -> (String, String) {
    match text
        .strip_suffix('>')
        .and_then(|text| text.rsplit_once('<'))
    {
        Some((name, email)) => (name.trim().to_owned(), email.to_owned()),
        None => (text.to_owned(), String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn author_is_a_name_and_an_address() {
        for (text, name, email) in [
            (
                "Jane Doe <jane@example.org>",
                "Jane Doe",
                "jane@example.org",
            ),
            ("Jane", "Jane", ""),
            ("", "", ""),
        ] {
            assert_eq!(person(text), (name.to_owned(), email.to_owned()), "{text}");
        }
    }
}
