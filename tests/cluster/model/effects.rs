//! What a choice does to a call: its effect on the store or the endpoint, and its answer.

use std::{hash::Hash, time::Duration};

use tower_wechat::{
    TokenError,
    issuer::Minted,
    store::{Claim, Commit, Record},
};

use crate::model::{
    choices::Action,
    words,
    world::{Answer, Op, Reply, Request, State, now},
};

/// How long a frozen process stands still: past any lease.
const FREEZE: Duration = Duration::from_secs(2);
/// How long a slow mint takes: past any lease, so that only renewals keep it.
const SLOW: Duration = Duration::from_millis(2500);
const TOKEN_LIFE: Duration = Duration::from_secs(7200);

impl State {
    /// Lets the call have its effect, if it is to have one, and answers it. The story is told.
    pub fn act(&mut self, id: u64, action: Action) {
        let at = self.pending.iter().position(|op| op.id == id).expect("a call under way");
        let mut op = self.pending.remove(at);
        let said =
            format!("{:<3} {}", self.processes[op.process].name, words::request(&op.request, &self.fences));
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
        let late = op.answered.is_some();
        let answer = match op.answered.take() {
            Some(answer) => Some(answer),
            None if down || matches!(action, Action::CallLost) => Some(Answer::Lost),
            None => self.perform(&op, action),
        };
        let heard =
            answer.as_ref().map_or("no answer".to_owned(), |answer| words::answer(answer, &self.fences));
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
                    self.told(op.process, &op.request, &answer, late);
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

    fn told(&mut self, process: usize, request: &Request, answer: &Answer, late: bool) {
        let heard = words::answer(answer, &self.fences);
        let asked = words::request(request, &self.fences);
        let process = &mut self.processes[process];
        let snapshot = match answer {
            Answer::Reply(
                Reply::Load(snapshot)
                | Reply::Commit(Commit::Fenced(snapshot))
                | Reply::Claim(Claim::Held(snapshot)),
            ) => Some(snapshot),
            Answer::Reply(Reply::Claim(Claim::Granted(lease, snapshot))) => {
                (process.leased, process.knows) = (Some(lease.fence), true);
                Some(snapshot)
            }
            Answer::Reply(Reply::Renewed(_)) => {
                process.knows &= !late;
                None
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
        if matches!(request, Request::Load) {
            let shown = process.views.entry(heard.clone()).or_default();
            *shown += 1;
            if *shown > 2 {
                return;
            }
        }
        (asked, heard).hash(&mut process.history);
    }

    /// The effect of a call, and its answer; `None` if there will never be one.
    fn perform(&mut self, op: &Op, action: Action) -> Option<Answer> {
        let reply = match &op.request {
            Request::Start => return None,
            Request::Load => Reply::Load(self.account.snapshot()),
            Request::TryLease(ask) => {
                assert!(ask.life < FREEZE.min(SLOW), "the model's times must be longer than a lease");
                let claim = self.account.try_lease(*ask);
                if let Claim::Granted(lease, _) = &claim {
                    self.fences.granted(lease.fence);
                }
                Reply::Claim(claim)
            }
            Request::Renew(lease) => Reply::Renewed(self.account.renew(lease)),
            Request::Commit(lease, record, usage) => {
                let commit = self.account.commit(lease, record, usage);
                if matches!(commit, Commit::Done) {
                    self.note_record(record);
                    self.ring(action);
                }
                Reply::Commit(commit)
            }
            Request::Abandon(lease, failure, usage) => {
                self.account.abandon(lease, failure.as_ref(), usage);
                self.ring(action);
                Reply::Abandoned
            }
            Request::Note(note) => {
                self.account.note(*note);
                self.ring(action);
                Reply::Noted
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
}
