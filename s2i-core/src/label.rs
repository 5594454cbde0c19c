//! The labels through which images and s2i exchange settings.

use std::collections::BTreeMap;

use crate::{
    Diagnostic,
    env_var::{STI_LOCATION, STI_SCRIPTS_URL},
};

/// The location of an image's scripts, usually `image:///usr/libexec/s2i`.
pub const SCRIPTS_URL: &str = "io.openshift.s2i.scripts-url";
/// The old name of [`SCRIPTS_URL`].
pub const SCRIPTS_URL_DEPRECATED: &str = "io.s2i.scripts-url";
/// The directory below which the builder expects source, scripts and artifacts.
pub const DESTINATION: &str = "io.openshift.s2i.destination";
/// The old name of [`DESTINATION`].
pub const DESTINATION_DEPRECATED: &str = "io.s2i.destination";
/// The user that `assemble` runs as.
pub const ASSEMBLE_USER: &str = "io.openshift.s2i.assemble-user";
/// The user that `assemble-runtime` runs as.
pub const ASSEMBLE_RUNTIME_USER: &str = "io.openshift.s2i.assemble-runtime-user";
/// On a runtime image: the artifacts that it wants, as a [`mapping`](crate::mapping) list.
pub const ASSEMBLE_INPUT_FILES: &str = "io.openshift.s2i.assemble-input-files";

/// On a builder: the variables that only `assemble` gets and no image keeps, as [`NamePatterns`]. The label is specific
/// to this project, so it is outside of `OpenShift`'s namespace `io.openshift.`.
pub const BUILD_VARIABLES: &str = "io.s2i.build-variables";

/// On a builder and the images built with it: the directory whose children are exactly the output of `save-artifacts`,
/// and which group 0 may read and change. `assemble` of such an image also accepts a mounted artifacts directory: it
/// copies files where it can't rename them, and leaves the directory itself in place. An engine may then mount the
/// artifacts instead of running `save-artifacts`.
pub const ARTIFACTS: &str = "io.s2i.artifacts";

/// On a runtime image: [`OPTIONAL`] if its `assemble-runtime` changes nothing in the artifacts of the builders that it is
/// made for. An engine may then add the artifacts to the image without running anything.
pub const ASSEMBLE_RUNTIME: &str = "io.s2i.assemble-runtime";
/// The value of [`ASSEMBLE_RUNTIME`].
pub const OPTIONAL: &str = "optional";
/// On a builder: the variables that its `assemble` reads, as [`NamePatterns`]. Where a build runs in a container of the
/// builder that is in use already, `assemble` gets these variables of that container.
pub const VARIABLES: &str = "io.s2i.variables";
/// On an image that has s2i beside a builder: the ID of the builder, `sha256:` and 64 hexadecimal digits. Results of
/// builds in its containers are based on the builder.
pub const BUILDER_ID: &str = "io.s2i.builder-id";

/// The description of the application, for display.
pub const DESCRIPTION: &str = "io.k8s.description";
/// The name of the application, for display.
pub const DISPLAY_NAME: &str = "io.k8s.display-name";

/// The builder image that made this image.
pub const BUILD_IMAGE: &str = "io.openshift.s2i.build.image";
/// Author of the commit that was built, as `Name <e-mail>`.
pub const BUILD_COMMIT_AUTHOR: &str = "io.openshift.s2i.build.commit.author";
/// Author date of the commit that was built.
pub const BUILD_COMMIT_DATE: &str = "io.openshift.s2i.build.commit.date";
/// Full id of the commit that was built.
pub const BUILD_COMMIT_ID: &str = "io.openshift.s2i.build.commit.id";
/// Branch or tag that was built.
pub const BUILD_COMMIT_REF: &str = "io.openshift.s2i.build.commit.ref";
/// Subject line of the commit that was built.
pub const BUILD_COMMIT_MESSAGE: &str = "io.openshift.s2i.build.commit.message";
/// The location of the source; never with credentials.
pub const BUILD_SOURCE_LOCATION: &str = "io.openshift.s2i.build.source-location";
/// The directory of the source that was built.
pub const BUILD_SOURCE_CONTEXT_DIR: &str = "io.openshift.s2i.build.source-context-dir";

/// The URL of the source repository, by the specification of OCI.
pub const OCI_SOURCE: &str = "org.opencontainers.image.source";
/// The commit that was built.
pub const OCI_REVISION: &str = "org.opencontainers.image.revision";
/// The version of the application.
pub const OCI_VERSION: &str = "org.opencontainers.image.version";
/// The time of the image, as RFC 3339 text.
pub const OCI_CREATED: &str = "org.opencontainers.image.created";
/// The name of the image that this one is based on.
pub const OCI_BASE_NAME: &str = "org.opencontainers.image.base.name";
/// The digest of the image that this one is based on, in its registry.
pub const OCI_BASE_DIGEST: &str = "org.opencontainers.image.base.digest";

/// The labels of OCI that each build decides. They are also annotations of the manifest.
pub const OCI: [&str; 6] = [
    OCI_SOURCE,
    OCI_REVISION,
    OCI_VERSION,
    OCI_CREATED,
    OCI_BASE_NAME,
    OCI_BASE_DIGEST,
];

