//! Following a build: one loop over the changes of its objects, its logs, the upload of its source, and the clock.

mod inputs;
mod seen;
mod state;
mod steps;

use std::{collections::VecDeque, time::Duration};

use futures_util::{
    Stream, StreamExt as _,
    stream::{BoxStream, SelectAll, unfold},
};
use tokio::time::Instant;

pub use self::state::{End, State, StepEnd};
use self::{inputs::Input, seen::Seen, steps::Steps};
use super::{
    cluster::Build,
    diagnose::{JobSeen, Patience, Reason, Verdict, Waiting, diagnose, is_over},
    error::ApiError,
    upload::{OpenSource, UploadError},
};
use crate::job::Step;

/// The time between two looks at the clock.
const TICK: Duration = Duration::from_secs(1);

/// The options for following a build.
#[derive(Default)]
pub struct FollowOptions {
    /// The source, if the build needs one that this client has.
    pub source: Option<OpenSource>,
    /// The times that the build may stand still.
    pub patience: Patience,
    /// Leaves the logs of the steps out.
    pub without_logs: bool,
}

impl std::fmt::Debug for FollowOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FollowOptions")
            .field("source", &self.source.is_some())
            .field("patience", &self.patience)
            .field("without_logs", &self.without_logs)
            .finish()
    }
}

/// A build that is followed.
pub struct Follow {
    build: Build,
    options: FollowOptions,
    inputs: SelectAll<BoxStream<'static, Input>>,
    seen: Seen,
    steps: Steps,
    pending: VecDeque<State>,
    /// The last reason of a wait.
    waiting: Option<Waiting>,
    /// The time of the last event.
    moved: Instant,
    /// True from the loss of a connection to the next change.
    is_interrupted: bool,
    /// The end of the build, and when it was seen: logs are completed after it.
    end: Option<(End, Instant)>,
    done: bool,
}

impl Follow {
    /// Starts to follow a build.
    #[must_use]
    pub fn new(build: Build, options: FollowOptions) -> Self {
        let mut inputs = SelectAll::new();
        inputs.push(inputs::job(&build));
        inputs.push(inputs::pods(&build));
        inputs.push(inputs::job_events(&build));
        inputs.push(inputs::clock(TICK));
        Self {
            build,
            options,
            inputs,
            seen: Seen::default(),
            steps: Steps::default(),
            pending: VecDeque::new(),
            waiting: None,
            moved: Instant::now(),
            is_interrupted: false,
            end: None,
            done: false,
        }
    }

    /// Returns the next event, and `None` after the last one. A future that is dropped loses nothing.
    ///
    /// # Errors
    /// A source that can't be read, a right that is missing, and a cluster that can't be reached for three minutes. The
    /// build goes on then.
    pub async fn next(&mut self) -> Result<Option<State>, FollowError> {
        loop {
            if let Some(state) = self.pending.pop_front() {
                return Ok(Some(state));
            }
            if self.done {
                return Ok(None);
            }
            let Some(input) = self.inputs.next().await else {
                return Ok(None);
            };
            self.take(input)?;
            self.advance();
        }
    }

