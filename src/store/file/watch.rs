//! Notices that another process has changed the state file, by looking at it again and again.

use std::{future::Future, ops::Range, pin::Pin, time::Duration};

use tokio::time::sleep;

use super::{
    disk::{Files, Stamp},
    state::Term,
};
use crate::{clock::Clock, store::Watch};

/// Between two looks while somebody mints, in milliseconds.
const BUSY: Range<u64> = 3..8;
/// Between two looks otherwise.
const IDLE: Range<u64> = 20..31;

pub(super) struct FileWatch {
    files: Files,
    clock: Clock,
    seen: Option<Stamp>,
    lease: Option<Term>,
}

impl FileWatch {
    pub(super) fn new(files: Files, clock: Clock) -> Self {
        let mut watch = Self { seen: None, lease: None, files, clock };
        watch.look();
        watch
    }

    /// Whether the file is another than at the last look, or the lease that it speaks of has ended without a word.
    fn look(&mut self) -> bool {
        let stamp = self.files.stamp();
        if stamp != self.seen {
            self.seen = stamp;
            // What cannot be read is for `load` to complain about.
            self.lease = self.files.read().ok().and_then(|state| state.lease);
            return true;
        }
        let ended = self.lease.is_some_and(|lease| {
            lease.left(self.clock.now()).is_zero() || !self.files.lease_is_held().unwrap_or(true)
        });
        if ended {
            self.lease = None;
        }
        ended
    }

    fn pause(&self) -> Duration {
        let minting = self.lease.is_some();
        Duration::from_millis(fastrand::u64(if minting { BUSY } else { IDLE }))
    }
}

impl Watch for FileWatch {
    fn changed(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            while !self.look() {
                sleep(self.pause()).await;
            }
        })
    }
}
