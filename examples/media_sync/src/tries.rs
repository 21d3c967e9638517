//! [`Tries`]: trying again what may pass, and nothing more once it is in vain.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use crate::answer::{Failure, Reach};

/// How often something is tried again.
const AGAIN: u32 = 3;
/// Whoever asks for more patience is asked again by the next run.
const LONGEST: Duration = Duration::from_secs(10);

/// All tries of one API.
pub struct Tries {
    /// Before the second try. Each pause is twice as long as the one before.
    pause: Duration,
    in_vain: AtomicBool,
}

impl Tries {
    pub fn new(pause: Duration) -> Self {
        Self { pause, in_vain: AtomicBool::new(false) }
    }

    /// What is under way comes to its end, and nothing more begins.
    pub fn stop(&self) {
        self.in_vain.store(true, Ordering::Relaxed);
    }

    /// A try may have been carried out although it failed. For temporary media that does no harm: what nobody knows of is
    /// deleted after three days.
    pub async fn of<T>(&self, attempt: impl AsyncFn() -> Result<T, Failure>) -> Result<T, Failure> {
        let mut result = Err(Failure::NotTried);
        for number in 0..=AGAIN {
            if self.in_vain.load(Ordering::Relaxed) {
                break;
            }
            result = attempt().await;
            let Err(failure) = &result else { break };
            let asked = failure.retry_after().unwrap_or_default();
            if number == AGAIN || !failure.is_passing() || asked > LONGEST {
                if failure.reach() != Reach::Picture {
                    self.stop();
                }
                break;
            }
            tokio::time::sleep(asked.max(self.pause * 2_u32.pow(number))).await;
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn what_passes_is_tried_again_and_what_does_not_stops_all() {
        let tries = Tries::new(Duration::ZERO);
        let count = Cell::new(0);
        let fails = async |times: u32, failure: fn() -> Failure| {
            count.set(0);
            let outcome = tries.of(async || {
                count.set(count.get() + 1);
                if count.get() > times { Ok(()) } else { Err(failure()) }
            });
            (outcome.await.is_ok(), count.get())
        };
        assert_eq!(fails(3, || Failure::Strange).await, (true, 4));
        // Of this picture only.
        assert_eq!(fails(1, || Failure::Theirs).await, (false, 1));
        assert_eq!(fails(0, || Failure::Strange).await, (true, 1));
        assert_eq!(fails(4, || Failure::Strange).await, (false, 4));
        assert_eq!(fails(0, || Failure::Strange).await, (false, 0));
    }
}