    /// Returns the events as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Result<State, FollowError>> {
        unfold(Some(self), |follow| async {
            let mut follow = follow?;
            match follow.next().await {
                Ok(state) => state.map(|state| (Ok(state), Some(follow))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    fn take(&mut self, input: Input) -> Result<(), FollowError> {
        match input {
            Input::Job(change) => {
                let interrupted = self.seen.job(*change?);
                self.connection(interrupted);
            }
            Input::Pods(change) => {
                let interrupted = self.seen.pod(*change?);
                self.connection(interrupted);
            }
            Input::Events(change) => {
                let interrupted = self.seen.event(*change?);
                self.connection(interrupted);
            }
            Input::Clock => {}
            Input::Log { pod, step, piece } => {
                let state = self.steps.log(pod, step, piece);
                self.push(state);
            }
            Input::Sent(sent) => self.push([State::Upload { sent }]),
            Input::Uploaded(uploaded) => self.uploaded(uploaded)?,
        }
        Ok(())
    }

    /// Reports a lost connection once, however many streams and tries it takes. It is no progress of the build.
    fn connection(&mut self, interrupted: Option<ApiError>) {
        let is_lost = interrupted.is_some();
        if self.is_interrupted && !is_lost {
            // Nothing was seen meanwhile, so nothing is known to have stood still.
            self.moved = Instant::now();
        }
        let new = interrupted.filter(|_| !self.is_interrupted);
        self.pending.extend(new.map(State::Interrupted));
        self.is_interrupted = is_lost;
    }

    fn uploaded(&mut self, uploaded: Result<u64, UploadError>) -> Result<(), FollowError> {
        let state = match uploaded {
            Ok(bytes) => State::Uploaded { bytes },
            Err(UploadError::Attach(error)) if error.is_temporary() || error.is_not_found() => {
                State::UploadCut {
                    words: error.to_string(),
                }
            }
            Err(error @ UploadError::Cut { .. }) => State::UploadCut {
                words: error.to_string(),
            },
            Err(error) => return Err(error.into()),
        };
        self.push([state]);
        Ok(())
    }

    /// Looks at everything after a change.
    fn advance(&mut self) {
        let news = self.steps.look(self.seen.pods());
        for new in news.started {
            if !self.options.without_logs {
                self.inputs.push(inputs::log(
                    &self.build,
                    new.pod.clone(),
                    new.step,
                    new.ended,
                ));
            }
            if new.step == Step::Prepare
                && new.waits
                && let Some(open) = &self.options.source
            {
                self.inputs
                    .push(inputs::source(&self.build, new.pod, open()));
            }
        }
        for uid in news.pods {
            self.inputs.push(inputs::pod_events(&self.build, &uid));
        }
        self.push(news.states);
        let logs = !self.options.without_logs;
        let ended = self.steps.ended(logs);
        self.push(ended);
        self.judge();
    }

    fn judge(&mut self) {
        if let Some((_, since)) = &self.end {
            let complete = self.options.without_logs || self.steps.logs_are_complete();
            // A long log takes its time; one that stands still is left.
            let still = since.elapsed().min(self.moved.elapsed());
            if complete || still >= state::LOG_TIME {
                self.finish();
            }
            return;
        }
        let observed = self.seen.observed();
        let still = self.moved.elapsed();
        let finished = match observed.job {
            JobSeen::Present(job) => is_over(job),
            JobSeen::Unknown | JobSeen::Deleted => true,
        };
        match diagnose(&observed, still, &self.options.patience) {
            Verdict::Running(_) => self.waiting = None,
            Verdict::Waiting(waiting) => self.wait(waiting),
            Verdict::Done(outcome) => {
                self.end = Some((End::Succeeded(outcome), Instant::now()));
            }
            Verdict::Fatal(failure) => {
                self.end = Some((End::Failed { failure, finished }, Instant::now()));
            }
        }
        if self.end.is_some() {
            self.steps.all_ended();
            self.judge();
        }
    }

    /// Reports a new reason: those that need a change elsewhere at once, others if they last.
    fn wait(&mut self, waiting: Waiting) {
        let moment = !matches!(
            waiting.reason,
            Reason::Cache | Reason::Refused | Reason::Suspended
        );
        let brief = moment && self.moved.elapsed() < 2 * TICK;
        let known = self.waiting.as_ref().is_some_and(|known| {
            let same_step = known.step.is_none() || known.step == waiting.step;
            known.reason == waiting.reason
                && same_step
                && is_only_longer(&known.words, &waiting.words)
        });
        if !brief && !known {
            self.pending.push_back(State::Waiting(waiting.clone()));
            self.waiting = Some(waiting);
        }
    }

    fn finish(&mut self) {
        if let Some((end, _)) = self.end.take() {
            let ended = self.steps.ended(false);
            self.pending.extend(ended);
            self.pending.push_back(State::Ended(end));
        }
        self.done = true;
        self.inputs.clear();
    }

    fn push(&mut self, states: impl IntoIterator<Item = State>) {
        for state in states {
            self.moved = Instant::now();
            self.pending.push_back(state);
        }
    }
}

/// Returns whether two texts differ in numbers alone, as the seconds of a wait.
fn is_only_longer(known: &str, words: &str) -> bool {
    let letters = |text: &str| {
        text.chars()
            .filter(|c| !c.is_ascii_digit())
            .collect::<String>()
    };
    known == words || letters(known) == letters(words)
}

/// A build that can't be followed any more.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The cluster refuses to describe the build, or can't be reached.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The source can't be sent.
    #[error(transparent)]
    Upload(#[from] UploadError),
}
