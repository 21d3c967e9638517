//! The processes and their calls under way, and what happens to a call.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};
use tower_wechat::{
    TokenError,
    issuer::Minted,
    store::{Claim, Commit, Failure, Lease, LeaseRequest, Record, Snapshot},
};

use crate::{account::Account, choices::Action};

/// How long a frozen process stands still: past any lease.
const FREEZE: Duration = Duration::from_secs(2);
/// How long a slow mint takes: past any lease, so that only renewals keep it.
const SLOW: Duration = Duration::from_millis(2500);
const TOKEN_LIFE: Duration = Duration::from_secs(7200);

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
    Commit(Lease, Record),
    Abandon(Lease, Option<Failure>),
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
    Minted(Result<Minted, TokenError>),
}

#[derive(Clone)]
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
    reply: Option<oneshot::Sender<Answer>>,
    /// It has taken effect, and this answer is on its way to a frozen process.
    pub answered: Option<Answer>,
    /// Not before nothing else can happen.
    pub last: bool,
    pub not_before: Option<Instant>,
}

pub struct Process {
    pub name: String,
    pub dead: bool,
    frozen_until: Option<Instant>,
    /// One for each of its watches, rung in the order of their beginning. (Tokio's `watch` wakes in a random order.)
    pub bells: Vec<Arc<Notify>>,
    /// The highest generation of a record that it was told of.
    pub seen: u64,
    /// The lease that it was told it has.
    leased: bool,
    /// A call of its to the store has failed.
    pub troubled: bool,
    /// All that it was told so far. It has no other input, so equal histories make equal processes.
    history: DefaultHasher,
    views: HashMap<String, u32>,
}

pub struct State {
    pub processes: Vec<Process>,
    pub pending: Vec<Op>,
    pub account: Account,
    /// The text of every record that was ever written, by generation.
    pub written: BTreeMap<u64, String>,
    pub mints: usize,
    /// How many different tokens there were.
    texts: usize,
    /// The token that the platform accepts.
    pub alive: Option<String>,
    independent: bool,
    down_until: Option<Instant>,
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
    pub fn new(independent: bool) -> Self {
        let state = State {
            processes: Vec::new(),
            pending: Vec::new(),
            account: Account::default(),
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
            leased: false,
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
            Request::Mint { .. } if !self.independent && !caller.leased => {
                let text = format!("{} mints without a lease", caller.name);
                self.violate(text);
            }
            Request::Commit(..) | Request::Abandon(..) => caller.leased = false,
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
        let (process, view) = (op.process, describe_snapshot(&self.account.snapshot(now())));
        self.processes[process].views.get(&view).is_some_and(|shown| *shown >= 2)
    }

    /// Lets the call have its effect, if it is to have one, and answers it. The story is told.
    pub fn act(&mut self, id: u64, action: Action) {
        let at = self.pending.iter().position(|op| op.id == id).expect("a call under way");
        let mut op = self.pending.remove(at);
        let said = format!("{:<3} {}", self.processes[op.process].name, describe_request(&op.request));
        let on_store = !matches!(op.request, Request::Mint { .. } | Request::Start);
        match action {
            Action::Later | Action::Last | Action::Slow => {
                self.tell(&format!("{said}: {action}"));
                op.last |= matches!(action, Action::Last);
                op.not_before = matches!(action, Action::Slow).then(|| now() + SLOW);
                self.pending.push(op);
                return;
            }
            Action::Outage(length) => self.down_until = Some(now() + length),
            _ => {}
        }
        let down = on_store && op.answered.is_none() && self.is_down();
        let answer = match op.answered.take() {
            Some(answer) => Some(answer),
            None if down || matches!(action, Action::CallLost) => Some(Answer::Lost),
            None => self.perform(&op, action),
        };
        let heard = answer.as_ref().map_or("no answer".to_owned(), describe);
        self.tell(&format!(
            "{said}: {heard}{}",
            if matches!(action, Action::Deliver) { String::new() } else { format!("   <== {action}") }
        ));
        match action {
            Action::Crash => self.kill(op.process),
            Action::Freeze | Action::AnswerLast => {
                if matches!(action, Action::Freeze) {
                    self.processes[op.process].frozen_until = Some(now() + FREEZE);
                }
                op.last |= matches!(action, Action::AnswerLast);
                op.answered = answer;
                self.pending.push(op);
            }
            _ => {
                let answer = if matches!(action, Action::AnswerLost) { Some(Answer::Lost) } else { answer };
                if let Some(answer) = answer {
                    self.told(op.process, &op.request, &answer);
                    if let Some(reply) = op.reply {
                        // Whoever has stopped waiting does not hear it.
                        let _ = reply.send(answer);
                    }
                }
            }
        }
    }

    fn kill(&mut self, process: usize) {
        self.processes[process].dead = true;
        self.pending.retain(|op| op.process != process);
    }

    fn told(&mut self, process: usize, request: &Request, answer: &Answer) {
        let process = &mut self.processes[process];
        let snapshot = match answer {
            Answer::Reply(
                Reply::Load(snapshot)
                | Reply::Commit(Commit::Fenced(snapshot))
                | Reply::Claim(Claim::Held(snapshot)),
            ) => Some(snapshot),
            Answer::Reply(Reply::Claim(Claim::Granted(_, snapshot))) => {
                process.leased = true;
                Some(snapshot)
            }
            Answer::Lost => {
                process.troubled = true;
                None
            }
            _ => None,
        };
        let seen =
            snapshot.and_then(|snapshot| snapshot.record.as_ref()).map_or(0, |record| record.generation);
        process.seen = process.seen.max(seen);
        let heard = describe(answer);
        if matches!(request, Request::Load) {
            let shown = process.views.entry(heard.clone()).or_default();
            *shown += 1;
            if *shown > 2 {
                return;
            }
        }
        (describe_request(request), heard).hash(&mut process.history);
    }

    /// The effect of a call, and its answer; `None` if there will never be one.
    fn perform(&mut self, op: &Op, action: Action) -> Option<Answer> {
        let now = now();
        let reply = match &op.request {
            Request::Start => return None,
            Request::Load => Reply::Load(self.account.snapshot(now)),
            Request::TryLease(ask) => {
                assert!(ask.life < FREEZE.min(SLOW), "the model's times must be longer than a lease");
                Reply::Claim(self.account.try_lease(*ask, now))
            }
            Request::Renew(lease) => Reply::Renewed(self.account.renew(lease, now)),
            Request::Commit(lease, record) => {
                let commit = self.account.commit(lease, record, now);
                if matches!(commit, Commit::Done) {
                    self.note_record(record);
                    self.ring(action);
                }
                Reply::Commit(commit)
            }
            Request::Abandon(lease, failure) => {
                if self.account.abandon(lease, failure.as_ref(), now) {
                    self.ring(action);
                }
                Reply::Abandoned
            }
            Request::Mint { .. } => return self.mint(action),
        };
        Some(Answer::Reply(reply))
    }

    fn ring(&mut self, action: Action) {
        if !matches!(action, Action::BellLost) {
            self.processes.iter().flat_map(|process| &process.bells).for_each(|bell| bell.notify_one());
        }
    }

    fn note_record(&mut self, record: &Record) {
        let newest = self.written.last_key_value().map_or(0, |(generation, _)| *generation);
        let same = self.written.entry(record.generation).or_insert_with(|| record.token.to_string());
        if newest > record.generation {
            let text = format!("record {} replaced record {newest}", record.generation);
            self.violate(text);
        } else if **same != *record.token {
            let text = format!("two tokens have generation {}", record.generation);
            self.violate(text);
        }
    }

    fn mint(&mut self, action: Action) -> Option<Answer> {
        self.mints += 1;
        let minted = match action {
            Action::Refused => Err(TokenError::transient("busy")),
            Action::Forbidden => Err(TokenError::permanent("wrong secret")),
            Action::Panics => return Some(Answer::Panic),
            _ => {
                // The stable endpoint hands out one token while it lives; the classic one makes a new one each time.
                let text = self.alive.take().filter(|_| self.independent);
                let text = text.unwrap_or_else(|| {
                    self.texts += 1;
                    format!("T{}", self.texts)
                });
                self.alive = Some(text.clone());
                Ok(Minted::new(text, TOKEN_LIFE))
            }
        };
        match action {
            Action::Hangs => None,
            Action::MintLost => {
                Some(Answer::Reply(Reply::Minted(Err(TokenError::transient("the answer was lost")))))
            }
            _ => Some(Answer::Reply(Reply::Minted(minted))),
        }
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
            (op.process, describe_request(&op.request), op.answered.is_some(), op.last, held).hash(&mut key);
        }
        let snapshot = describe_snapshot(&self.account.snapshot(now));
        (snapshot, self.account.fence, &self.alive, self.mints, self.is_down()).hash(&mut key);
        key.finish()
    }
}

