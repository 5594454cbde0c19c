//! A configuration, as the options of a build.

use s2i_core::{Diagnostic, ImageRef, ImageRefError};
use serde_json::{Map, Value};
use thiserror::Error;

use super::{
    fields::{Treatment, treatment},
    login::{self, Login},
    read::Fields,
};
use crate::job::{GitPassword, JobError, RegistryLogins};

/// The period of processor time in microseconds that the kernel uses if none is given.
const CPU_PERIOD: u64 = 100_000;

/// A build that KubeSphere's operator asks for.
#[derive(Debug)]
pub struct RunConfig {
    /// The source.
    pub source: RunSource,
    /// The builder image.
    pub builder: ImageRef,
    /// The name of the image.
    pub output: ImageRef,
    /// The options of `s2i build` for all else, each in one word.
    pub options: Vec<String>,
    /// The logins of registries.
    pub logins: Option<RegistryLogins>,
    /// True if the status of the run gets the result of the build.
    pub reports: bool,
}

/// The source of a build.
#[derive(Debug)]
pub enum RunSource {
    /// A repository.
    Git {
        /// Its address, without a login.
        url: String,
        /// The Secret of the namespace with the login.
        secret: Option<String>,
        /// The login, if there is no such Secret.
        login: Option<GitPassword>,
    },
    /// A file that is downloaded, and is the only one of the source.
    Binary {
        /// Its address, which may have a login.
        url: s2i_core::Secret<String>,
    },
}

