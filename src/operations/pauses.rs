//! Pauses between attempts at what must not be given up soon: storing what is paid for, and
//! writing down what has become of it.

use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// So many attempts, each a full round of the store's own retries: with the pauses it is ten
/// minutes and more.
const ATTEMPTS: u32 = 25;

/// Pauses double up to this: while they last a picture holds memory, which others want as soon
/// as the store is back.
const LONGEST: Duration = Duration::from_secs(30);

/// And up to this once the process is to stop: it has less than half a minute.
const LONGEST_LAST: Duration = Duration::from_secs(1);

/// The pauses of one thing that is tried again.
#[derive(Debug, Clone)]
pub(super) struct Pauses {
    next: Duration,
    attempts_left: u32,
    stopping: CancellationToken,
}

impl Pauses {
    /// The first attempt comes at once; the second after `first`.
    pub fn new(first: Duration, stopping: &CancellationToken) -> Self {
        Self {
            next: first.min(LONGEST),
            attempts_left: ATTEMPTS,
            stopping: stopping.clone(),
        }
    }

    /// How long the coming pause is, for the log.
    pub fn next_ms(&self) -> u128 {
        self.next.as_millis()
    }

    /// Waits behind an attempt; `false` when it was the last one.
    pub async fn rest(&mut self) -> bool {
        self.attempts_left = self.attempts_left.saturating_sub(1);
        if self.attempts_left == 0 {
            return false;
        }
        tokio::select! {
            () = tokio::time::sleep(self.next) => {}
            () = async {
                self.stopping.cancelled().await;
                tokio::time::sleep(LONGEST_LAST).await;
            } => {}
        }
        self.next = (self.next * 2).min(LONGEST);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn attempts_have_an_end() {
        let mut pauses = Pauses::new(Duration::ZERO, &CancellationToken::new());
        let mut attempts = 1;
        while pauses.rest().await {
            attempts += 1;
        }
        assert_eq!(attempts, ATTEMPTS);
    }
}
