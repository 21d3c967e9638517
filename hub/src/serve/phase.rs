//! [`Phase`]: what a connection does at the moment, and how long it may.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::connections::Place;
use crate::clock::now;

/// How long a connection may be idle between two requests. Clients keep theirs for a minute or two, and the one who closes
/// first had better be the client: it cannot tell whether a request that it is just sending was taken.
pub(super) const IDLE: Duration = Duration::from_secs(300);

/// What a connection does at the moment.
#[derive(Clone, Copy)]
enum Doing {
    /// It has sent nothing yet.
    Beginning,
    /// It has sent something of a request.
    Sending,
    /// It is being answered.
    Answered,
    /// It has been answered.
    Idle,
}

/// What one connection does at the moment, since when, and how long it may.
pub(super) struct Phase {
    place: Place,
    header_timeout: Duration,
    doing: Mutex<(Doing, Instant)>,
}

impl Phase {
    pub(super) fn new(place: Place, header_timeout: Duration) -> Self {
        Self { place, header_timeout, doing: Mutex::new((Doing::Beginning, now())) }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Bytes have come.
    pub(super) fn received(&self) {
        let mut doing = self.doing();
        if let Doing::Idle = doing.0 {
            *doing = (Doing::Sending, now());
        }
    }

    /// A request is here.
    pub(super) fn answering(&self) {
        *self.doing() = (Doing::Answered, now());
        self.place.busy();
    }

    /// Its answer has gone out.
    pub(super) fn answered(&self) {
        *self.doing() = (Doing::Idle, now());
        self.place.idle();
    }

    /// When this must have ended. An answer takes as long as it takes.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let (doing, since) = *self.doing();
        match doing {
            Doing::Beginning | Doing::Sending => Some(since + self.header_timeout),
            Doing::Idle => Some(since + IDLE),
            Doing::Answered => None,
        }
    }

    fn doing(&self) -> MutexGuard<'_, (Doing, Instant)> {
        // Nothing panics while it is held.
        self.doing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
