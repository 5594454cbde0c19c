//! Stopping a build from outside.

use std::{
    fmt,
    future::poll_fn,
    sync::{Arc, Mutex, OnceLock},
    task::{Poll, Waker},
};

use crate::resource::{Resource, Resources, Tracked};

/// Why a build is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupt {
    /// Ctrl-C: SIGINT.
    Interrupted,
    /// `kill`: SIGTERM.
    Terminated,
    /// The terminal went away: SIGHUP.
    HungUp,
}

impl fmt::Display for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Interrupted => "Ctrl-C",
            Self::Terminated => "SIGTERM",
            Self::HungUp => "SIGHUP",
        })
    }
}

/// Stops a build: clones share one state, and what is stopped stays stopped.
///
/// A dropped future can't clean up what lives in a daemon, so engines watch this token instead and
/// take down what they built before they return. Threads that go on for a moment after their future was
/// dropped say by [`track`](Self::track) what they have to remove.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<State>);

#[derive(Debug, Default)]
struct State {
    reason: OnceLock<Interrupt>,
    wakers: Mutex<Vec<Waker>>,
    resources: Resources,
}

impl CancelToken {
    /// Stops everything that watches this token. Only the first reason counts.
    ///
    /// # Panics
    /// Never: nothing panics while the lock is held.
    pub fn cancel(&self, reason: Interrupt) {
        let _ = self.0.reason.set(reason);
        let wakers = std::mem::take(&mut *self.0.wakers.lock().expect("no panic under this lock"));
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Why everything stops, if it does.
    #[must_use]
    pub fn reason(&self) -> Option<Interrupt> {
        self.0.reason.get().copied()
    }

    /// Fails if everything stops.
    ///
    /// # Errors
    /// The reason.
    pub fn check(&self) -> Result<(), Interrupt> {
        self.reason().map_or(Ok(()), Err)
    }

    /// Adds something that is about to be made to the [resources](Self::resources), unless everything
    /// stops: nothing is made any more then.
    ///
    /// # Errors
    /// The reason.
    pub fn track(&self, resource: Resource) -> Result<Tracked, Interrupt> {
        // Added first, and looked at the reason then: after it was set, a list that is empty stays so.
        let tracked = self.0.resources.add(resource);
        self.check().map(|()| tracked)
    }

    /// The resources that were made and are still there.
    #[must_use]
    pub fn resources(&self) -> &Resources {
        &self.0.resources
    }

    /// Waits until the build is stopped.
    ///
    /// # Panics
    /// Never: nothing panics while the lock is held.
    pub async fn cancelled(&self) -> Interrupt {
        poll_fn(|context| {
            if let Some(reason) = self.reason() {
                return Poll::Ready(reason);
            }
            let mut wakers = self.0.wakers.lock().expect("no panic under this lock");
            if !wakers.iter().any(|waker| waker.will_wake(context.waker())) {
                wakers.push(context.waker().clone());
            }
            drop(wakers);
            // It may have come between the look and the lock.
            self.reason().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiting_task_is_woken_and_the_first_reason_stays() {
        let token = CancelToken::default();
        let other = token.clone();
        let thread = std::thread::spawn(move || pollster::block_on(other.cancelled()));
        token.cancel(Interrupt::Terminated);
        token.cancel(Interrupt::Interrupted);
        assert_eq!(thread.join().unwrap(), Interrupt::Terminated);
        assert_eq!(pollster::block_on(token.cancelled()), Interrupt::Terminated);
    }

    #[test]
    fn nothing_is_made_once_it_is_stopped() {
        let token = CancelToken::default();
        let image = || Resource::Image("id".into());
        let tracked = token.track(image()).unwrap();
        token.cancel(Interrupt::HungUp);
        assert_eq!(token.resources().list(), [image()]);
        let late = token.track(image()).map(drop);
        assert_eq!(late, Err(Interrupt::HungUp));
        drop(tracked);
        assert_eq!(token.resources().list(), []);
    }
}
