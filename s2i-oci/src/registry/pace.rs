//! The least rate of a transfer.

use std::time::Duration;

use tokio::time::Instant;

use super::error::Trouble;

/// The least rate of a download. What sends one byte from time to time would otherwise hold a build for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeastRate {
    /// The bytes that must come in each window.
    pub bytes: u64,
    /// The length of a window. The first one begins with the answer, so nothing that is short is measured.
    pub window: Duration,
}

impl Default for LeastRate {
    /// 60 KiB in each minute: 1 KiB in a second on average.
    fn default() -> Self {
        Self {
            bytes: 60 << 10,
            window: Duration::from_secs(60),
        }
    }
}

/// The pace of one transfer.
pub(super) struct Pace {
    least: LeastRate,
    /// When the window began.
    start: Instant,
    /// The bytes that came in it so far.
    bytes: u64,
}

impl Pace {
    pub(super) fn new(least: LeastRate) -> Self {
        Self {
            least,
            start: Instant::now(),
            bytes: 0,
        }
    }

    /// Counts bytes that came.
    pub(super) fn came(&mut self, bytes: usize) -> Result<(), Trouble> {
        self.bytes += bytes as u64;
        if self.start.elapsed() < self.least.window {
            return Ok(());
        }
        if self.bytes < self.least.bytes {
            return Err(Trouble::Slow {
                bytes: self.bytes,
                window: self.start.elapsed(),
            });
        }
        *self = Self::new(self.least);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: LeastRate = LeastRate {
        bytes: 100,
        window: Duration::from_secs(10),
    };

    #[tokio::test(start_paused = true)]
    async fn each_window_needs_its_bytes() {
        let mut pace = Pace::new(LEAST);
        for _ in 0..50 {
            tokio::time::advance(Duration::from_secs(1)).await;
            assert!(pace.came(10).is_ok());
        }
        for second in 0..20 {
            tokio::time::advance(Duration::from_secs(1)).await;
            if let Err(slow) = pace.came(9) {
                assert_eq!(slow.to_string(), "only 90 bytes came in 10 seconds");
                assert_eq!(second, 9);
                return;
            }
        }
        panic!("it was not too slow");
    }
}
