//! What the server and all handles share.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    answer::Answer, clock::Clock, gate::Gate, log::Log, media::Media, tickets::Tickets, tokens::Tokens,
    users::Users,
};

pub(crate) struct State {
    pub(crate) clock: Clock,
    /// What stands before every path: empty, or `/` and more.
    pub(crate) prefix: Box<str>,
    /// Whether control calls are answered.
    pub(crate) is_controlled: bool,
    pub(crate) token_gate: Gate,
    pub(crate) api_gate: Gate,
    inner: Mutex<Inner>,
}

pub(crate) struct Inner {
    pub(crate) tokens: Tokens,
    pub(crate) log: Log,
    pub(crate) manner: Manner,
    pub(crate) users: Users,
    pub(crate) tickets: Tickets,
    pub(crate) media: Media,
    /// Answers of a test's own, by path.
    pub(crate) answers: HashMap<String, Scripted>,
}

/// An answer of a test's own.
pub(crate) struct Scripted {
    pub(crate) answer: Answer,
    /// Whether it is given whatever the token.
    pub(crate) open: bool,
}

/// How APIs answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manner {
    pub(crate) reject_all: Option<i64>,
    pub(crate) rejection: Option<Answer>,
    pub(crate) early: Option<Early>,
    pub(crate) media_size: u64,
}

/// What becomes of an upload that was rejected before it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Early {
    Drain,
    Close,
}

impl State {
    pub(crate) fn new(
        tokens: Tokens,
        token_gate: Gate,
        api_gate: Gate,
        log: Log,
        media_size: u64,
        prefix: Box<str>,
        is_controlled: bool,
    ) -> Self {
        Self {
            clock: Clock::start(),
            prefix,
            is_controlled,
            token_gate,
            api_gate,
            inner: Mutex::new(Inner {
                tokens,
                log,
                manner: Manner { media_size, ..Manner::default() },
                users: Users::default(),
                tickets: Tickets::default(),
                answers: HashMap::new(),
                media: Media::default(),
            }),
        }
    }

    /// Ends all faults.
    pub(crate) fn heal(&self) {
        self.token_gate.heal();
        self.api_gate.heal();
        self.lock().manner.reject_all = None;
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing under this lock can panic half-way through a change.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tokens, and the platform's own time.
    pub(crate) fn tokens<T>(&self, work: impl FnOnce(&mut Tokens, Duration) -> T) -> T {
        work(&mut self.lock().tokens, self.clock.now())
    }
}
