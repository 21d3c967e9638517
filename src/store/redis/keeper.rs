//! Makes the connection in the background, watches it, and makes it again. After a gap, has every watcher look again.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use redis::{PushInfo, PushKind, TlsCertificates, Value};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    connection::Connection,
    endpoint::Endpoint,
    eviction::policy_that_evicts,
    fault::{Cure, Fault},
    link::{Link, Pulse, State},
    pause::Pauses,
    watchers::Watchers,
};
use crate::{clock::Clock, telemetry};

/// A connection that lasted this long was a good one: the pauses begin from the shortest again.
const SETTLED: Duration = Duration::from_secs(1);
/// How often an idle connection is asked whether it is still there (PING).
const PROBE: Duration = Duration::from_secs(2);
/// How long that is waited for, and how often in a row it may stay unanswered. A server may be late, and a new connection
/// makes everybody look again: that would not help it.
const TIMEOUT: Duration = Duration::from_millis(500);
const MISSES: u32 = 3;
/// After a gap so many accounts look again at once; then the server has had this time, and has answered. So others need not
/// wait behind more than one portion.
const PORTION: usize = 100;
const GAP: Duration = Duration::from_millis(5);

/// What it takes to connect.
pub(super) struct Plan {
    pub(super) endpoint: Endpoint,
    pub(super) certificates: Option<TlsCertificates>,
    pub(super) channel: String,
    pub(super) watchers: Arc<Watchers>,
}

impl Link {
    /// Connects, and connects again, until it is dropped.
    pub(super) async fn keep(self: Arc<Self>, plan: Plan) {
        let clock = Clock::default();
        // It ends with this.
        let mut teller = JoinSet::new();
        teller.spawn(self.clone().tell_in_turn(plan.watchers.clone()));
        let mut pauses = Pauses::default();
        let mut looked = false;
        loop {
            let pulse = Arc::<Pulse>::default();
            let refused = match self.open(&plan, &pulse).await {
                Ok(mut connection) => {
                    let since = clock.now();
                    self.state.send_replace(State::Up(connection.clone(), pulse.clone()));
                    plan.watchers.tell_all();
                    if !looked {
                        looked = warn_of_eviction(&mut connection).await;
                    }
                    let is_cluster = connection.is_cluster();
                    self.guard(connection, &pulse).await;
                    let lasted = clock.now().since(since);
                    if lasted >= SETTLED {
                        pauses.reset();
                    }
                    // Some nodes of a Cluster may be as good as ever, and nobody can tell whether a connection knows the
                    // others' successors. So it serves on until a new one is there, which is not made all the time.
                    if is_cluster {
                        sleep(PROBE.saturating_sub(lasted)).await;
                    }
                    false
                }
                Err(fault) => {
                    self.state.send_replace(State::Down(fault.error));
                    fault.lasting
                }
            };
            let random = fastrand::f64();
            sleep(if refused { pauses.refused(random) } else { pauses.away(random) }).await;
        }
    }

    async fn open(self: &Arc<Self>, plan: &Plan, pulse: &Arc<Pulse>) -> Result<Connection, Fault> {
        let longest = match plan.endpoint {
            Endpoint::Single(_) => Duration::from_secs(1),
            // Some of these may be down, and are asked in turn.
            Endpoint::Sentinel { .. } | Endpoint::Cluster(_) => Duration::from_secs(4),
        };
        let push = listener(&plan.watchers, Arc::downgrade(self), pulse.clone(), &plan.endpoint);
        let opening = plan.endpoint.open(plan.certificates.as_ref(), &plan.channel, push);
        match timeout(longest.max(self.timeout), opening).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(Fault::of(&error, &plan.channel)),
            Err(_) => Err(Fault::new(
                "Redis does not take a connection; see whether it is stopped or cut off, and the address",
                Cure::Reconnect,
            )),
        }
    }

    /// Ends when there should be another connection.
    async fn guard(&self, mut connection: Connection, pulse: &Arc<Pulse>) {
        let mut missed = 0;
        while self.state.borrow().is(pulse) {
            let answers = pulse.answers();
            missed = match timeout(TIMEOUT, connection.is_alive()).await {
                Ok(true) => 0,
                Ok(false) => MISSES,
                // Behind many others, which are being answered.
                Err(_) if pulse.answers() != answers => 0,
                Err(_) => missed + 1,
            };
            if missed >= MISSES {
                if !connection.is_cluster() {
                    self.lost(pulse);
                }
                return;
            }
            if missed == 0 {
                let doubted = timeout(PROBE, pulse.doubt.notified()).await.is_ok();
                if doubted && connection.is_cluster() {
                    return;
                }
            }
        }
    }

    /// Tells the watchers of all accounts when that is due, in portions, as fast as the server answers.
    async fn tell_in_turn(self: Arc<Self>, watchers: Arc<Watchers>) {
        loop {
            watchers.begun().await;
            while watchers.tell_some(PORTION) {
                sleep(GAP).await;
                let mut connection = self.next_connection().await;
                let _ = timeout(TIMEOUT, connection.is_alive()).await;
            }
        }
    }

    /// The connection, however long it takes until there is one.
    async fn next_connection(&self) -> Connection {
        let mut states = self.state.subscribe();
        loop {
            if let State::Up(connection, _) = &*states.borrow_and_update() {
                return connection.clone();
            }
            // Cannot fail: this holds the sender.
            let _ = states.changed().await;
        }
    }
}

/// Says once if the server throws keys away when its memory is full. Whether it could be asked: a user who may not know is
/// not asked again.
async fn warn_of_eviction(connection: &mut Connection) -> bool {
    match timeout(TIMEOUT, connection.memory()).await {
        Ok(Ok(memory)) => {
            if let Some(policy) = policy_that_evicts(&memory) {
                telemetry::may_evict(policy);
            }
            true
        }
        Ok(Err(error)) => error.code().is_some(),
        Err(_) => false,
    }
}

/// What to do with what the server says unasked.
fn listener(
    watchers: &Arc<Watchers>,
    link: Weak<Link>,
    pulse: Arc<Pulse>,
    endpoint: &Endpoint,
) -> impl Fn(PushInfo) + Send + Sync + 'static {
    let watchers = watchers.clone();
    let is_cluster = matches!(endpoint, Endpoint::Cluster(_));
    move |push| match (push.kind, push.data.as_slice()) {
        (PushKind::Message, [_, Value::BulkString(account)]) => {
            if let Ok(account) = std::str::from_utf8(account) {
                watchers.tell(account);
            }
        }
        // It has subscribed again by itself, and messages may have been lost before this.
        (PushKind::Subscribe, _) if is_cluster => watchers.tell_all(),
        (PushKind::Disconnection, _) if is_cluster => {
            watchers.tell_all();
            pulse.doubt.notify_one();
        }
        (PushKind::Disconnection, _) => {
            if let Some(link) = link.upgrade() {
                link.lost(&pulse);
            }
        }
        _ => {}
    }
}