/// A configuration that no build can be made of.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RunConfigError {
    /// The file is not JSON, or no object. The text of the parser could show a password.
    #[error("the configuration is no JSON object, from line {line} and column {column} on")]
    Json {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// A field that there has to be.
    #[error("the configuration has no `{0}`: set it in the S2iBuilder")]
    Missing(&'static str),
    /// A value of another type.
    #[error("`{field}` of the configuration is not {expected}")]
    Wrong {
        /// The field.
        field: String,
        /// The type that it should have.
        expected: &'static str,
    },
    /// A field that asks for what a build in a pod can't do.
    #[error("`{field}` of the configuration can't be used for a build in a pod: {reason}")]
    Refused {
        /// The field.
        field: String,
        /// The reason.
        reason: &'static str,
    },
    /// The name of an image is none.
    #[error("`{field}` of the configuration is not the name of an image: {source}")]
    Image {
        /// The field.
        field: &'static str,
        /// The reason.
        source: ImageRefError,
    },
    /// The logins can't be put into a Secret.
    #[error(transparent)]
    Logins(#[from] JobError),
}

impl RunConfigError {
    pub(super) fn wrong(field: String, expected: &'static str) -> Self {
        Self::Wrong { field, expected }
    }

    pub(super) fn refused(field: impl Into<String>, reason: &'static str) -> Self {
        let field = field.into();
        Self::Refused { field, reason }
    }
}

impl RunConfig {
    /// Reads a configuration. Fields that have no effect are returned as warnings.
    ///
    /// # Errors
    /// [`RunConfigError`].
    pub fn parse(content: &[u8]) -> Result<(Self, Vec<Diagnostic>), RunConfigError> {
        let object: Map<String, Value> =
            serde_json::from_slice(content).map_err(|err| RunConfigError::Json {
                line: err.line(),
                column: err.column(),
            })?;
        let mut fields = Fields::new(object, "");
        let mut warnings = Vec::new();
        let builder = image(
            "builderImage",
            &fields.required("builderimage", "builderImage")?,
        )?;
        if !fields.flag("export")? {
            let reason = "no node keeps the image, so it has to be pushed; set it to true";
            return Err(RunConfigError::refused("export", reason));
        }
        let push = Login::take(&mut fields, "pushauthentication", "pushAuthentication")?;
        let tag = image("tag", &fields.required("tag", "tag")?)?;
        let output = output(tag, push.as_ref(), &mut warnings)?;
        let runtime = fields.text("runtimeimage")?;
        let runtime = runtime
            .map(|name| image("runtimeImage", &name))
            .transpose()?;
        let logins = logins(
            &mut fields,
            push,
            [&output, &builder],
            runtime.as_ref(),
            &mut warnings,
        )?;
        let source = source(&mut fields)?;
        let mut options = options(&mut fields, &mut warnings)?;
        options.extend(runtime.map(|image| format!("--runtime-image={image}")));
        let reports = fields.flag("outputbuildresult")?;
        if fields.text("builderpullpolicy")?.as_deref() == Some("never") {
            let text = "is `never`, but builders are always looked up in their registry";
            warnings.push(warning("builderPullPolicy", text));
        }
        rest(&fields, &mut warnings)?;
        let config = Self {
            source,
            builder,
            output,
            options,
            logins,
            reports,
        };
        Ok((config, warnings))
    }
}

fn warning(field: impl Into<String>, text: impl Into<String>) -> Diagnostic {
    Diagnostic::new(field, text)
}

fn image(field: &'static str, name: &str) -> Result<ImageRef, RunConfigError> {
    let parsed = name.parse();
    parsed.map_err(|source| RunConfigError::Image { field, source })
}

/// Returns the name of the result. The registry of the login is that of a name without one, as for s2irun; a registry that
/// the name has wins, because workloads pull the image by this name.
fn output(
    tag: ImageRef,
    push: Option<&Login>,
    warnings: &mut Vec<Diagnostic>,
) -> Result<ImageRef, RunConfigError> {
    let Some(server) = push.and_then(|login| login.server.as_deref()) else {
        return Ok(tag);
    };
    match tag.registry() {
        None if server != ImageRef::DEFAULT_REGISTRY => image("tag", &format!("{server}/{tag}")),
        Some(registry) if registry != server => {
            let text = format!(
                "is for `{server}`, but the image is pushed to `{registry}`, as its name has it"
            );
            warnings.push(warning("pushAuthentication.serverAddress", text));
            Ok(tag)
        }
        _ => Ok(tag),
    }
}

/// Takes the logins out: that for the push, and those to look images up.
fn logins(
    fields: &mut Fields,
    push: Option<Login>,
    [output, builder]: [&ImageRef; 2],
    runtime: Option<&ImageRef>,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Option<RegistryLogins>, RunConfigError> {
    let registry = |image: &ImageRef| image.registry_and_repository().0;
    let mut logins: Vec<_> = push
        .into_iter()
        .map(|login| (login, registry(output)))
        .collect();
    for (name, field, image) in [
        ("pullauthentication", "pullAuthentication", Some(builder)),
        (
            "incrementalauthentication",
            "incrementalAuthentication",
            Some(output),
        ),
        ("runtimeauthentication", "runtimeAuthentication", runtime),
    ] {
        let login = Login::take(fields, name, field)?;
        let of_image = login.zip(image);
        logins.extend(of_image.map(|(mut login, image)| {
            let registry = login.server.take().unwrap_or_else(|| registry(image));
            (login, registry)
        }));
    }
    logins.retain(|(login, _)| login.is_complete());
    let (file, left_out) = login::file(logins);
    let text = "is not used: another login for the same registry comes before it";
    warnings.extend(left_out.into_iter().map(|field| warning(field, text)));
    Ok(file)
}

fn source(fields: &mut Fields) -> Result<RunSource, RunConfigError> {
    let url = fields.required("sourceurl", "sourceUrl")?;
    if fields.flag("isbinaryurl")? {
        return Ok(RunSource::Binary {
            url: s2i_core::Secret::new(url),
        });
    }
    let (url, login) = login::of_url(&url);
    let secret = match fields.object("gitsecretref")? {
        Some(mut reference) => reference.text("name")?,
        None => None,
    };
    let login = login.filter(|_| secret.is_none());
    Ok(RunSource::Git { url, secret, login })
}

/// Takes out what options of `s2i build` have.
fn options(
    fields: &mut Fields,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Vec<String>, RunConfigError> {
    let mut options = Vec::new();
    // The console of KubeSphere writes `/` for the whole source.
    let context = fields.text("contextdir")?;
    let context = context.map(|dir| dir.trim_start_matches('/').to_owned());
    let context = context.filter(|dir| !dir.is_empty());
    options.extend(context.map(|dir| format!("--context-dir={dir}")));
    for (name, option) in [
        ("displayname", "application-name"),
        ("description", "description"),
        ("revisionid", "ref"),
        ("scriptsurl", "scripts-url"),
        ("destination", "destination"),
        ("assembleuser", "assemble-user"),
        ("excluderegexp", "exclude"),
    ] {
        let value = fields.text(name)?;
        options.extend(value.map(|value| format!("--{option}={value}")));
    }
    let incremental = fields.flag("incremental")?;
    let from = fields.text("incrementalfromtag")?.filter(|_| incremental);
    for (given, option) in [
        (incremental, "--incremental"),
        (fields.flag("ignoresubmodules")?, "--ignore-submodules"),
    ] {
        options.extend(given.then(|| option.to_owned()));
    }
    options.extend(from.map(|image| format!("--incremental-from-tag={image}")));
    for mut variable in fields.objects("environment")? {
        let (name, value) = (variable.text("name")?, variable.text("value")?);
        let (name, value) = (name.unwrap_or_default(), value.unwrap_or_default());
        options.push(format!("--env={name}={value}"));
    }
    let labels = fields.texts("labels")?;
    options.extend(
        labels
            .iter()
            .map(|(name, value)| format!("--label={name}={value}")),
    );
    for mut artifact in fields.objects("runtimeartifacts")? {
        let source = artifact.required("source", "runtimeArtifacts[].source")?;
        let into = artifact.text("destination")?;
        let path = into.map_or(source.clone(), |into| format!("{source}:{into}"));
        if path.contains(';') {
            return Err(RunConfigError::refused(
                "runtimeArtifacts",
                "a path has a `;`",
            ));
        }
        options.push(format!("--runtime-artifact={path}"));
    }
    options.extend(limits(fields, warnings)?);
    Ok(options)
}

fn limits(
    fields: &mut Fields,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Vec<String>, RunConfigError> {
    let Some(mut limits) = fields.object("cgrouplimits")? else {
        return Ok(Vec::new());
    };
    let mut options = Vec::new();
    let memory = limits.number("memorylimitbytes")?;
    options.extend(memory.map(|bytes| format!("--memory={bytes}")));
    let period = limits.number("cpuperiod")?.unwrap_or(CPU_PERIOD);
    if let Some(quota) = limits.number("cpuquota")? {
        let millis = u128::from(quota) * 1000 / u128::from(period);
        options.push(format!("--cpus={}.{:03}", millis / 1000, millis % 1000));
    }
    let text = "has no effect: pods have limits of memory and processor time alone";
    warnings.extend(limits.rest().map(|(_, field)| warning(field, text)));
    Ok(options)
}

/// Refuses fields that are left, or warns of them.
fn rest(fields: &Fields, warnings: &mut Vec<Diagnostic>) -> Result<(), RunConfigError> {
    for (name, written) in fields.rest() {
        match treatment(name) {
            Some(Treatment::Known) => {}
            Some(Treatment::Warned(reason)) => {
                warnings.push(warning(written, format!("has no effect: {reason}")));
            }
            Some(Treatment::Refused(reason)) => {
                return Err(RunConfigError::refused(written, reason));
            }
            None => warnings.push(warning(written, "is not known, and has no effect")),
        }
    }
    Ok(())
}
