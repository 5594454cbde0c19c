//! The steps of all pods of a build: which have started, which have ended, and whose logs are complete.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use tokio::time::Instant;

use super::state::{LOG_TIME, State, StepEnd};
use crate::{
    client::{
        diagnose::pod::{is_running, steps, terminated, waits_for_source},
        logs::Piece,
        outcome::{seconds, words},
    },
    job::Step,
};

/// The steps of all pods.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    pods: Vec<String>,
    steps: BTreeMap<(String, Step), Known>,
}

#[derive(Debug)]
struct Known {
    /// The end, and when it was seen or a line after it, until it is reported.
    end: Option<(StepEnd, Instant)>,
    /// The same for the reader of the log.
    ended: Arc<AtomicBool>,
    log_is_complete: bool,
}

/// The news of a look at the pods.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// The ids of pods.
    pub(crate) pods: Vec<String>,
    pub(crate) started: Vec<Started>,
    pub(crate) states: Vec<State>,
}

/// A step that has started.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) pod: String,
    pub(crate) step: Step,
    /// True if it waits for the source.
    pub(crate) waits: bool,
    pub(crate) ended: Arc<AtomicBool>,
}

impl Steps {
    /// Compares the pods with what is known.
    pub(crate) fn look(&mut self, pods: &[Pod]) -> News {
        let mut news = News::default();
        for pod in pods {
            let name = pod.metadata.name.clone().unwrap_or_default();
            if !self.pods.contains(&name) {
                self.pods.push(name.clone());
                news.pods.extend(pod.metadata.uid.clone());
                news.states.push(State::Pod {
                    pod: name.clone(),
                    attempt: self.pods.len(),
                });
            }
            for (step, status) in steps(pod) {
                self.look_at(pod, &name, step, status, &mut news);
            }
        }
        news
    }

    fn look_at(
        &mut self,
        pod: &Pod,
        name: &str,
        step: Step,
        status: &ContainerStatus,
        news: &mut News,
    ) {
        let end = terminated(status);
        if end.is_none() && !is_running(status) {
            return;
        }
        let key = (name.to_owned(), step);
        let known = self.steps.entry(key).or_insert_with(|| {
            let ended = Arc::new(AtomicBool::new(false));
            news.started.push(Started {
                pod: name.to_owned(),
                step,
                waits: is_running(status) && waits_for_source(pod, step),
                ended: Arc::clone(&ended),
            });
            news.states.push(State::StepStarted {
                pod: name.to_owned(),
                step,
            });
            Known {
                end: None,
                ended,
                log_is_complete: false,
            }
        });
        if let Some(end) = end
            && !known.ended.swap(true, Ordering::AcqRel)
        {
            let end = StepEnd {
                pod: name.to_owned(),
                step,
                code: end.exit_code,
                reason: end.reason.clone(),
                message: words(end).filter(|_| end.exit_code != 0),
                seconds: seconds(end),
            };
            known.end = Some((end, Instant::now()));
        }
    }

    /// Takes a piece of a log.
    pub(crate) fn log(&mut self, pod: String, step: Step, piece: Piece) -> Option<State> {
        let known = self.steps.get_mut(&(pod.clone(), step));
        let state = match piece {
            Piece::Line(line) => {
                if let Some((_, since)) = known.and_then(|known| known.end.as_mut()) {
                    *since = Instant::now();
                }
                return Some(State::Log { pod, step, line });
            }
            Piece::Lost(error) => Some(State::LogLost { step, error }),
            Piece::End => None,
        };
        if let Some(known) = known {
            known.log_is_complete = true;
        }
        state
    }

    /// Returns the ends of steps whose logs are complete, or are not waited for.
    pub(crate) fn ended(&mut self, with_logs: bool) -> Vec<State> {
        let ends = self.steps.values_mut().filter_map(|known| {
            let wait = with_logs && !known.log_is_complete;
            let late = |(_, since): &(StepEnd, Instant)| since.elapsed() >= LOG_TIME;
            let ready = !wait || known.end.as_ref().is_some_and(late);
            known.end.take_if(|_| ready)
        });
        ends.map(|(end, _)| State::StepEnded(end)).collect()
    }

    /// Notes that nothing runs any more, whatever was seen of it.
    pub(crate) fn all_ended(&self) {
        self.steps
            .values()
            .for_each(|known| known.ended.store(true, Ordering::Release));
    }

    /// Returns whether no log is read any more.
    pub(crate) fn logs_are_complete(&self) -> bool {
        self.steps.values().all(|known| known.log_is_complete)
    }
}
