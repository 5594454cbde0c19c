//! `--apply` of `s2i kube`.

use s2i_build::{CancelToken, context::or_interrupted};
use s2i_core::Diagnostic;
use s2i_kube::client::{Applied, Cluster};
use serde_json::{Value, json};

use crate::{
    args::kube::ObjectArgs, commands::ClusterError, context::CommandContext, error::Error,
};

/// Applies the objects, and shows what the cluster warns of and what has changed.
pub(super) async fn run(
    objects: &[Value],
    options: &ObjectArgs,
    cluster: &Cluster,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<(), Error> {
    let check = async {
        let checked = cluster
            .check_objects(objects, options.force_conflicts)
            .await;
        Ok::<_, Error>(checked.map_err(ClusterError::from)?)
    };
    let checked = Box::pin(or_interrupted(check, cancel)).await?;
    let renderer = context.renderer();
    let warnings = checked.warnings().iter();
    let warnings = warnings.map(|warning| Diagnostic::new("the cluster", &warning.words));
    renderer.warnings(warnings.collect());
    // A request is not cut off: it may have changed an object that no message would name.
    let applied = checked.apply(cancel).await.map_err(ClusterError::from)?;
    let text: String = applied.iter().map(line).collect();
    let object = json!({"event": "applied", "objects": applied});
    renderer.answer(&text, &object);
    Ok(())
}

fn line(applied: &Applied) -> String {
    let place = applied.namespace.as_ref();
    let place = place.map(|namespace| format!(" in `{namespace}`"));
    format!(
        "{applied} {}{}\n",
        applied.change,
        place.unwrap_or_default()
    )
}
