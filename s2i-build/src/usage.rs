//! Runs the script `usage` of an image: resolve, plan, run.

use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, Ordering},
};

use s2i_core::{Diagnostic, Script};

use crate::{
    cancel::CancelToken,
    context::BuildContext,
    error::{BuildError, BuildFailure},
    event::{Event, EventSink, Output, Phase, Progress},
    execute::{admitted, notice_root, program},
    plan::{self, UsagePlan},
    ports::{Container as _, ImageResolver, Runner, Start},
    request::{ContainerOptions, UsageRequest},
};

/// The maximal size of the output of a script that is kept, in bytes.
const MAX_OUTPUT: usize = 1 << 20;

/// Runs the script `usage` of an image, and returns its standard output, up to a mebibyte. Its standard error is sent
/// as events, and so is its standard output when the script fails.
///
/// # Errors
/// [`BuildFailure`]; no container is left behind unless its `cleanup` or a warning names it.
pub async fn usage<E: ImageResolver + Runner>(
    engine: &E,
    request: &UsageRequest,
    events: &dyn EventSink,
    cancel: &CancelToken,
) -> Result<Vec<u8>, BuildFailure> {
    let kept = Kept {
        others: events,
        text: Mutex::default(),
        is_reported: AtomicBool::new(false),
    };
    let progress = Progress::new(&kept);
    let done = phases(engine, request, BuildContext::new(&progress, cancel)).await;
    let text = kept.take();
    if done.is_err() {
        events.event(Event::Output(Output::Stdout, text.clone()));
    }
    progress.end_phase();
    done.map(|()| text)
}

async fn phases<E: ImageResolver + Runner>(
    engine: &E,
    request: &UsageRequest,
    context: BuildContext<'_>,
) -> Result<(), BuildFailure> {
    context.progress.phase(Phase::Images);
    let resolving = engine.resolve(&request.image, request.pull, context);
    let image = resolving.await?;
    let plan = plan::usage(request, &image)?;
    execute(engine, &plan, context).await
}

/// Runs the container of the plan.
async fn execute<R: Runner>(
    runner: &R,
    plan: &UsagePlan,
    context: BuildContext<'_>,
) -> Result<(), BuildFailure> {
    let start = Start {
        image: &plan.image,
        user: &plan.user.name,
        network: &plan.network,
        limits: plan.limits,
        options: &ContainerOptions::default(),
        artifacts: None,
        source: None,
        others: &[],
    };
    let container = runner.start(&start, context).await?;
    let mut container = admitted(container, plan.script_user()).await?;
    context.progress.phase(Phase::Usage);
    notice_root(container.uid(), plan.script_user(), context.progress);
    let program = program(&plan.run, &plan.user, &plan.image.config);
    let ran = container.exec(&program, context).await;
    let discarded = container.discard().await;
    let error = match ran {
        Ok(exit) if exit.is_success() => {
            context.warn_of_leftover(discarded);
            return Ok(());
        }
        Ok(exit) => BuildError::Script {
            script: Script::Usage.into(),
            image: plan.image.name.clone(),
            exit,
        },
        Err(err) => err.into(),
    };
    Err(BuildFailure::new(error, discarded))
}

/// A sink that keeps the standard output of a script, and passes on all other events.
struct Kept<'a> {
    others: &'a dyn EventSink,
    text: Mutex<Vec<u8>>,
    /// True after the warning that the output is truncated was sent.
    is_reported: AtomicBool,
}

impl Kept<'_> {
    fn text(&self) -> MutexGuard<'_, Vec<u8>> {
        self.text.lock().expect("no panic under this lock")
    }

    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.text())
    }
}

impl EventSink for Kept<'_> {
    fn event(&self, event: Event) {
        let Event::Output(Output::Stdout, piece) = event else {
            return self.others.event(event);
        };
        let mut text = self.text();
        let room = MAX_OUTPUT - text.len();
        if piece.len() > room && !self.is_reported.swap(true, Ordering::Relaxed) {
            let message = "it writes more than 1 MiB; the rest is left out";
            let problem = Diagnostic::new(Script::Usage.file_name(), message);
            self.others.event(Event::Warning(problem));
        }
        text.extend_from_slice(&piece[..piece.len().min(room)]);
    }
}
