//! How a lease ends: with a token, with a failure, or too late for either.

use super::{
    BRIEF, LONG, Lab, abandoned, account, answer, committed, granted, loaded, loaded_when, lost, now, rule,
    same, token,
};
use crate::{
    error::TokenError,
    store::{Commit, Failure, Lease, LeaseRequest, Snapshot, Usage},
};

pub(super) async fn check(lab: &Lab) {
    a_commit_ends_lease_and_failure(lab).await;
    a_late_commit_is_refused(lab).await;
    an_expired_lease_may_commit_if_nobody_took_over(lab).await;
    a_commit_to_a_wiped_store_sets_the_floor(lab).await;
    one_fence_serves_one_owner(lab).await;
    a_failure_is_seen_while_it_lasts(lab).await;
    a_lost_lease_cannot_be_abandoned(lab).await;
}

fn failure(generation: u64, left: std::time::Duration) -> Failure {
    let error =
        TokenError::permanent("the platform refused the secret \"x\"").with_errcode(40125).with_rid("rid-1");
    Failure::new(error, generation, left)
}

async fn a_commit_ends_lease_and_failure(lab: &Lab) {
    let account = account();
    let (lease, _) = granted(&*lab.one, &account, LONG, 0).await;
    abandoned(&*lab.one, &account, &lease, Some(&failure(lease.fence, LONG))).await;
    let (lease, seen) = granted(&*lab.other, &account, LONG, 0).await;
    rule(seen.failure.is_some(), "who is granted a lease sees the failure before it (rule 3)");
    let record = token("t", &lease);
    committed(&*lab.other, &account, &lease, &record).await;
    let seen = loaded(&*lab.one, &account).await;
    same(&seen, &record, "a commit is seen by others at once");
    rule(seen.leased.is_none(), "a commit ends the lease");
    rule(seen.failure.is_none(), "a commit removes the failure");
}

#[track_caller]
fn fenced(commit: Commit) -> Snapshot {
    match commit {
        Commit::Fenced(snapshot) => snapshot,
        Commit::Done => panic!(
            "store conformance: broken rule: a commit is refused once a later lease was granted (rule 2)"
        ),
    }
}

async fn a_late_commit_is_refused(lab: &Lab) {
    let account = account();
    let (old, new) = lost(lab, &account).await;
    let late = token("late", &old);
    let instead = fenced(answer(lab.one.commit(&account, &old, &late, &Usage::default()).await, "commit"));
    rule(
        instead.record.is_none() && instead.leased.is_some(),
        "a refused commit sees who holds the lease now, and no token of its own",
    );
    let record = token("t", &new);
    committed(&*lab.other, &account, &new, &record).await;
    let instead = fenced(answer(lab.one.commit(&account, &old, &late, &Usage::default()).await, "commit"));
    same(&instead, &record, "a refused commit is told the newer record instead");
    same(&loaded(&*lab.other, &account).await, &record, "a refused commit changes nothing");
}

async fn an_expired_lease_may_commit_if_nobody_took_over(lab: &Lab) {
    let account = account();
    let (lease, _) = granted(&*lab.one, &account, BRIEF, 0).await;
    loaded_when(&*lab.other, &account, "load shows no lease that has ended by itself", |snapshot| {
        snapshot.leased.is_none()
    })
    .await;
    let record = token("t", &lease);
    committed(&*lab.one, &account, &lease, &record).await;
    same(
        &loaded(&*lab.other, &account).await,
        &record,
        "a lease that expired, but was not replaced, may still commit",
    );
}

async fn a_commit_to_a_wiped_store_sets_the_floor(lab: &Lab) {
    let account = account();
    // Granted before the storage was wiped: nothing remembers it.
    let lease = Lease::new(1_000_000, &LeaseRequest::new(LONG, 0));
    let record = token("t", &lease);
    committed(&*lab.one, &account, &lease, &record).await;
    let (next, seen) = granted(&*lab.other, &account, LONG, 0).await;
    same(&seen, &record, "a storage that was wiped takes the next commit");
    rule(next.fence > lease.fence, "a commit to a storage that was wiped sets the floor (rule 1)");
}

async fn one_fence_serves_one_owner(lab: &Lab) {
    let account = account();
    let (lease, _) = granted(&*lab.one, &account, LONG, 0).await;
    // Granted by a server that this one took over from, without having heard of it.
    let other = Lease::new(lease.fence, &LeaseRequest::new(LONG, 0));
    let renewed = answer(lab.other.renew(&account, &other).await, "renew");
    rule(!renewed, "a lease is renewed for its owner only");
    abandoned(&*lab.other, &account, &other, Some(&failure(other.fence, LONG))).await;
    let seen = loaded(&*lab.one, &account).await;
    rule(seen.leased.is_some() && seen.failure.is_none(), "a lease is abandoned by its owner only");
    let late = token("other", &other);
    fenced(answer(lab.other.commit(&account, &other, &late, &Usage::default()).await, "commit"));
    let record = token("t", &lease);
    for _ in 0..2 {
        // The second time as if the answer had been lost.
        committed(&*lab.one, &account, &lease, &record).await;
        let instead =
            fenced(answer(lab.other.commit(&account, &other, &late, &Usage::default()).await, "commit"));
        same(&instead, &record, "the same fence of another owner is refused (rule 2)");
    }
}

async fn a_failure_is_seen_while_it_lasts(lab: &Lab) {
    let account = account();
    let (lease, _) = granted(&*lab.one, &account, LONG, 0).await;
    let given = failure(lease.fence, LONG);
    abandoned(&*lab.one, &account, &lease, Some(&given)).await;
    let seen = loaded(&*lab.other, &account).await;
    rule(seen.leased.is_none(), "an abandoned lease is free at once, with a failure too");
    rule(
        seen.failure.is_some_and(|seen| {
            (seen.generation, seen.error.to_string(), seen.error.is_transient())
                == (given.generation, given.error.to_string(), false)
                && seen.left <= LONG
                && seen.left > LONG / 2
        }),
        "a failure is seen by others, as it was and with what is left of it",
    );

    let (lease, _) = granted(&*lab.one, &account, LONG, 0).await;
    abandoned(&*lab.one, &account, &lease, None).await;
    let seen = loaded(&*lab.other, &account).await;
    rule(seen.failure.is_none(), "a lease that ends without a failure leaves none behind");

    let (lease, _) = granted(&*lab.one, &account, LONG, 0).await;
    let brief = failure(lease.fence, BRIEF);
    let start = now();
    abandoned(&*lab.one, &account, &lease, Some(&brief)).await;
    loaded_when(&*lab.other, &account, "a failure ends by itself", |snapshot| snapshot.failure.is_none())
        .await;
    rule(now().since(start) + super::GRAIN >= BRIEF, "a failure is kept as long as it lasts");
}

async fn a_lost_lease_cannot_be_abandoned(lab: &Lab) {
    let account = account();
    let (old, new) = lost(lab, &account).await;
    abandoned(&*lab.one, &account, &old, Some(&failure(old.fence, LONG))).await;
    let seen = loaded(&*lab.other, &account).await;
    rule(
        seen.leased.is_some() && seen.failure.is_none(),
        "who abandons a lost lease does nothing to the one that took over",
    );
    committed(&*lab.other, &account, &new, &token("t", &new)).await;
}
