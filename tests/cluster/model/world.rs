//! The processes and their calls under way.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};
use tower_wechat::{
    TokenError,
    issuer::Minted,
    store::{Claim, Commit, Failure, Lease, LeaseRequest, Note, Record, Snapshot, Usage},
    testing::ManualClock,
};

use crate::model::{
    account::Account,
    words::{self, Fences},
};

pub struct World {
    state: Mutex<State>,
    /// A call has arrived.
    pub arrived: Notify,
}

#[derive(Clone, Debug)]
pub enum Request {
    /// The process begins to want a token.
    Start,
    Load,
    TryLease(LeaseRequest),
    Renew(Lease),
    Commit(Lease, Record, Usage),
    Abandon(Lease, Option<Failure>, Usage),
    Note(Note),
    Mint {
        rejected: Option<String>,
    },
}

#[derive(Clone)]
pub enum Reply {
    Load(Snapshot),
    Claim(Claim),
    Renewed(bool),
    Commit(Commit),
    Abandoned,
    Noted,
    Minted(Result<Minted, TokenError>),
}

#[derive(Clone)]
#[allow(clippy::large_enum_variant, reason = "nearly all of them are replies")]
pub enum Answer {
    Reply(Reply),
    Lost,
    Panic,
}

/// A call under way.
pub struct Op {
    pub id: u64,
    pub process: usize,
    pub request: Request,
    pub reply: Option<oneshot::Sender<Answer>>,
    /// It has taken effect, and this answer is on its way to a frozen process.
    pub answered: Option<Answer>,
    /// Not before nothing else can happen.
    pub last: bool,
    pub not_before: Option<Instant>,
}

pub struct Process {
    pub name: String,
    pub dead: bool,
    pub frozen_until: Option<Instant>,
    /// One for each of its watches, rung in the order of their beginning. (Tokio's `watch` wakes in a random order.)
    pub bells: Vec<Arc<Notify>>,
    /// The highest generation of a record that it was told of.
    pub seen: u64,
    /// The fence of the lease that it was told it has.
    pub leased: Option<u64>,
    /// It has not minted under it yet, and was not put to sleep at the very moment at which it made sure of it.
    pub knows: bool,
    /// A call of its to the store has failed.
    pub troubled: bool,
    /// All that it was told so far. It has no other input, so equal histories make equal processes.
    pub history: DefaultHasher,
    pub views: HashMap<String, u32>,
}

pub struct State {
    pub processes: Vec<Process>,
    pub pending: Vec<Op>,
    pub account: Account,
    pub fences: Fences,
    /// The text of every record that was ever written, by generation.
    pub written: BTreeMap<u64, String>,
    pub mints: usize,
    /// How many different tokens there were.
    pub texts: usize,
    /// The token that the platform accepts.
    pub alive: Option<String>,
    pub independent: bool,
    pub down_until: Option<Instant>,
    calls: u64,
    pub story: Vec<String>,
    pub violation: Option<String>,
    born: Instant,
}

/// Tokio's paused clock.
#[allow(
    clippy::disallowed_methods,
    reason = "the model's store and its story need the time that the explorer moves"
)]
pub fn now() -> Instant {
    Instant::now()
}

impl World {
    pub fn new(independent: bool, clock: &ManualClock) -> Self {
        let state = State {
            processes: Vec::new(),
            pending: Vec::new(),
            account: Account::new(clock),
            fences: Fences::default(),
            written: BTreeMap::new(),
            mints: 0,
            texts: 0,
            alive: None,
            independent,
            down_until: None,
            calls: 0,
            story: Vec::new(),
            violation: None,
            born: now(),
        };
        Self { state: Mutex::new(state), arrived: Notify::new() }
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// A process asks; the answer comes when the explorer lets it, if ever.
    pub async fn call(&self, process: usize, request: Request) -> Answer {
        let (reply, answer) = oneshot::channel();
        self.lock().arrive(process, request, Some(reply));
        self.arrived.notify_one();
        match answer.await {
            Ok(answer) => answer,
            Err(_) => std::future::pending().await,
        }
    }
}

impl State {
    pub fn spawn(&mut self, name: String) -> usize {
        let process = Process {
            name,
            dead: false,
            frozen_until: None,
            bells: Vec::new(),
            seen: 0,
            leased: None,
            knows: false,
            troubled: false,
            history: DefaultHasher::new(),
            views: HashMap::new(),
        };
        self.processes.push(process);
        self.processes.len() - 1
    }