/// The labels that describe the build of one image, so that an image on its base does not have their values.
pub const OF_ONE_BUILD: [&str; 14] = [
    OCI_SOURCE,
    OCI_REVISION,
    OCI_VERSION,
    OCI_CREATED,
    OCI_BASE_NAME,
    OCI_BASE_DIGEST,
    BUILD_IMAGE,
    BUILD_COMMIT_AUTHOR,
    BUILD_COMMIT_DATE,
    BUILD_COMMIT_ID,
    BUILD_COMMIT_REF,
    BUILD_COMMIT_MESSAGE,
    BUILD_SOURCE_LOCATION,
    BUILD_SOURCE_CONTEXT_DIR,
];

/// The bytes that all keys and values of an image's labels may have together.
pub const SIZE_LIMIT: usize = 10_240;

/// The settings that an image's labels give to s2i.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageLabels {
    /// [`SCRIPTS_URL`]
    pub scripts_url: Option<String>,
    /// [`DESTINATION`]
    pub destination: Option<String>,
    /// [`ASSEMBLE_USER`]
    pub assemble_user: Option<String>,
    /// [`ASSEMBLE_RUNTIME_USER`]
    pub assemble_runtime_user: Option<String>,
    /// [`ASSEMBLE_INPUT_FILES`]
    pub assemble_input_files: Option<String>,
    /// [`ARTIFACTS`]
    pub artifacts: Option<String>,
    /// [`BUILD_VARIABLES`]
    pub build_variables: NamePatterns,
    /// [`ASSEMBLE_RUNTIME`]
    pub assemble_runtime: Option<String>,
    /// [`VARIABLES`]
    pub variables: NamePatterns,
}

/// Patterns for variable names, separated by white space or commas. A trailing `*` matches any suffix, and case is
/// ignored, because many programs treat names of variables that way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamePatterns(Vec<String>);

impl NamePatterns {
    /// Reads a list.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let words = text.split(|c: char| c.is_whitespace() || c == ',');
        let words = words.filter(|word| !word.is_empty());
        Self(words.map(str::to_ascii_lowercase).collect())
    }

    /// The number of names and patterns.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns whether this name matches one of the patterns.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let is_it = |pattern: &String| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == *pattern,
        };
        self.0.iter().any(is_it)
    }
}

impl ImageLabels {
    /// Reads the labels and, where they are absent, their deprecated names and variables.
    ///
    /// `env` is the image's environment as `NAME=VALUE` texts.
    #[must_use]
    pub fn read(labels: &BTreeMap<String, String>, env: &[String]) -> (Self, Vec<Diagnostic>) {
        let mut diagnostics = Vec::new();
        let get = |name: &str| labels.get(name).filter(|value| !value.is_empty()).cloned();
        let variable = |name: &str| {
            let mut entries = env.iter();
            let value = entries.find_map(|entry| entry.strip_prefix(name)?.strip_prefix('='))?;
            (!value.is_empty()).then(|| value.to_owned())
        };
        let mut with_fallbacks =
            |name: &str, old_label: &'static str, old_variable: &'static str| {
                get(name).or_else(|| {
                    let label = get(old_label).map(|value| (old_label, value));
                    let old = || Some((old_variable, variable(old_variable)?));
                    let (old, value) = label.or_else(old)?;
                    let message =
                        format!("`{old}` is deprecated, the image should have the label `{name}`");
                    diagnostics.push(Diagnostic::new("labels", message));
                    Some(value)
                })
            };
        let labels = Self {
            scripts_url: with_fallbacks(SCRIPTS_URL, SCRIPTS_URL_DEPRECATED, STI_SCRIPTS_URL),
            destination: with_fallbacks(DESTINATION, DESTINATION_DEPRECATED, STI_LOCATION),
            assemble_user: get(ASSEMBLE_USER),
            assemble_runtime_user: get(ASSEMBLE_RUNTIME_USER),
            assemble_input_files: get(ASSEMBLE_INPUT_FILES),
            artifacts: get(ARTIFACTS),
            build_variables: NamePatterns::new(&get(BUILD_VARIABLES).unwrap_or_default()),
            assemble_runtime: get(ASSEMBLE_RUNTIME),
            variables: NamePatterns::new(&get(VARIABLES).unwrap_or_default()),
        };
        (labels, diagnostics)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_label_wins_and_old_names_are_reported() {
        let labels = BTreeMap::from([
            (SCRIPTS_URL.to_owned(), "image:///new".to_owned()),
            (SCRIPTS_URL_DEPRECATED.to_owned(), "image:///old".to_owned()),
        ]);
        let env = ["STI_LOCATION=/opt".to_owned()];
        let (read, diagnostics) = ImageLabels::read(&labels, &env);
        assert_eq!(read.scripts_url.as_deref(), Some("image:///new"));
        assert_eq!(read.destination.as_deref(), Some("/opt"));
        let text: Vec<_> = diagnostics.iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            [
                "labels: `STI_LOCATION` is deprecated, the image should have the label `io.openshift.s2i.destination`"
            ]
        );
    }

    #[test]
    fn patterns_name_variables() {
        let names = NamePatterns::new(" NPM_TOKEN,npm_config_//*\n\tOther,, ");
        for (name, expected) in [
            ("NPM_TOKEN", true),
            ("npm_token", true),
            ("NPM_TOKENS", false),
            ("npm_config_//example.org/:_authToken", true),
            ("npm_config_registry", false),
            ("OTHER", true),
            ("", false),
        ] {
            assert_eq!(names.matches(name), expected, "{name}");
        }
        assert!(!NamePatterns::default().matches("NPM_TOKEN"));
        assert!(NamePatterns::new("*").matches("ANY"));
    }
}
