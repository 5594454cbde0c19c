//! The source and the images that an image was built from, from its labels.

use std::collections::BTreeMap;

use s2i_build::source::location::{Place, SourceLocation};
use s2i_core::{ImageRef, label};
use serde::Serialize;

use super::super::ClusterError;
use crate::error::Error;

/// The build that has made an image.
#[derive(Debug)]
pub(super) struct Origin {
    image: ImageRef,
    /// The location of the source, without a login.
    location: String,
    /// The branch, tag or commit; `None` if the source was files.
    reference: Option<String>,
    context_dir: Option<String>,
    /// The builder, as its label names it.
    pub(super) builder: ImageRef,
    /// The runtime image, if the image stands on one.
    pub(super) runtime: Option<ImageRef>,
    /// The images that can change.
    pub(super) bases: Vec<Base>,
}

/// An image behind a tag, which may be another one by now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Base {
    /// Its name with a tag and without a digest.
    #[serde(serialize_with = "as_text")]
    pub(super) name: ImageRef,
    /// Its digest when it was used, if that is known.
    pub(super) digest: Option<String>,
}

fn as_text<S: serde::Serializer>(name: &ImageRef, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(name)
}

impl Origin {
    /// Reads the labels of an image.
    ///
    /// # Errors
    /// Labels that s2i has not written.
    pub(super) fn read(image: &ImageRef, labels: &BTreeMap<String, String>) -> Result<Self, Error> {
        // An empty label stands in place of one of the base.
        let label = |name| {
            let value = labels.get(name);
            value.filter(|value| !value.is_empty()).cloned()
        };
        let required = |name| {
            label(name).ok_or_else(|| Error::NotRebuildable {
                image: image.clone(),
                label: name,
            })
        };
        let named = |text: String| {
            let parsed: Result<ImageRef, _> = text.parse();
            parsed.map_err(|reason| Error::InvalidLabels {
                image: image.clone(),
                reason: reason.to_string(),
            })
        };
        let builder_label = required(label::BUILD_IMAGE)?;
        let runtime = label(label::OCI_BASE_NAME).filter(|base| *base != builder_label);
        let builder = named(builder_label)?;
        let runtime = runtime.map(named).transpose()?;
        let digest = label(label::OCI_BASE_DIGEST);
        // The label with the digest is about the image on which the result stands.
        let (of_builder, of_runtime) = match runtime {
            Some(_) => (None, digest),
            None => (digest, None),
        };
        let of_runtime = runtime.as_ref().map(|runtime| (runtime, of_runtime));
        let bases = [(&builder, of_builder)].into_iter().chain(of_runtime);
        let bases: Result<Vec<_>, _> = bases
            .filter_map(|(name, digest)| Base::of(name, digest))
            .collect();
        Ok(Self {
            image: image.clone(),
            location: required(label::BUILD_SOURCE_LOCATION)?,
            reference: label(label::BUILD_COMMIT_REF).or_else(|| label(label::BUILD_COMMIT_ID)),
            context_dir: label(label::BUILD_SOURCE_CONTEXT_DIR),
            bases: bases?,
            builder,
            runtime,
        })
    }

    /// Returns the options and the source with which `s2i build` makes the image again.
    ///
    /// # Errors
    /// [`ClusterError::SourceElsewhere`] if only another machine has the source.
    pub(super) fn arguments(&self) -> Result<(Vec<String>, String), ClusterError> {
        let is_remote = self.location.parse().is_ok_and(|location: SourceLocation| {
            matches!(location.place, Place::Remote(_)) && location.fragment.is_none()
        });
        let (Some(reference), true) = (&self.reference, is_remote) else {
            return Err(self.elsewhere());
        };
        let context = self.context_dir.iter();
        let mut options = vec![format!("--ref={reference}")];
        options.extend(context.map(|dir| format!("--context-dir={dir}")));
        let runtime = self.runtime.as_ref().map(named_by_tag);
        options.extend(runtime.map(|image| format!("--runtime-image={image}")));
        Ok((options, self.location.clone()))
    }

    /// Returns the error for a source that the cluster can't get.
    pub(super) fn elsewhere(&self) -> ClusterError {
        ClusterError::SourceElsewhere {
            image: self.image.clone(),
            location: self.location.clone(),
        }
    }
}

impl Base {
    /// Returns the image behind the tag of a name; `None` if the name has a digest alone, behind which is always the
    /// same image.
    fn of(name: &ImageRef, digest: Option<String>) -> Option<Result<Self, Error>> {
        if name.tag().is_none() && name.digest().is_some() {
            return None;
        }
        let digest = name.digest().map(str::to_owned).or(digest);
        let name = named_by_tag(name).parse();
        Some(name.map(|name| Self { name, digest }).map_err(Error::from))
    }
}