    pub fn arrive(&mut self, process: usize, request: Request, reply: Option<oneshot::Sender<Answer>>) {
        let caller = &mut self.processes[process];
        if caller.dead {
            return;
        }
        match &request {
            Request::Mint { .. } if !self.independent => {
                let lost = std::mem::take(&mut caller.knows) && caller.leased < self.fences.highest();
                if caller.leased.is_none() || lost {
                    let text = format!("{} mints without a lease", caller.name);
                    self.violate(text);
                }
            }
            Request::Commit(..) | Request::Abandon(..) => caller.leased = None,
            _ => {}
        }
        let op =
            Op { id: self.calls, process, request, reply, answered: None, last: false, not_before: None };
        self.calls += 1;
        self.pending.push(op);
    }

    pub fn violate(&mut self, text: String) {
        self.violation.get_or_insert(text);
    }

    pub fn tell(&mut self, text: &str) {
        // Looks that show nothing new are told of once.
        if self
            .story
            .iter()
            .rev()
            .take(2 * self.processes.len())
            .any(|line| line.ends_with(text) && text.ends_with("leased"))
        {
            return;
        }
        let at = now().duration_since(self.born).as_millis();
        self.story.push(format!("{at:>6} ms  {text}"));
    }

    /// The calls that may be next, the first of them by default: in the order of their coming, mints after the rest.
    pub fn eligible(&self) -> Vec<u64> {
        let now = now();
        let may = |op: &&Op| {
            let frozen = self.processes[op.process].frozen_until;
            frozen.max(op.not_before).is_none_or(|until| until <= now)
        };
        let mut ops: Vec<_> = self.pending.iter().filter(may).collect();
        if ops.iter().any(|op| !op.last) {
            ops.retain(|op| !op.last);
        }
        ops.sort_by_key(|op| matches!(op.request, Request::Mint { .. }));
        ops.iter().map(|op| op.id).collect()
    }

    /// When the next call becomes eligible that is held up now.
    pub fn next_release(&self) -> Option<Instant> {
        let now = now();
        let holds =
            self.pending.iter().filter_map(|op| self.processes[op.process].frozen_until.max(op.not_before));
        holds.filter(|until| *until > now).min()
    }

    pub fn op(&self, id: u64) -> &Op {
        self.pending.iter().find(|op| op.id == id).expect("a call under way")
    }

    pub fn is_down(&self) -> bool {
        self.down_until.is_some_and(|until| until > now())
    }

    /// Whether this look at the store shows nothing that the process has not been shown twice.
    pub fn is_stutter(&mut self, id: u64) -> bool {
        let op = self.op(id);
        if !matches!(op.request, Request::Load) || op.answered.is_some() || self.is_down() {
            return false;
        }
        let (process, view) = (op.process, words::snapshot(&self.account.snapshot(), &self.fences));
        self.processes[process].views.get(&view).is_some_and(|shown| *shown >= 2)
    }

    /// Names the state: equal keys have equal futures, but for a few milliseconds and the poll's jitter.
    pub fn key(&self) -> u64 {
        let mut key = DefaultHasher::new();
        let now = now();
        for process in &self.processes {
            let frozen = process.frozen_until.is_some_and(|until| until > now);
            (process.history.finish(), process.dead, frozen).hash(&mut key);
        }
        for op in &self.pending {
            let held = op.not_before.is_some_and(|until| until > now);
            (op.process, words::request(&op.request, &self.fences), op.answered.is_some(), op.last, held)
                .hash(&mut key);
        }
        let snapshot = words::snapshot(&self.account.snapshot(), &self.fences);
        let fence = self.fences.highest().map(|fence| self.fences.name(fence));
        (snapshot, fence, &self.alive, self.mints, self.is_down()).hash(&mut key);
        key.finish()
    }
}
