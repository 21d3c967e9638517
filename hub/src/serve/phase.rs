//! [`Phase`]: what a connection does at the moment, and how long it may.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{connections::Place, framing::Framing};
use crate::clock::now;

/// How long a connection may be idle between two requests. Clients keep theirs for a minute or two, and the one who closes
/// first had better be the client: it cannot tell whether a request that it is just sending was taken.
pub(super) const IDLE: Duration = Duration::from_secs(300);

/// How long a client may take nothing of an answer that is there for it.
const LONGEST_BLOCK: Duration = Duration::from_secs(60);

/// What a connection does at the moment.
#[derive(Clone, Copy)]
enum Doing {
    /// It has sent nothing yet.
    Beginning,
    /// It has sent something of a request.
    Sending,
    /// It is being answered.
    Answered,
    /// It takes nothing of its answer.
    Blocked,
    /// It has been answered.
    Idle,
}

/// What one connection does at the moment, since when, and how long it may.
pub(super) struct Phase {
    place: Place,
    header_timeout: Duration,
    doing: Mutex<(Doing, Instant)>,
    framing: Mutex<Framing>,
}

impl Phase {
    pub(super) fn new(place: Place, header_timeout: Duration) -> Self {
        Self {
            place,
            header_timeout,
            doing: Mutex::new((Doing::Beginning, now())),
            framing: Mutex::default(),
        }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Bytes have come.
    pub(super) fn received(&self, bytes: &[u8]) {
        self.framing().read(bytes);
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

    /// Whether the request says in two ways how long its body is.
    pub(super) fn is_length_double(&self) -> bool {
        self.framing().is_double()
    }

    /// The client takes nothing, or something again.
    pub(super) fn blocked(&self, is_blocked: bool) {
        let mut doing = self.doing();
        match (doing.0, is_blocked) {
            (Doing::Answered, true) => *doing = (Doing::Blocked, now()),
            (Doing::Blocked, false) => *doing = (Doing::Answered, now()),
            _ => {}
        }
    }

    /// Its answer has gone out.
    pub(super) fn answered(&self) {
        *self.doing() = (Doing::Idle, now());
        self.framing().next();
        self.place.idle();
    }

    /// When this must have ended. An answer takes as long as it takes, if the client takes it.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let (doing, since) = *self.doing();
        match doing {
            Doing::Beginning | Doing::Sending => Some(since + self.header_timeout),
            Doing::Idle => Some(since + IDLE),
            Doing::Answered => None,
            Doing::Blocked => Some(since + LONGEST_BLOCK),
        }
    }

    fn framing(&self) -> MutexGuard<'_, Framing> {
        // Nothing panics while it is held.
        self.framing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn doing(&self) -> MutexGuard<'_, (Doing, Instant)> {
        // Nothing panics while it is held.
        self.doing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
