//! What was used of what the platform allows, and what was noted of a token.

use std::time::Duration;

use tokio::time::timeout;

use super::{
    BRIEF, GRAIN, LONG, LONGEST, Lab, account, answer, committed, granted, loaded, loaded_when, now, rule,
    same, token,
};
use crate::{
    error::TokenError,
    secret::Fingerprint,
    store::{Failure, Note, Usage},
};

pub(super) async fn check(lab: &Lab) {
    usage_is_kept_with_every_end_of_a_lease(lab).await;
    usage_ages(lab).await;
    what_was_accepted_is_noted(lab).await;
    a_doubted_token_is_trusted_for_less(lab).await;
    nothing_is_noted_of_nobody(lab).await;
}

fn usage() -> Usage {
    Usage {
        forced: vec![LONG * 2, LONG],
        refreshes: LONG * 3,
        futile: LONG * 4,
        refreshed: 1_790_000_000_123,
        accepted: 0,
        failures: 5,
        credential: Some(Fingerprint::of("secret")),
    }
}

/// The same but for the time that has passed.
fn is(seen: &Usage, wanted: &Usage) -> bool {
    let near = |seen: Duration, wanted: Duration| seen.abs_diff(wanted) < LONGEST;
    seen.forced.len() == wanted.forced.len()
        && seen.forced.iter().zip(&wanted.forced).all(|(seen, wanted)| near(*seen, *wanted))
        && near(seen.refreshes, wanted.refreshes)
        && near(seen.futile, wanted.futile)
        && (seen.refreshed, seen.failures, seen.credential)
            == (wanted.refreshed, wanted.failures, wanted.credential)
}

async fn usage_is_kept_with_every_end_of_a_lease(lab: &Lab) {
    let account = account();
    let usage = usage();
    let (lease, seen) = granted(&*lab.one, &account, LONG, 0).await;
    rule(seen.usage == Usage::default(), "an account that nobody wrote to has no usage");
    let failure = Failure::new(TokenError::transient("busy"), lease.fence, LONG);
    answer(lab.one.abandon(&account, &lease, Some(&failure), &usage).await, "abandon");
    rule(is(&loaded(&*lab.other, &account).await.usage, &usage), "usage is kept with a failure (rule 6)");
    let more = Usage { failures: 6, ..usage };
    let (lease, _) = granted(&*lab.other, &account, LONG, 0).await;
    answer(lab.other.abandon(&account, &lease, None, &more).await, "abandon");
    rule(is(&loaded(&*lab.one, &account).await.usage, &more), "usage is kept without one (rule 6)");
    let (lease, seen) = granted(&*lab.one, &account, LONG, 0).await;
    rule(is(&seen.usage, &more), "who is granted a lease sees the usage (rule 3)");
    let none = Usage::default();
    answer(lab.one.commit(&account, &lease, &token("t", &lease), &none).await, "commit");
    rule(is(&loaded(&*lab.other, &account).await.usage, &none), "usage is kept with a token (rule 6)");
}

async fn usage_ages(lab: &Lab) {
    let account = account();
    let (lease, _) = granted(&*lab.one, &account, LONG, 0).await;
    let start = now();
    answer(lab.one.abandon(&account, &lease, None, &usage()).await, "abandon");
    let broken = "usage ages (rule 4)";
    let seen = loaded_when(&*lab.other, &account, broken, |snapshot| {
        snapshot.usage.refreshes + BRIEF <= usage().refreshes
    })
    .await;
    let ran = now().since(start);
    rule(ran + GRAIN >= BRIEF, "usage ages no faster than the clock (rule 4)");
    let aged = seen.usage.forced.first().is_some_and(|ago| *ago + GRAIN >= LONG * 2 + BRIEF);
    rule(aged, "forced refreshes are longer ago as time passes (rule 4)");
}

async fn what_was_accepted_is_noted(lab: &Lab) {
    let account = account();
    let (lease, _) = granted(&*lab.one, &account, LONG, 0).await;
    committed(&*lab.one, &account, &lease, &token("t", &lease)).await;
    let generation = lease.fence;
    for (noted, seen) in [(generation, generation), (generation - 1, generation)] {
        answer(lab.other.note(&account, Note::Accepted { generation: noted }).await, "note");
        let accepted = loaded(&*lab.one, &account).await.usage.accepted;
        rule(accepted == seen, "the latest generation that was noted as accepted is kept");
    }
    let (lease, seen) = granted(&*lab.one, &account, LONG, 0).await;
    rule(seen.usage.accepted == generation, "who is granted a lease sees what was accepted (rule 3)");
    answer(lab.other.note(&account, Note::Accepted { generation: generation + 1 }).await, "note");
    committed(&*lab.one, &account, &lease, &token("t", &lease)).await;
    let accepted = loaded(&*lab.other, &account).await.usage.accepted;
    rule(accepted == generation + 1, "what is noted while somebody holds the lease stays");
}

async fn a_doubted_token_is_trusted_for_less(lab: &Lab) {
    let account = account();
    let (lease, _) = granted(&*lab.one, &account, LONG, 0).await;
    let record = token("t", &lease);
    committed(&*lab.one, &account, &lease, &record).await;
    let generation = record.generation;
    let mut watch = lab.one.watch(&account);
    for (note, doubted) in [
        (Note::Doubtful { generation: generation + 1, most: LONG / 4 }, false),
        (Note::Doubtful { generation, most: LONG * 2 }, false),
        (Note::Doubtful { generation, most: LONG / 4 }, true),
        (Note::Doubtful { generation, most: LONG / 2 }, true),
    ] {
        answer(lab.other.note(&account, note).await, "note");
        let seen = loaded(&*lab.one, &account).await;
        same(&seen, &record, "a doubted token is the token that it was");
        let left = seen.record.map(|record| record.left).unwrap_or_default();
        rule(
            (left <= LONG / 4) == doubted,
            &format!("{note:?} cuts what is left of that token, and of no other"),
        );
    }
    rule(timeout(LONGEST, watch.changed()).await.is_ok(), "a watch tells of a doubt");
}

async fn nothing_is_noted_of_nobody(lab: &Lab) {
    let account = account();
    for note in [Note::Doubtful { generation: 1, most: LONG }, Note::Accepted { generation: 7 }] {
        answer(lab.one.note(&account, note).await, "note");
        let seen = loaded(&*lab.other, &account).await;
        rule(seen.record.is_none() && seen.leased.is_none(), "a note makes no record");
        rule(seen.usage == Usage::default(), "nothing is noted of an account of which there is nothing");
    }
}
