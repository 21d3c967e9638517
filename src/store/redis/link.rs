//! The one connection of a store and its clones, and what is sent over it.
//!
//! A command waits while a connection is being made for the first time or right after one broke, and fails at once while
//! the last attempt has failed. So a blip costs a moment, and an outage costs nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use redis::ScriptInvocation;
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};

use super::{
    connection::Connection,
    fault::{Cure, Fault},
    scripts::Answer,
};
use crate::{
    clock::{Clock, Moment},
    store::StoreError,
};

pub(super) struct Link {
    pub(super) state: watch::Sender<State>,
    pub(super) timeout: Duration,
}

#[derive(Clone)]
pub(super) enum State {
    Connecting,
    Up(Connection, Arc<Pulse>),
    Down(StoreError),
}

impl State {
    pub(super) fn is(&self, pulse: &Arc<Pulse>) -> bool {
        matches!(self, Self::Up(_, present) if Arc::ptr_eq(present, pulse))
    }
}

/// What is known of one connection.
#[derive(Default)]
pub(super) struct Pulse {
    /// Told by whoever doubts that it is still alive.
    pub(super) doubt: Notify,
    /// How many commands have been answered.
    answers: AtomicU64,
}

impl Pulse {
    pub(super) fn answers(&self) -> u64 {
        self.answers.load(Relaxed)
    }
}

impl Link {
    pub(super) fn new(timeout: Duration) -> Arc<Self> {
        Arc::new(Self { state: watch::Sender::new(State::Connecting), timeout })
    }

    /// Runs a script. Every script may run twice: the first answer may get lost with the connection.
    pub(super) async fn run(&self, script: &ScriptInvocation<'_>, key: &str) -> Result<Answer, StoreError> {
        timeout(self.timeout, self.run_twice(script, key)).await.unwrap_or_else(|_| {
            if let State::Up(_, pulse) = &*self.state.borrow() {
                pulse.doubt.notify_one();
            }
            Err(StoreError::unavailable(format!(
                "Redis did not answer within {} ms; see whether it is overloaded, stopped or cut off",
                self.timeout.as_millis()
            )))
        })
    }

    async fn run_twice(&self, script: &ScriptInvocation<'_>, key: &str) -> Result<Answer, StoreError> {
        let mut again = true;
        loop {
            let (mut connection, pulse) = self.connection().await?;
            let answer = connection.invoke(script).await;
            if answer.as_ref().map_or_else(|error| error.code().is_some(), |_| true) {
                pulse.answers.fetch_add(1, Relaxed);
            }
            let error = match answer {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let Fault { error: fault, cure, .. } = Fault::of(&error, key);
            match cure {
                Cure::Nothing => {}
                Cure::Probe => pulse.doubt.notify_one(),
                // A Cluster's connection finds nodes by itself, while it has any.
                Cure::Reconnect if connection.is_cluster() => pulse.doubt.notify_one(),
                Cure::Reconnect => {
                    self.lost(&pulse);
                    if std::mem::take(&mut again) {
                        continue;
                    }
                }
            }
            return Err(fault);
        }
    }

    /// Tells other stores of a change that a script has made. `since` is when the call began whose time this takes.
    pub(super) async fn publish(&self, channel: &str, account: &str, since: Moment) {
        let left = self.timeout.saturating_sub(Clock::default().now().since(since));
        let _ = timeout(left, async {
            if let Ok((mut connection, _)) = self.connection().await {
                connection.publish(channel, account).await;
            }
        })
        .await;
    }

    /// The connection, as soon as there is one; an error if there will be none soon.
    async fn connection(&self) -> Result<(Connection, Arc<Pulse>), StoreError> {
        let mut states = self.state.subscribe();
        let state = states.wait_for(|state| !matches!(state, State::Connecting)).await;
        match state.as_deref() {
            Ok(State::Up(connection, pulse)) => Ok((connection.clone(), pulse.clone())),
            Ok(State::Down(error)) => Err(error.clone()),
            // Cannot be: this holds the sender.
            Ok(State::Connecting) | Err(_) => Err(StoreError::unavailable("Redis is not connected")),
        }
    }

    /// Waits until the first attempt to connect has gone well or badly, or until the time-out of a command has passed.
    pub(super) async fn settled(&self) {
        let _ = timeout(self.timeout, self.connection()).await;
    }

    /// How things stand, in a word.
    pub(super) fn status(&self) -> &'static str {
        match &*self.state.borrow() {
            State::Connecting => "connecting",
            State::Up(..) => "up",
            State::Down(_) => "down",
        }
    }

    /// This connection is no longer of use.
    pub(super) fn lost(&self, pulse: &Arc<Pulse>) {
        let changed = self.state.send_if_modified(|state| {
            let present = state.is(pulse);
            if present {
                *state = State::Connecting;
            }
            present
        });
        if changed {
            pulse.doubt.notify_one();
        }
    }
}
