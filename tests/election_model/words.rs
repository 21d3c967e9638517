//! Calls and answers in words, for the story of a run and to compare states by.

use tower_wechat::store::{Claim, Commit, Snapshot};

use crate::world::{Answer, Reply, Request};

pub fn request(request: &Request) -> String {
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

pub fn snapshot(snapshot: &Snapshot) -> String {
    let record = snapshot
        .record
        .as_ref()
        .map_or("no record".into(), |record| format!("record {} ({})", record.generation, record.token));
    let failure = if snapshot.failure.is_some() { ", a failure" } else { "" };
    let leased = if snapshot.leased.is_some() { ", leased" } else { "" };
    format!("{record}{failure}{leased}")
}

pub fn answer(answer: &Answer) -> String {
    match answer {
        Answer::Reply(Reply::Load(snapshot)) => self::snapshot(snapshot),
        Answer::Reply(Reply::Claim(Claim::Granted(lease, snapshot))) => {
            format!("granted {}; {}", lease.fence, self::snapshot(snapshot))
        }
        Answer::Reply(Reply::Claim(Claim::Held(snapshot))) => {
            format!("held; {}", self::snapshot(snapshot))
        }
        Answer::Reply(Reply::Renewed(held)) => if *held { "renewed" } else { "lost it" }.into(),
        Answer::Reply(Reply::Commit(Commit::Fenced(snapshot))) => {
            format!("fenced; {}", self::snapshot(snapshot))
        }
        Answer::Reply(Reply::Minted(Err(error))) => format!("fails: {error}"),
        Answer::Reply(_) => "done".into(),
        Answer::Lost => "error".into(),
        Answer::Panic => "panics".into(),
    }
}
