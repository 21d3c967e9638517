//! Calls and answers in words, for the story of a run and to compare states by.

use tower_wechat::store::{Claim, Commit, Note, Snapshot};

use crate::model::world::{Answer, Reply, Request};

/// The fences that were granted. They are moments of the store's clock; here it counts which of them came first.
#[derive(Default)]
pub struct Fences(Vec<u64>);

impl Fences {
    pub fn granted(&mut self, fence: u64) {
        self.0.push(fence);
    }

    pub fn highest(&self) -> Option<u64> {
        self.0.last().copied()
    }

    /// The how manieth fence it is, or how far above that one.
    pub fn name(&self, generation: u64) -> String {
        let at = self.0.partition_point(|fence| *fence <= generation);
        match at.checked_sub(1).map(|at| generation - self.0[at]) {
            Some(0) => at.to_string(),
            Some(above) => format!("{at}+{above}"),
            None => format!("+{generation}"),
        }
    }
}

pub fn request(request: &Request, fences: &Fences) -> String {
    match request {
        Request::Start => "starts".into(),
        Request::Load => "load".into(),
        Request::TryLease(ask) => format!("try_lease above {}", fences.name(ask.floor)),
        Request::Renew(lease) => format!("renew {}", fences.name(lease.fence)),
        Request::Commit(lease, record, _) => {
            format!("commit {} under {}", record.token, fences.name(lease.fence))
        }
        Request::Abandon(lease, None, _) => format!("abandon {}", fences.name(lease.fence)),
        Request::Abandon(lease, Some(_), _) => format!("abandon {} with a failure", fences.name(lease.fence)),
        Request::Note(Note::Accepted { generation }) => format!("accepted {}", fences.name(*generation)),
        Request::Note(Note::Doubtful { generation, .. }) => format!("doubts {}", fences.name(*generation)),
        Request::Note(_) => "notes something new".into(),
        Request::Mint { rejected: None } => "mint".into(),
        Request::Mint { rejected: Some(text) } => format!("mint, {text} was rejected"),
    }
}

pub fn snapshot(snapshot: &Snapshot, fences: &Fences) -> String {
    let record = snapshot.record.as_ref().map_or("no record".into(), |record| {
        let doubted = if record.left.as_secs() <= 240 { ", doubted" } else { "" };
        format!("record {} ({}{doubted})", fences.name(record.generation), record.token)
    });
    let failure = if snapshot.failure.is_some() { ", a failure" } else { "" };
    let leased = if snapshot.leased.is_some() { ", leased" } else { "" };
    format!("{record}{failure}{leased}")
}

pub fn answer(answer: &Answer, fences: &Fences) -> String {
    match answer {
        Answer::Reply(Reply::Load(snapshot)) => self::snapshot(snapshot, fences),
        Answer::Reply(Reply::Claim(Claim::Granted(lease, snapshot))) => {
            format!("granted {}; {}", fences.name(lease.fence), self::snapshot(snapshot, fences))
        }
        Answer::Reply(Reply::Claim(Claim::Held(snapshot))) => {
            format!("held; {}", self::snapshot(snapshot, fences))
        }
        Answer::Reply(Reply::Renewed(held)) => if *held { "renewed" } else { "lost it" }.into(),
        Answer::Reply(Reply::Commit(Commit::Fenced(snapshot))) => {
            format!("fenced; {}", self::snapshot(snapshot, fences))
        }
        Answer::Reply(Reply::Minted(Err(error))) => format!("fails: {error}"),
        Answer::Reply(_) => "done".into(),
        Answer::Lost => "error".into(),
        Answer::Panic => "panics".into(),
    }
}
