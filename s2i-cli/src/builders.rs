//! The table `[builders]` of the configuration file.

use std::{
    io,
    path::{Path, PathBuf},
};

use s2i_build::request::Builders;
use s2i_core::ImageRef;
use serde::Deserialize;
use thiserror::Error;

/// The table: images for kinds of source, and files that name more of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct BuilderTable {
    go: Option<ImageRef>,
    node: Option<ImageRef>,
    binary: Option<ImageRef>,
    /// Files with objects of the kind `S2iBuilderTemplate`.
    templates: Vec<PathBuf>,
}

/// The reason why a file with templates can't be used.
#[derive(Debug, Error)]
pub(crate) enum TemplateFileError {
    #[error("it can't be read")]
    Read(#[from] io::Error),
    /// The file has no template, or one that can't be used.
    #[cfg(feature = "kube")]
    #[error(transparent)]
    Template(#[from] s2i_kube::kubesphere::TemplateError),
    /// The text has no objects.
    #[cfg(feature = "kube")]
    #[error(transparent)]
    Syntax(#[from] s2i_kube::document::ReadError),
    /// Two templates are for the same kind of source.
    #[cfg(feature = "kube")]
    #[error(
        "the template `{0}` is for a kind of source that has a builder of another template: leave one of them out"
    )]
    Twice(String),
    /// This program has no reader for objects of clusters.
    #[cfg(not(feature = "kube"))]
    #[error("this s2i was built without the feature `kube`")]
    NoFeature,
}

impl BuilderTable {
    /// Returns the builders. Relative paths are relative to the directory. Images of the table itself count before those
    /// of templates.
    pub(crate) fn read(&self, dir: &Path) -> Result<Builders, (PathBuf, TemplateFileError)> {
        let mut builders = Builders::default();
        let mut named = Vec::new();
        for file in &self.templates {
            let file = dir.join(file);
            add(&file, &mut builders, &mut named).map_err(|err| (file, err))?;
        }
        let images = [
            (&self.go, &mut builders.go),
            (&self.node, &mut builders.node),
            (&self.binary, &mut builders.binary),
        ];
        for (own, builder) in images {
            if let Some(own) = own {
                builder.clone_from(own);
            }
        }
        Ok(builders)
    }
}

/// Adds the builders of the templates in a file. `named` has the kinds of source that templates have named.
#[cfg(feature = "kube")]
fn add(
    file: &Path,
    builders: &mut Builders,
    named: &mut Vec<s2i_core::detect::SourceKind>,
) -> Result<(), TemplateFileError> {
    use s2i_core::{bounds, detect::SourceKind};

    let text = bounds::read_text_file(file, bounds::DOCUMENT)?;
    let objects = s2i_kube::document::read(&text)?;
    for found in s2i_kube::kubesphere::template_builders(&objects)? {
        if named.contains(&found.kind) {
            return Err(TemplateFileError::Twice(found.template));
        }
        named.push(found.kind);
        let builder = match found.kind {
            SourceKind::Go => &mut builders.go,
            SourceKind::Node => &mut builders.node,
            SourceKind::Binary => &mut builders.binary,
        };
        *builder = found.builder;
    }
    Ok(())
}

#[cfg(not(feature = "kube"))]
fn add(
    _file: &Path,
    _builders: &mut Builders,
    _named: &mut Vec<s2i_core::detect::SourceKind>,
) -> Result<(), TemplateFileError> {
    Err(TemplateFileError::NoFeature)
}

#[cfg(test)]
#[cfg(feature = "kube")]
mod tests {
    use super::*;

    /// Two templates, of which one is for a language that s2i does not detect.
    const TEMPLATES: &str = "apiVersion: devops.kubesphere.io/v1alpha1\nkind: S2iBuilderTemplate\nmetadata: {name: js}\n\
        spec: {codeFramework: nodejs, defaultBaseImage: example.org/node}\n---\nkind: S2iBuilderTemplate\n\
        metadata: {name: jvm}\nspec: {codeFramework: java, defaultBaseImage: example.org/jvm}\n";

    fn read(dir: &Path, toml: &str) -> Result<Builders, String> {
        let table: BuilderTable = toml::from_str(toml).unwrap();
        let read = table.read(dir);
        read.map_err(|(file, err)| format!("{}: {err}", file.file_name().unwrap().display()))
    }

    #[test]
    fn templates_name_builders_that_the_table_does_not() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("t.yaml"), TEMPLATES).unwrap();
        let builders = read(dir.path(), "go = 'a/go'\ntemplates = ['t.yaml']").unwrap();
        let images = [&builders.go, &builders.node, &builders.binary].map(ToString::to_string);
        assert_eq!(images, ["a/go", "example.org/node", "s2i/binary"]);
        let builders = read(dir.path(), "node = 'a/node'\ntemplates = ['t.yaml']").unwrap();
        assert_eq!(builders.node.to_string(), "a/node");
    }

    #[test]
    fn files_that_name_no_builder_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("t.yaml"), TEMPLATES).unwrap();
        std::fs::write(path("java.yaml"), TEMPLATES.replace("nodejs", "java")).unwrap();
        std::fs::write(path("bad.yaml"), "a: [").unwrap();
        std::fs::write(
            path("image.yaml"),
            TEMPLATES.replace("example.org/node", "A"),
        )
        .unwrap();
        for (files, expected) in [
            (
                "'t.yaml', 't.yaml'",
                "t.yaml: the template `js` is for a kind of source that has",
            ),
            (
                "'java.yaml'",
                "java.yaml: there is no S2iBuilderTemplate with",
            ),
            (
                "'bad.yaml'",
                "bad.yaml: the text can't be read as YAML or JSON",
            ),
            (
                "'image.yaml'",
                "image.yaml: the template `js` has no valid builder image, `A`",
            ),
            ("'none.yaml'", "none.yaml: it can't be read"),
        ] {
            let message = read(dir.path(), &format!("templates = [{files}]")).unwrap_err();
            assert!(message.starts_with(expected), "{message}");
        }
    }
}
