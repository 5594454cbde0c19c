//! `s2i kube job`.

use s2i_build::{
    CancelToken,
    source::location::{Place, without_credentials},
};
use s2i_kube::{document::object, job::Name};
use serde_json::Value;

use super::KubeError;
use crate::{
    args::{Build, kube::Job},
    commands::repository_job,
    context::CommandContext,
    error::Error,
};

/// Returns the Job that `s2i build --on cluster` would create.
pub(super) async fn job(
    args: &Job,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<Value, Error> {
    let build = &args.build;
    check_source(&build.args)?;
    let making = repository_job(&build.args, &build.words, context, cancel);
    let mut job = Box::pin(making).await?;
    job.namespace = args.objects.namespace();
    if let Some(name) = &args.name {
        job.object_name = Name::Exact(name.clone());
    }
    Ok(object(&job.object().map_err(KubeError::from)?))
}

/// Refuses a source that is not in the document, and one that must not be in it.
fn check_source(build: &Build) -> Result<(), KubeError> {
    match &build.source.place {
        Place::Directory(path) => Err(KubeError::NotInDocument(path.display().to_string())),
        Place::Remote(url) => {
            let public = without_credentials(url);
            if public == *url {
                Ok(())
            } else {
                Err(KubeError::Login(public))
            }
        }
    }
}
