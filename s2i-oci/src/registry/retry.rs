//! When to try again, and when to give up.

use std::time::Duration;

use super::error::{Failure, RegistryError};

/// How often something is tried before its failure counts.
const ATTEMPTS: u32 = 5;
/// How long the first pause is; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause that a registry can ask for. One that wants more wants nobody to wait for it.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How many bytes make an attempt one that was worth it.
const PROGRESS: u64 = 256 * 1024;

/// The patience for one operation.
#[derive(Debug)]
pub(super) struct Backoff {
    attempts: u32,
    left: u32,
    pause: Duration,
}

impl Backoff {
    /// For the registry itself.
    pub(super) fn patient() -> Self {
        Self::new(ATTEMPTS)
    }

    /// For a mirror: there is somebody else to ask.
    pub(super) fn impatient() -> Self {
        Self::new(1)
    }

    fn new(attempts: u32) -> Self {
        Self {
            attempts,
            left: attempts - 1,
            pause: FIRST_PAUSE,
        }
    }

    /// Tells how many bytes the last attempt gained. Patience is without end for who gets on.
    pub(super) fn gained(&mut self, bytes: u64) {
        if bytes >= PROGRESS {
            *self = Self::new(self.attempts);
        }
    }

    /// Waits until the next attempt.
    ///
    /// # Errors
    /// The failure itself, when there is no next attempt.
    pub(super) async fn wait(&mut self, failure: Failure) -> Result<(), RegistryError> {
        let (error, after) = match failure {
            Failure::Final(error) => return Err(error),
            Failure::Again { error, after } => (error, after),
        };
        let pause = after.unwrap_or(self.pause);
        if self.left == 0 || pause > LONGEST_PAUSE {
            return Err(error);
        }
        self.left -= 1;
        self.pause *= 2;
        tracing::debug!(%error, ?pause, "trying again");
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(after: Option<u64>) -> Failure {
        Failure::Again {
            error: RegistryError::NotFound {
                registry: "r".into(),
                image: "i".into(),
            },
            after: after.map(Duration::from_secs),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_double_and_end() {
        let start = tokio::time::Instant::now();
        let mut backoff = Backoff::patient();
        let mut pauses = Vec::new();
        while backoff.wait(failure(None)).await.is_ok() {
            pauses.push(start.elapsed().as_millis());
        }
        assert_eq!(pauses, [500, 1500, 3500, 7500]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_registry_sets_the_pause_within_limits() {
        let start = tokio::time::Instant::now();
        let mut backoff = Backoff::patient();
        assert!(backoff.wait(failure(Some(60))).await.is_ok());
        assert_eq!(start.elapsed().as_secs(), 60);
        assert!(backoff.wait(failure(Some(61))).await.is_err());
        assert_eq!(start.elapsed().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn progress_renews_patience() {
        let mut backoff = Backoff::patient();
        for _ in 0..50 {
            backoff.gained(PROGRESS);
            assert!(backoff.wait(failure(None)).await.is_ok());
        }
        let mut mirror = Backoff::impatient();
        mirror.gained(PROGRESS - 1);
        assert!(mirror.wait(failure(None)).await.is_err());
    }
}
