//! The one connection of a store and its clones: made in the background, watched, and made again.
//!
//! A command waits while a connection is being made for the first time or right after one broke, and fails at once while
//! the last attempt has failed. So a blip costs a moment, and an outage costs nothing.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use redis::{PushInfo, PushKind, ScriptInvocation, TlsCertificates, Value};
use tokio::{
    sync::{Notify, watch},
    time::{sleep, timeout},
};

use super::{
    bell::Bell,
    connection::Connection,
    endpoint::Endpoint,
    fault::{Cure, Fault},
    scripts::Answer,
};
use crate::{clock::Clock, store::StoreError};

/// The shortest and the longest pause between two attempts to connect.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));
/// A connection that lasted this long was a good one: the pauses begin from the shortest again.
const SETTLED: Duration = Duration::from_secs(1);
/// How often an idle connection is asked whether it is still there.
const PROBE: Duration = Duration::from_secs(2);

pub(super) struct Link {
    state: watch::Sender<State>,
    timeout: Duration,
}

#[derive(Clone)]
enum State {
    Connecting,
    /// The bell of the connection: rung by whoever doubts that it is still alive.
    Up(Connection, Arc<Notify>),
    Down(StoreError),
}

impl State {
    fn is(&self, doubt: &Arc<Notify>) -> bool {
        matches!(self, Self::Up(_, present) if Arc::ptr_eq(present, doubt))
    }
}

/// What it takes to connect.
pub(super) struct Plan {
    pub(super) endpoint: Endpoint,
    pub(super) certificates: Option<TlsCertificates>,
    pub(super) channel: String,
    pub(super) bell: Arc<Bell>,
}

impl Link {
    pub(super) fn new(timeout: Duration) -> Arc<Self> {
        Arc::new(Self { state: watch::Sender::new(State::Connecting), timeout })
    }

    /// Runs a script. Every script may run twice: the first answer may get lost with the connection.
    pub(super) async fn run(&self, script: &ScriptInvocation<'_>, key: &str) -> Result<Answer, StoreError> {
        timeout(self.timeout, self.run_twice(script, key)).await.unwrap_or_else(|_| {
            if let State::Up(_, doubt) = &*self.state.borrow() {
                doubt.notify_one();
            }
            Err(StoreError::unavailable(format!(
                "Redis did not answer within {} ms; see whether it is overloaded, stopped or cut off",
                self.timeout.as_millis()
            )))
        })
    }

    /// Tells whoever listens to the channel. It is a hint: a user who may not publish can still write, and whoever waits
    /// looks by itself now and then.
    pub(super) async fn publish(&self, channel: &str, account: &str) {
        let state = self.state.borrow().clone();
        if let State::Up(mut connection, _) = state {
            let _ = timeout(self.timeout, connection.publish(channel, account)).await;
        }
    }

    async fn run_twice(&self, script: &ScriptInvocation<'_>, key: &str) -> Result<Answer, StoreError> {
        let mut again = true;
        loop {
            let (mut connection, doubt) = self.connection().await?;
            let error = match connection.invoke(script).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let Fault { error: fault, cure } = Fault::of(&error, key);
            match cure {
                Cure::Nothing => {}
                Cure::Probe => doubt.notify_one(),
                // A Cluster's connection finds nodes by itself, while it has any.
                Cure::Reconnect if connection.is_cluster() => doubt.notify_one(),
                Cure::Reconnect => {
                    self.lost(&doubt);
                    if std::mem::take(&mut again) {
                        continue;
                    }
                }
            }
            return Err(fault);
        }
    }

    /// The connection, as soon as there is one; an error if there will be none soon.
    async fn connection(&self) -> Result<(Connection, Arc<Notify>), StoreError> {
        let mut states = self.state.subscribe();
        let state = states.wait_for(|state| !matches!(state, State::Connecting)).await;
        match state.as_deref() {
            Ok(State::Up(connection, doubt)) => Ok((connection.clone(), doubt.clone())),
            Ok(State::Down(error)) => Err(error.clone()),
            // Cannot be: this holds the sender.
            Ok(State::Connecting) | Err(_) => Err(StoreError::unavailable("Redis is not connected")),
        }
    }

