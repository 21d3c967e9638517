//! The hint that something has changed.

use std::time::Duration;

use tokio::time::timeout;

use super::{LONG, LONGEST, Lab, abandoned, account, committed, granted, loaded, rule, token};
use crate::{
    error::TokenError,
    issuer::AccountKey,
    store::{Failure, Snapshot, Watch},
};

pub(super) async fn check(lab: &Lab) {
    a_change_before_the_wait_is_told(lab).await;
    a_change_during_the_wait_is_told(lab).await;
    a_wait_that_was_given_up_loses_nothing(lab).await;
}

/// Waits as a cache does: load after every hint, and again until the change is there.
async fn told(
    lab: &Lab,
    account: &AccountKey,
    watch: &mut dyn Watch,
    change: &str,
    is_there: impl Fn(&Snapshot) -> bool,
) {
    let seen = timeout(LONGEST, async {
        loop {
            watch.changed().await;
            if is_there(&loaded(&*lab.other, account).await) {
                return;
            }
        }
    });
    rule(seen.await.is_ok(), &format!("a watch tells of {change} by another handle"));
}

async fn a_change_before_the_wait_is_told(lab: &Lab) {
    let account = account();
    let mut watch = lab.other.watch(&account);
    let (lease, _) = granted(&*lab.one, &account, LONG, 0).await;
    committed(&*lab.one, &account, &lease, &token("t", &lease)).await;
    let what = "a commit between `watch` and `changed`";
    told(lab, &account, &mut *watch, what, |seen| seen.record.is_some()).await;

    let (lease, _) = granted(&*lab.one, &account, LONG, 0).await;
    let mut watch = lab.other.watch(&account);
    abandoned(&*lab.one, &account, &lease, None).await;
    let what = "an abandoned lease between `watch` and `changed`";
    told(lab, &account, &mut *watch, what, |seen| seen.leased.is_none()).await;
}

async fn a_change_during_the_wait_is_told(lab: &Lab) {
    let account = account();
    let mut watch = lab.other.watch(&account);
    for round in 0..2 {
        let (lease, _) = granted(&*lab.one, &account, LONG, 0).await;
        let generation = lease.fence;
        let (store, name) = (lab.one.clone(), account.clone());
        let change = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            committed(&*store, &name, &lease, &token("t", &lease)).await;
        });
        let what = format!("commit {round} during `changed`");
        told(
            lab,
            &account,
            &mut *watch,
            &what,
            |seen| matches!(&seen.record, Some(record) if record.generation == generation),
        )
        .await;
        rule(change.await.is_ok(), "a commit while others watch goes well");
    }

    let (lease, _) = granted(&*lab.one, &account, LONG, 0).await;
    let (store, name) = (lab.one.clone(), account.clone());
    let change = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let failure = Failure::new(TokenError::transient("busy"), lease.fence, LONG);
        abandoned(&*store, &name, &lease, Some(&failure)).await;
    });
    let what = "a failure during `changed`";
    told(lab, &account, &mut *watch, what, |seen| seen.failure.is_some()).await;
    rule(change.await.is_ok(), "a lease is abandoned while others watch");
}

async fn a_wait_that_was_given_up_loses_nothing(lab: &Lab) {
    let account = account();
    let mut watch = lab.other.watch(&account);
    let (lease, _) = granted(&*lab.one, &account, LONG, 0).await;
    // It may end early, for no reason or because of the lease; both are allowed.
    let _ = timeout(Duration::from_millis(20), watch.changed()).await;
    committed(&*lab.one, &account, &lease, &token("t", &lease)).await;
    let what = "a commit after a wait that was given up";
    told(lab, &account, &mut *watch, what, |seen| seen.record.is_some()).await;
}
