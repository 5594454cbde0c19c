//! Retries: their number and the pauses between them.

use std::time::Duration;

use crate::registry::error::{AttemptError, RegistryError};

/// The number of attempts on a registry.
pub(in crate::registry) const ATTEMPTS: u32 = 5;
/// The longest pause that a registry can ask for. A longer one ends the attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The number of new bytes that makes an attempt a successful one.
const PROGRESS: u64 = 256 * 1024;

/// The attempts of one operation.
#[derive(Debug)]
pub(in crate::registry) struct Backoff {
    attempts: u32,
    first_pause: Duration,
    left: u32,
    pause: Duration,
}

impl Backoff {
    /// The attempts with this pause after the first one.
    pub(super) fn new(attempts: u32, first_pause: Duration) -> Self {
        Self {
            attempts,
            first_pause,
            left: attempts - 1,
            pause: first_pause,
        }
    }

    /// Makes attempts until one succeeds or fails for good.
    pub(in crate::registry) async fn retry<T, F>(
        mut self,
        attempt: impl Fn() -> F,
    ) -> Result<T, RegistryError>
    where
        F: Future<Output = Result<T, AttemptError>>,
    {
        loop {
            match attempt().await {
                Ok(done) => return Ok(done),
                Err(err) => self.wait(err).await?,
            }
        }
    }

    /// Notes the number of new bytes of the last attempt. A successful one resets the number of attempts.
    pub(in crate::registry) fn gained(&mut self, bytes: u64) {
        if bytes >= PROGRESS {
            *self = Self::new(self.attempts, self.first_pause);
        }
    }

    /// Waits until the next attempt.
    ///
    /// # Errors
    /// The error itself, when there is no next attempt.
    pub(in crate::registry) async fn wait(
        &mut self,
        err: AttemptError,
    ) -> Result<(), RegistryError> {
        let (error, after) = match err {
            AttemptError::Final(error) => return Err(error),
            AttemptError::Retryable { error, after } => (error, after),
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

    fn attempts(number: u32) -> Backoff {
        Backoff::new(number, Duration::from_millis(500))
    }

    fn error(after: Option<u64>) -> AttemptError {
        AttemptError::Retryable {
            error: RegistryError::NotFound {
                registry: "r".into(),
                image: "i".into(),
            },
            after: after.map(Duration::from_secs),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_double_until_the_last_attempt() {
        let start = tokio::time::Instant::now();
        let mut backoff = attempts(ATTEMPTS);
        let mut pauses = Vec::new();
        while backoff.wait(error(None)).await.is_ok() {
            pauses.push(start.elapsed().as_millis());
        }
        assert_eq!(pauses, [500, 1500, 3500, 7500]);
    }

    #[tokio::test(start_paused = true)]
    async fn registry_sets_the_pause_within_limits() {
        let start = tokio::time::Instant::now();
        let mut backoff = attempts(ATTEMPTS);
        assert!(backoff.wait(error(Some(60))).await.is_ok());
        assert_eq!(start.elapsed().as_secs(), 60);
        assert!(backoff.wait(error(Some(61))).await.is_err());
        assert_eq!(start.elapsed().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn progress_resets_the_attempts() {
        let mut backoff = attempts(ATTEMPTS);
        for _ in 0..50 {
            backoff.gained(PROGRESS);
            assert!(backoff.wait(error(None)).await.is_ok());
        }
        let mut mirror = attempts(1);
        mirror.gained(PROGRESS - 1);
        assert!(mirror.wait(error(None)).await.is_err());
    }
}