    /// Waits until the first attempt to connect has gone well or badly, or until the patience for a command is over.
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
    fn lost(&self, doubt: &Arc<Notify>) {
        let changed = self.state.send_if_modified(|state| {
            let present = state.is(doubt);
            if present {
                *state = State::Connecting;
            }
            present
        });
        if changed {
            doubt.notify_one();
        }
    }

    /// Connects, and connects again, until it is dropped.
    pub(super) async fn keep(self: Arc<Self>, plan: Plan) {
        let clock = Clock::default();
        let mut pause = PAUSE.0;
        loop {
            let doubt = Arc::new(Notify::new());
            match self.open(&plan, &doubt).await {
                Ok(connection) => {
                    let since = clock.now();
                    self.state.send_replace(State::Up(connection.clone(), doubt.clone()));
                    plan.bell.ring_all();
                    let is_cluster = connection.is_cluster();
                    self.guard(connection, &doubt).await;
                    let lasted = clock.now().since(since);
                    if lasted >= SETTLED {
                        pause = PAUSE.0;
                    }
                    // Some nodes of a Cluster may be as good as ever, and nobody can tell whether a connection knows the
                    // others' successors. So it serves on until a new one is there, which is not made all the time.
                    if is_cluster {
                        sleep(PROBE.saturating_sub(lasted)).await;
                    }
                }
                Err(error) => {
                    self.state.send_replace(State::Down(error));
                }
            }
            // Many processes lose the same server at the same moment.
            sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    async fn open(self: &Arc<Self>, plan: &Plan, doubt: &Arc<Notify>) -> Result<Connection, StoreError> {
        let patience = match plan.endpoint {
            Endpoint::Single(_) => Duration::from_secs(1),
            // Some of these may be down, and are asked in turn.
            Endpoint::Sentinel { .. } | Endpoint::Cluster(_) => Duration::from_secs(4),
        };
        let push = listener(&plan.bell, Arc::downgrade(self), doubt.clone(), &plan.endpoint);
        let opening = plan.endpoint.open(plan.certificates.as_ref(), &plan.channel, push);
        match timeout(patience.max(self.timeout), opening).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(Fault::of(&error, &plan.channel).error),
            Err(_) => Err(StoreError::unavailable(
                "Redis does not take a connection; see whether it is stopped or cut off, and the address",
            )),
        }
    }

    /// Ends when there should be another connection.
    async fn guard(&self, mut connection: Connection, doubt: &Arc<Notify>) {
        while self.state.borrow().is(doubt) {
            if !matches!(timeout(self.timeout, connection.is_alive()).await, Ok(true)) {
                if !connection.is_cluster() {
                    self.lost(doubt);
                }
                return;
            }
            let doubted = timeout(PROBE, doubt.notified()).await.is_ok();
            if doubted && connection.is_cluster() {
                return;
            }
        }
    }
}

/// What to do with what the server says unasked.
fn listener(
    bell: &Arc<Bell>,
    link: Weak<Link>,
    doubt: Arc<Notify>,
    endpoint: &Endpoint,
) -> impl Fn(PushInfo) + Send + Sync + 'static {
    let bell = bell.clone();
    let is_cluster = matches!(endpoint, Endpoint::Cluster(_));
    move |push| match (push.kind, push.data.as_slice()) {
        (PushKind::Message, [_, Value::BulkString(account)]) => {
            if let Ok(account) = std::str::from_utf8(account) {
                bell.ring(account);
            }
        }
        // Messages may have been lost before this.
        (PushKind::Subscribe, _) => bell.ring_all(),
        (PushKind::Disconnection, _) if is_cluster => {
            bell.ring_all();
            doubt.notify_one();
        }
        (PushKind::Disconnection, _) => {
            if let Some(link) = link.upgrade() {
                link.lost(&doubt);
            }
        }
        _ => {}
    }
}
