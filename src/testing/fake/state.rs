//! What the server and all handles share.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{answer::Answer, gate::Gate, log::Log, tokens::Tokens};
use crate::clock::{Clock, Moment};

pub(super) struct State {
    started: Moment,
    /// What stands before every path: empty, or `/` and more.
    pub(super) prefix: Box<str>,
    pub(super) token_gate: Gate,
    pub(super) api_gate: Gate,
    inner: Mutex<Inner>,
}

pub(super) struct Inner {
    pub(super) tokens: Tokens,
    pub(super) log: Log,
    pub(super) manner: Manner,
    /// Answers of a test's own, by path.
    pub(super) answers: HashMap<String, Scripted>,
    advanced: Duration,
}

/// An answer of a test's own.
pub(super) struct Scripted {
    pub(super) answer: Answer,
    /// Whether it is given whatever the token.
    pub(super) open: bool,
}

/// How APIs answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Manner {
    pub(super) reject_all: Option<i64>,
    pub(super) rejection: Option<Answer>,
    pub(super) early: Option<Early>,
    pub(super) media_size: u64,
}

/// What becomes of an upload that was rejected before it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Early {
    Drain,
    Close,
}

impl State {
    pub(super) fn new(
        tokens: Tokens,
        token_gate: Gate,
        api_gate: Gate,
        log: Log,
        media_size: u64,
        prefix: Box<str>,
    ) -> Self {
        Self {
            started: Clock::default().now(),
            prefix,
            token_gate,
            api_gate,
            inner: Mutex::new(Inner {
                tokens,
                log,
                manner: Manner { media_size, ..Manner::default() },
                answers: HashMap::new(),
                advanced: Duration::ZERO,
            }),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing under this lock can panic half-way through a change.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tokens, and the platform's own time.
    pub(super) fn tokens<T>(&self, work: impl FnOnce(&mut Tokens, Duration) -> T) -> T {
        let mut inner = self.lock();
        let now = self.ran().saturating_add(inner.advanced);
        work(&mut inner.tokens, now)
    }

    pub(super) fn advance(&self, by: Duration) {
        let mut inner = self.lock();
        inner.advanced = inner.advanced.saturating_add(by);
    }

    fn ran(&self) -> Duration {
        let now = Clock::default().now();
        now.monotonic.saturating_duration_since(self.started.monotonic)
    }
}
