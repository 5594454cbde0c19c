//! The events of a build in a cluster, as those of any other build.

use s2i_build::{
    CancelToken, Notice,
    event::{Event, Output, Progress},
    transfer::{TransferKind, TransferReporter},
};
use s2i_core::{Diagnostic, text::Filter};
use s2i_kube::client::{self, Build, Cluster, Outcome, Run, State, Submitted};

use super::ClusterError;
use crate::{error::Error, render::Renderer};

/// Shows that a build was created, and what the cluster warns of.
pub(super) fn announce(submitted: &Submitted, cluster: &Cluster, renderer: &Renderer) {
    let progress = Progress::new(renderer);
    progress.notice(Notice::BuildsInCluster {
        job: submitted.build.name().to_owned(),
        namespace: cluster.namespace().to_owned(),
    });
    let warnings = submitted.warnings.iter();
    progress.warn(warnings.map(|warning| Diagnostic::new("the cluster", &warning.words)));
}

/// Runs or follows a build to its end, and returns its result.
pub(super) async fn run(
    build: &Build,
    options: Run,
    renderer: &Renderer,
    cancel: &CancelToken,
) -> Result<Outcome, Error> {
    let progress = Progress::new(renderer);
    let mut upload = None;
    let mut show = |state| show(state, &progress, &mut upload);
    let outcome = client::run(build, options, cancel, &mut show).await;
    Ok(outcome.map_err(ClusterError::from)?)
}

/// Returns the name of the image with its digest, as far as the build has reported them.
pub(super) fn reference(outcome: &Outcome) -> Option<String> {
    let image = outcome.image.as_ref()?;
    let parsed: Option<s2i_core::ImageRef> = image.parse().ok();
    Some(match (parsed, &outcome.digest) {
        (Some(name), Some(digest)) => format!("{}@{digest}", name.name()),
        _ => image.clone(),
    })
}

/// Shows a state of the build.
fn show<'a>(state: State, progress: &Progress<'a>, upload: &mut Option<TransferReporter<'a>>) {
    match state {
        State::Waiting(waiting) => progress.notice(Notice::ClusterWaits {
            reason: waiting.to_string(),
        }),
        State::Pod { pod, attempt } => progress.notice(Notice::PodCreated { pod, attempt }),
        State::StepStarted { step, .. } => progress.notice(Notice::StepStarted {
            step: step.to_string(),
        }),
        State::Upload { sent } => upload
            .get_or_insert_with(|| progress.transfer(TransferKind::Upload))
            .report(sent, None),
        State::Uploaded { bytes } => {
            if let Some(transfer) = upload.take() {
                transfer.report(bytes, None);
            }
            progress.notice(Notice::SourceUploaded { bytes });
        }
        State::UploadCut { words } => {
            upload.take();
            progress.warn([Diagnostic::new("the upload of the source", words)]);
        }
        State::Log { line, .. } => {
            let line = Filter::strip(&line) + "\n";
            progress.send(Event::Output(Output::Stdout, line.into_bytes()));
        }
        State::LogLost { step, error } => {
            progress.warn([Diagnostic::new(
                format!("the log of {step}"),
                error.to_string(),
            )]);
        }
        State::StepEnded(end) => progress.notice(Notice::StepEnded {
            step: end.step.to_string(),
            seconds: end.seconds,
            code: end.code,
        }),
        State::Interrupted(error) => {
            progress.warn([Diagnostic::new(
                "the connection to the cluster",
                error.to_string(),
            )]);
        }
        State::Ended(_) => progress.end_phase(),
    }
}