/// Returns the name of an image as it can be looked up again: with its tag, or with the digest that is all it has.
pub(super) fn named_by_tag(name: &ImageRef) -> String {
    match (name.tag(), name.digest()) {
        (None, Some(_)) => name.normalised(),
        _ => format!("{}:{}", name.full_name(), name.tag_or_latest()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
    const NEW: &str = "sha256:2222222222222222222222222222222222222222222222222222222222222222";

    fn origin(labels: &[(&str, &str)]) -> Result<Origin, Error> {
        let common = [
            (label::BUILD_IMAGE, "docker.io/s2i/go:latest"),
            (label::BUILD_SOURCE_LOCATION, "https://git.example.org/shop"),
            (label::BUILD_COMMIT_REF, "main"),
        ];
        let labels = common.iter().chain(labels);
        let labels = labels.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Origin::read(
            &"registry.example.org/shop:1".parse().unwrap(),
            &labels.collect(),
        )
    }

    fn bases(labels: &[(&str, &str)]) -> Vec<(String, Option<String>)> {
        let bases = origin(labels).unwrap().bases.into_iter();
        bases
            .map(|base| (base.name.to_string(), base.digest))
            .collect()
    }

    #[test]
    fn digest_of_the_base_is_that_of_the_image_that_the_result_stands_on() {
        let go = "docker.io/s2i/go:latest".to_owned();
        let run = "docker.io/s2i/go-runtime:1".to_owned();
        let on_builder = [
            (label::OCI_BASE_NAME, go.as_str()),
            (label::OCI_BASE_DIGEST, OLD),
        ];
        assert_eq!(bases(&on_builder), [(go.clone(), Some(OLD.into()))]);
        let on_runtime = [
            (label::OCI_BASE_NAME, run.as_str()),
            (label::OCI_BASE_DIGEST, OLD),
        ];
        let expected = [(go.clone(), None), (run.clone(), Some(OLD.into()))];
        assert_eq!(bases(&on_runtime), expected);
        assert_eq!(bases(&[]), [(go.clone(), None)]);
        // As builds in a cluster name their images.
        let (builder, runtime) = (format!("{go}@{OLD}"), format!("{run}@{NEW}"));
        let pinned = [
            (label::BUILD_IMAGE, builder.as_str()),
            (label::OCI_BASE_NAME, &runtime),
            (label::OCI_BASE_DIGEST, NEW),
        ];
        assert_eq!(
            bases(&pinned),
            [(go, Some(OLD.into())), (run, Some(NEW.into()))]
        );
    }

    #[test]
    fn image_that_is_named_by_its_digest_alone_does_not_change() {
        let builder = format!("docker.io/s2i/go@{OLD}");
        let labels = [
            (label::BUILD_IMAGE, builder.as_str()),
            (label::OCI_BASE_NAME, &builder),
        ];
        assert_eq!(bases(&labels), []);
        assert_eq!(named_by_tag(&builder.parse().unwrap()), builder);
    }

    #[test]
    fn arguments_are_those_of_the_labels() {
        let labels = [
            (label::BUILD_SOURCE_CONTEXT_DIR, "web"),
            (label::OCI_BASE_NAME, "docker.io/s2i/go-runtime:1"),
        ];
        let (options, source) = origin(&labels).unwrap().arguments().unwrap();
        assert_eq!(source, "https://git.example.org/shop");
        let runtime = "--runtime-image=docker.io/s2i/go-runtime:1";
        assert_eq!(options, ["--ref=main", "--context-dir=web", runtime]);
    }

    #[test]
    fn files_of_another_machine_are_no_source() {
        for labels in [
            [(label::BUILD_COMMIT_REF, "")],
            [(label::BUILD_SOURCE_LOCATION, "/home/you/shop")],
            [(label::BUILD_SOURCE_LOCATION, "--upload-pack=x:y")],
        ] {
            let refused = origin(&labels).unwrap().arguments().unwrap_err();
            assert!(
                matches!(refused, ClusterError::SourceElsewhere { .. }),
                "{labels:?}"
            );
        }
    }

    #[test]
    fn labels_that_are_none_of_s2i_are_refused() {
        let missing = origin(&[(label::BUILD_IMAGE, "")]).unwrap_err();
        assert!(matches!(missing, Error::NotRebuildable { .. }), "{missing}");
        let invalid = origin(&[(label::BUILD_IMAGE, "--help")]).unwrap_err();
        assert!(matches!(invalid, Error::InvalidLabels { .. }), "{invalid}");
    }
}
