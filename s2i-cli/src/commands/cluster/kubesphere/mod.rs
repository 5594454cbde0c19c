//! `s2i cluster kubesphere`: the program in the place of s2irun, in a pod that KubeSphere's operator has created.
//!
//! The pod of the operator runs no code of users: it creates the Job of the build, follows it, and reports the result. It
//! ends with 0 or 1, as s2irun does.

mod download;
mod report;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use s2i_build::{
    CancelToken,
    context::or_interrupted,
    event::{Event, EventSink as _},
};
use s2i_core::{ErrorChain, bounds};
use s2i_kube::{
    client::{ApiError, OwnPod},
    job::name_from_image,
    s2irun::{
        CONFIG_VARIABLE, MAX_CONFIG_BYTES, NAMESPACE_VARIABLE, POD_VARIABLE, RunConfig, RunSource,
    },
};

use self::download::Downloaded;
use super::{ClusterError, build, connect, rebuild::parse};
use crate::{
    args::{OnCluster, Where},
    context::CommandContext,
    error::Error,
    host::Host,
    render,
};

/// The exit code of all failures, which is that of s2irun.
const FAILED: u8 = 1;

/// Builds what the operator asks for.
pub(super) async fn run(
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<ExitCode, Error> {
    match Box::pin(run_once(context, cancel)).await {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(err) => {
            render::error(&err, None, context.renderer().is_json());
            Ok(FAILED.into())
        }
    }
}

async fn run_once(context: &CommandContext<'_>, cancel: &CancelToken) -> Result<(), Error> {
    let variable = |name| {
        let value = context.host.variables.first_text(&[name]);
        value.ok_or(ClusterError::NoOperator(name))
    };
    let config = read(variable(CONFIG_VARIABLE)?.into(), context)?;
    let namespace = variable(NAMESPACE_VARIABLE)?.to_owned();
    let pod = variable(POD_VARIABLE)?;
    let cluster = connect(&Where {
        context: None,
        namespace: Some(namespace.clone()),
    })
    .await?;
    let own = async { cluster.own_pod(pod).await.map_err(refused) };
    let run = KubeSphere {
        pod: or_interrupted(own, cancel).await?,
        namespace,
        config,
        context,
        cancel,
    };
    // Before anything is created.
    let source = run.source().await?;
    let mut secrets = Vec::new();
    let built = Box::pin(run.build(&source, &mut secrets)).await;
    for secret in secrets {
        if let Err(err) = run.pod.delete_secret(&secret).await {
            context.warn(format!("the Secret `{secret}`"), &err.to_string());
        }
    }
    built
}

/// Reads the configuration, and shows which fields have no effect.
fn read(path: PathBuf, context: &CommandContext<'_>) -> Result<RunConfig, ClusterError> {
    let bytes = bounds::read_file(&path, MAX_CONFIG_BYTES);
    let bytes = bytes.map_err(|source| ClusterError::RunFile { path, source })?;
    let (config, warnings) = RunConfig::parse(&bytes)?;
    for warning in warnings {
        context.renderer().event(Event::Warning(warning));
    }
    Ok(config)
}

fn refused(err: ApiError) -> Error {
    ClusterError::from(err).into()
}

/// A build for the operator.
struct KubeSphere<'a> {
    pod: OwnPod,
    namespace: String,
    config: RunConfig,
    context: &'a CommandContext<'a>,
    cancel: &'a CancelToken,
}

/// The source of a build, as an argument.
enum Source {
    Git(String),
    File(Downloaded),
}

impl KubeSphere<'_> {
    async fn source(&self) -> Result<Source, Error> {
        match &self.config.source {
            RunSource::Git { url, .. } => Ok(Source::Git(url.clone())),
            RunSource::Binary { url } => {
                let downloaded = download::save(url, self.context);
                or_interrupted(downloaded, self.cancel)
                    .await
                    .map(Source::File)
            }
        }
    }

    /// Builds, and reports the result. `secrets` gets the names of the Secrets that were created.
    async fn build(&self, source: &Source, secrets: &mut Vec<String>) -> Result<(), Error> {
        let config = &self.config;
        let application = name_from_image(&config.output.to_string());
        let (mut push, mut git) = (None, None);
        if let Some(logins) = &config.logins {
            let name = self.pod.secret_name("registry");
            let object = logins.object(&name, None, &application);
            let object = object.map_err(ClusterError::from)?;
            let request = Box::pin(self.pod.create_secret(object));
            self.create(request, &name, secrets).await?;
            push = Some(name);
        }
        if let RunSource::Git { secret, login, .. } = &config.source {
            git.clone_from(secret);
            if let Some(login) = login {
                let name = self.pod.secret_name("git");
                let object = login.object(&name, None, &application);
                let object = object.map_err(ClusterError::from)?;
                let request = Box::pin(self.pod.create_secret(object));
                self.create(request, &name, secrets).await?;
                git = Some(name);
            }
        }
        let words = self.words(source, push.as_deref(), git.as_deref());
        let args = parse(&words, &config.output)?;
        let place = OnCluster { context: None };
        // The operator gives the logins of registries to this process alone.
        let host = Host {
            auth_config: config.logins.as_ref().map(|logins| logins.config.clone()),
            ..self.context.host.clone()
        };
        let context = CommandContext {
            host: &host,
            ..*self.context
        };
        let placement = self.pod.placement();
        let building = build::placed(&args, &place, &words, placement, &context, self.cancel);
        let built = Box::pin(building).await?;
        if config.reports
            && let Some(outcome) = built
        {
            let file = match source {
                Source::Git(_) => None,
                Source::File(file) => Some(file),
            };
            let reported = report::write(&self.pod, &config.output, &outcome, file, &context).await;
            // The image is there, and s2irun does not fail either.
            if let Err(err) = reported {
                let text = ErrorChain(&err).to_string();
                context.warn("the result in the annotations of the pod", &text);
            }
        }
        Ok(())
    }

    /// Awaits the creation of a Secret.
    async fn create(
        &self,
        request: impl Future<Output = Result<(), ApiError>>,
        name: &str,
        secrets: &mut Vec<String>,
    ) -> Result<(), Error> {
        // A request that is interrupted may have been done.
        secrets.push(name.to_owned());
        let create = async { request.await.map_err(refused) };
        or_interrupted(create, self.cancel).await
    }

    /// Returns the command line of the build.
    fn words(&self, source: &Source, push: Option<&str>, git: Option<&str>) -> Vec<OsString> {
        let mut words = ["s2i", "build", "--on=cluster"].map(str::to_owned).to_vec();
        words.push(format!("--namespace={}", self.namespace));
        words.extend(push.map(|name| format!("--push-secret={name}")));
        words.extend(push.map(|name| format!("--image-pull-secret={name}")));
        // This image has the program of the steps too, so one variable of the operator is enough.
        let agent = self
            .pod
            .image()
            .map(|image| format!("--agent-image={image}"));
        words.extend(agent);
        words.extend(git.map(|name| format!("--git-secret={name}")));
        words.extend((!self.context.global.tls_verify).then(|| "--tls-verify=false".to_owned()));
        words.extend(self.config.options.iter().cloned());
        let source = match source {
            Source::Git(url) => url.clone(),
            Source::File(file) => {
                words.push("--copy".to_owned());
                file.dir().display().to_string()
            }
        };
        words.extend(["--".to_owned(), source]);
        words.push(self.config.builder.to_string());
        words.push(self.config.output.to_string());
        words.into_iter().map(Into::into).collect()
    }
}