fn describe_request(request: &Request) -> String {
    match request {
        Request::Start => "starts".into(),
        Request::Load => "load".into(),
        Request::TryLease(ask) => format!("try_lease above {}", ask.floor),
        Request::Renew(lease) => format!("renew {}", lease.fence),
        Request::Commit(lease, record) => format!("commit {} under {}", record.token, lease.fence),
        Request::Abandon(lease, None) => format!("abandon {}", lease.fence),
        Request::Abandon(lease, Some(_)) => format!("abandon {} with a failure", lease.fence),
        Request::Mint { rejected: None } => "mint".into(),
        Request::Mint { rejected: Some(text) } => format!("mint, {text} was rejected"),
    }
}

fn describe_snapshot(snapshot: &Snapshot) -> String {
    let record = snapshot
        .record
        .as_ref()
        .map_or("no record".into(), |record| format!("record {} ({})", record.generation, record.token));
    let failure = if snapshot.failure.is_some() { ", a failure" } else { "" };
    let leased = if snapshot.leased.is_some() { ", leased" } else { "" };
    format!("{record}{failure}{leased}")
}

fn describe(answer: &Answer) -> String {
    match answer {
        Answer::Reply(Reply::Load(snapshot)) => describe_snapshot(snapshot),
        Answer::Reply(Reply::Claim(Claim::Granted(lease, snapshot))) => {
            format!("granted {}; {}", lease.fence, describe_snapshot(snapshot))
        }
        Answer::Reply(Reply::Claim(Claim::Held(snapshot))) => {
            format!("held; {}", describe_snapshot(snapshot))
        }
        Answer::Reply(Reply::Renewed(held)) => if *held { "renewed" } else { "lost it" }.into(),
        Answer::Reply(Reply::Commit(Commit::Fenced(snapshot))) => {
            format!("fenced; {}", describe_snapshot(snapshot))
        }
        Answer::Reply(Reply::Minted(Err(error))) => format!("fails: {error}"),
        Answer::Reply(_) => "done".into(),
        Answer::Lost => "error".into(),
        Answer::Panic => "panics".into(),
    }
}
