//! The cancellation of a build from outside.

use std::{
    fmt,
    future::poll_fn,
    sync::{Arc, Mutex, OnceLock},
    task::{Poll, Waker},
};

use crate::resource::{Resource, Resources, Tracked};

/// The reason why a build is cancelled.
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

/// A token that cancels a build. Clones share one state, and a cancellation is final.
///
/// A dropped future can't remove resources in a daemon, so engines watch this token instead and remove their resources
/// before they return. Threads that continue for a moment after their future was dropped register with
/// [`track`](Self::track) the resources that they have to remove.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<State>);

#[derive(Debug, Default)]
struct State {
    reason: OnceLock<Interrupt>,
    wakers: Mutex<Vec<Waker>>,
    resources: Resources,
}

impl CancelToken {
    /// Cancels everything that watches this token. Only the first reason counts.
    ///
    /// # Panics
    /// Never: nothing panics while the lock is held.
    pub fn cancel(&self, reason: Interrupt) {
        let _ = self.0.reason.set(reason);
        let wakers = std::mem::take(&mut *self.0.wakers.lock().expect("no panic under this lock"));
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Returns the reason of the cancellation, if there was one.
    #[must_use]
    pub fn reason(&self) -> Option<Interrupt> {
        self.0.reason.get().copied()
    }

    /// Fails if the token was cancelled.
    ///
    /// # Errors
    /// The reason.
    pub fn check(&self) -> Result<(), Interrupt> {
        self.reason().map_or(Ok(()), Err)
    }

    /// Adds a resource that is about to be created to the [resources](Self::resources), unless the token was cancelled:
    /// then nothing is created any more.
    ///
    /// # Errors
    /// The reason.
    pub fn track(&self, resource: Resource) -> Result<Tracked, Interrupt> {
        // Added before the reason is checked: so after a cancellation, an empty list stays empty.
        let tracked = self.0.resources.add(resource);
        self.check().map(|()| tracked)
    }

    /// Returns the resources that exist.
    #[must_use]
    pub fn resources(&self) -> &Resources {
        &self.0.resources
    }

    /// Waits for the cancellation.
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
            // The cancellation may have come between the check and the lock.
            self.reason().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancellation_wakes_tasks_and_keeps_the_first_reason() {
        let token = CancelToken::default();
        let other = token.clone();
        let thread = std::thread::spawn(move || pollster::block_on(other.cancelled()));
        token.cancel(Interrupt::Terminated);
        token.cancel(Interrupt::Interrupted);
        assert_eq!(thread.join().unwrap(), Interrupt::Terminated);
        assert_eq!(pollster::block_on(token.cancelled()), Interrupt::Terminated);
    }

    #[test]
    fn nothing_is_tracked_after_a_cancellation() {
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
