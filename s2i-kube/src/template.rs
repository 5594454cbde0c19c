//! The builders of KubeSphere's templates, for builds outside of it.

use s2i_core::{ImageRef, detect::SourceKind};
use serde_json::Value;
use thiserror::Error;

/// The label of templates whose builds take programs that are built already.
const BINARY: &str = "builder-type.kubesphere.io/b2i";

/// A builder that a template names for a kind of source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateBuilder {
    /// The name of the template.
    pub template: String,
    /// The kind of source.
    pub kind: SourceKind,
    /// The default builder image.
    pub builder: ImageRef,
}

/// A template that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// There is no template for a kind of source that s2i knows.
    #[error(
        "there is no S2iBuilderTemplate with the `codeFramework` go, nodejs or binary: leave the file out, or name the \
         builder on the command line"
    )]
    None,
    /// The builder is missing or is no name of an image.
    #[error(
        "the template `{template}` has no valid builder image, `{image}`: correct its `defaultBaseImage`"
    )]
    Image {
        /// The name of the template.
        template: String,
        /// The text in place of the image.
        image: String,
    },
}

/// Returns the builders of the templates among the objects, in their order. Templates of frameworks that s2i does not
/// detect are left out, and so are runtime images: a build names its own.
///
/// # Errors
/// [`TemplateError`].
///
/// ```
/// use s2i_core::detect::SourceKind;
/// use s2i_kube::{document, kubesphere::template_builders};
///
/// let text = "kind: S2iBuilderTemplate\nmetadata: {name: js}\n\
///     spec: {codeFramework: nodejs, defaultBaseImage: registry.example.org/node:24}\n";
/// let builders = template_builders(&document::read(text)?)?;
/// assert_eq!(builders[0].kind, SourceKind::Node);
/// assert_eq!(builders[0].builder.to_string(), "registry.example.org/node:24");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn template_builders(objects: &[Value]) -> Result<Vec<TemplateBuilder>, TemplateError> {
    let mut builders = Vec::new();
    for object in objects {
        if object["kind"] != "S2iBuilderTemplate" {
            continue;
        }
        if let Some(kind) = kind(object) {
            builders.push(builder(object, kind)?);
        }
    }
    if builders.is_empty() {
        return Err(TemplateError::None);
    }
    Ok(builders)
}

/// Returns the kind of source of a template, if s2i detects it.
fn kind(object: &Value) -> Option<SourceKind> {
    if !object["metadata"]["labels"][BINARY].is_null() {
        return Some(SourceKind::Binary);
    }
    let framework = object["spec"]["codeFramework"].as_str()?;
    match framework.to_ascii_lowercase().as_str() {
        "go" | "golang" => Some(SourceKind::Go),
        "node" | "nodejs" | "javascript" => Some(SourceKind::Node),
        "binary" => Some(SourceKind::Binary),
        _ => None,
    }
}

fn builder(object: &Value, kind: SourceKind) -> Result<TemplateBuilder, TemplateError> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let template = text(&object["metadata"]["name"]);
    let spec = &object["spec"];
    let mut image = text(&spec["defaultBaseImage"]);
    if image.is_empty() {
        image = text(&spec["containerInfo"][0]["builderImage"]);
    }
    match image.parse() {
        Ok(builder) => Ok(TemplateBuilder {
            template,
            kind,
            builder,
        }),
        Err(_) => Err(TemplateError::Image { template, image }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template(framework: &str, spec: &Value) -> Value {
        let mut object =
            json!({"kind": "S2iBuilderTemplate", "metadata": {"name": "a"}, "spec": spec});
        object["spec"]["codeFramework"] = framework.into();
        object
    }

    fn found(object: Value) -> Result<(SourceKind, String), TemplateError> {
        let mut builders = template_builders(&[object])?;
        let builder = builders.remove(0);
        Ok((builder.kind, builder.builder.to_string()))
    }

    #[test]
    fn frameworks_are_kinds_of_source() {
        for (framework, kind) in [
            ("Go", SourceKind::Go),
            ("golang", SourceKind::Go),
            ("JavaScript", SourceKind::Node),
            ("nodejs", SourceKind::Node),
            ("binary", SourceKind::Binary),
        ] {
            let object = template(framework, &json!({"defaultBaseImage": "a/b:1"}));
            assert_eq!(found(object), Ok((kind, "a/b:1".into())), "{framework}");
        }
        let mut object = template("java", &json!({"defaultBaseImage": "a/b:1"}));
        assert_eq!(found(object.clone()), Err(TemplateError::None));
        object["metadata"]["labels"][BINARY] = "b2i".into();
        assert_eq!(found(object), Ok((SourceKind::Binary, "a/b:1".into())));
    }

    #[test]
    fn first_builder_counts_without_a_default() {
        let spec = json!({"containerInfo": [{"builderImage": "a/b"}, {"builderImage": "c"}]});
        assert_eq!(
            found(template("go", &spec)),
            Ok((SourceKind::Go, "a/b".into()))
        );
    }

    #[test]
    fn template_without_a_valid_builder_is_refused() {
        for (spec, image) in [(json!({}), ""), (json!({"defaultBaseImage": "A b"}), "A b")] {
            let (template_name, image) = ("a".to_owned(), image.to_owned());
            let expected = TemplateError::Image {
                template: template_name,
                image,
            };
            assert_eq!(found(template("go", &spec)), Err(expected));
        }
    }

    #[test]
    fn own_templates_are_read() {
        let template = crate::kubesphere::Template {
            name: "go".parse().unwrap(),
            framework: "go".into(),
            version: "1".into(),
            description: String::new(),
            builder: "registry.example.org/go:1".parse().unwrap(),
            runtime: None,
        };
        let expected = (SourceKind::Go, "registry.example.org/go:1".into());
        assert_eq!(found(template.object()), Ok(expected));
    }
}
