//! The least rate of a transfer.

use tokio::time::Instant;

use crate::registry::{error::ProtocolError, options::LeastRate};

/// The pace of one transfer.
pub(in crate::registry) struct Pace {
    least: LeastRate,
    /// The begin of the window.
    start: Instant,
    /// The bytes that arrived in it.
    bytes: u64,
}

impl Pace {
    pub(in crate::registry) fn new(least: LeastRate) -> Self {
        Self {
            least,
            start: Instant::now(),
            bytes: 0,
        }
    }

    /// Counts bytes that arrived.
    pub(super) fn count(&mut self, bytes: usize) -> Result<(), ProtocolError> {
        self.bytes += bytes as u64;
        if self.start.elapsed() < self.least.window {
            return Ok(());
        }
        if self.bytes < self.least.bytes {
            return Err(ProtocolError::Slow {
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
    use std::time::Duration;

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
            assert!(pace.count(10).is_ok());
        }
        for second in 0..20 {
            tokio::time::advance(Duration::from_secs(1)).await;
            if let Err(slow) = pace.count(9) {
                assert_eq!(slow.to_string(), "only 90 bytes came in 10 seconds");
                assert_eq!(second, 9);
                return;
            }
        }
        panic!("a slow transfer was accepted");
    }
}
