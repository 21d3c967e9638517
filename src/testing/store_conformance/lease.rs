//! Who may mint.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;

use super::{
    BRIEF, GRAIN, LONG, Lab, abandoned, account, claimed, committed, granted, granted_in_the_end, loaded,
    loaded_when, lost, now, rule, token,
};
use crate::{
    issuer::AccountKey,
    store::{Claim, LeaseRequest, TokenStore},
};

pub(super) async fn check(lab: &Lab) {
    an_account_begins_empty(lab).await;
    a_lease_is_granted_once(lab).await;
    one_of_many_is_granted(lab).await;
    fences_rise(lab).await;
    a_lease_ends_by_itself(lab).await;
    a_renewed_lease_lasts(lab).await;
    a_lease_that_is_gone_cannot_be_renewed(lab).await;
}

async fn an_account_begins_empty(lab: &Lab) {
    let snapshot = loaded(&*lab.one, &account()).await;
    rule(
        snapshot.record.is_none() && snapshot.failure.is_none() && snapshot.leased.is_none(),
        "an account that nobody wrote to is empty",
    );
}

async fn held(store: &dyn TokenStore, account: &AccountKey) {
    match claimed(store, account, LONG, 0).await {
        Claim::Granted(..) => rule(false, "nobody is granted a lease that somebody holds"),
        Claim::Held(snapshot) => rule(
            snapshot.leased.is_some_and(|left| !left.is_zero() && left <= LONG),
            "who is not granted a lease sees how long it still lasts (rule 3)",
        ),
    }
}

async fn a_lease_is_granted_once(lab: &Lab) {
    let account = account();
    let (lease, _) = granted(&*lab.one, &account, LONG, 41).await;
    held(&*lab.one, &account).await;
    held(&*lab.other, &account).await;
    rule(loaded(&*lab.other, &account).await.leased.is_some(), "load shows that somebody holds the lease");
    abandoned(&*lab.one, &account, &lease, None).await;
    rule(loaded(&*lab.other, &account).await.leased.is_none(), "an abandoned lease is free at once");
}

async fn one_of_many_is_granted(lab: &Lab) {
    let account = account();
    let mut claims = JoinSet::new();
    for i in 0..32 {
        let store = Arc::clone(if i % 2 == 0 { &lab.one } else { &lab.other });
        let account = account.clone();
        claims.spawn(async move { store.try_lease(&account, LeaseRequest::new(LONG, 0)).await });
    }
    let granted =
        claims.join_all().await.into_iter().filter(|claim| matches!(claim, Ok(Claim::Granted(..)))).count();
    rule(
        granted == 1,
        &format!("of 32 claimants at once exactly one is granted the lease (it was {granted})"),
    );
}

async fn fences_rise(lab: &Lab) {
    let account = account();
    let (first, _) = granted(&*lab.one, &account, LONG, 0).await;
    abandoned(&*lab.one, &account, &first, None).await;
    let (second, _) = granted(&*lab.other, &account, LONG, 0).await;
    rule(second.fence > first.fence, "fences rise over an abandoned lease (rule 1)");
    committed(&*lab.other, &account, &second, &token("t", &second)).await;
    let (third, _) = granted(&*lab.one, &account, BRIEF, 0).await;
    rule(third.fence > second.fence, "fences rise over a record (rule 1)");
    let fourth = granted_in_the_end(&*lab.other, &account).await;
    let behind = Duration::from_secs(60).as_millis();
    rule(
        u128::from(first.fence) + behind >= u128::from(now().unix_millis()),
        "a fence is not below the milliseconds of the store's clock (rule 1)",
    );
    rule(fourth.fence > third.fence, "fences rise when a lease ends by itself (rule 1)");
    abandoned(&*lab.other, &account, &fourth, None).await;
    let floor = fourth.fence + 1_000_000;
    let (fifth, _) = granted(&*lab.one, &account, LONG, floor).await;
    abandoned(&*lab.one, &account, &fifth, None).await;
    let (sixth, _) = granted(&*lab.one, &account, LONG, 0).await;
    rule(sixth.fence > fifth.fence, "a floor that was once named is kept (rule 1)");
}

async fn a_lease_ends_by_itself(lab: &Lab) {
    let account = account();
    let start = now();
    granted(&*lab.one, &account, BRIEF, 0).await;
    granted_in_the_end(&*lab.other, &account).await;
    rule(now().since(start) + GRAIN >= BRIEF, "a lease is not given to another before its life is over");

    let account = super::account();
    granted(&*lab.one, &account, BRIEF, 0).await;
    loaded_when(&*lab.other, &account, "load shows no lease that has ended by itself", |snapshot| {
        snapshot.leased.is_none()
    })
    .await;
}

async fn a_renewed_lease_lasts(lab: &Lab) {
    let life = BRIEF * 2;
    loop {
        let account = account();
        let granted_at = now();
        let (lease, _) = granted(&*lab.one, &account, life, 0).await;
        tokio::time::sleep(life / 2).await;
        let renewed_at = now();
        let renewed = super::answer(lab.one.renew(&account, &lease).await, "renew");
        if now().since(granted_at) + GRAIN >= life {
            // This machine was too busy to renew in time. That says nothing about the store.
            continue;
        }
        rule(renewed, "a lease that is held can be renewed");
        granted_in_the_end(&*lab.other, &account).await;
        rule(
            now().since(renewed_at) + GRAIN >= life,
            "a renewed lease lasts its whole life again, from the renewal",
        );
        return;
    }
}

async fn a_lease_that_is_gone_cannot_be_renewed(lab: &Lab) {
    let account = account();
    let (old, new) = lost(lab, &account).await;
    let renewed = super::answer(lab.one.renew(&account, &old).await, "renew");
    rule(!renewed, "a lease that was lost to a later one cannot be renewed");
    held(&*lab.one, &account).await;
    let renewed = super::answer(lab.other.renew(&account, &new).await, "renew");
    rule(renewed, "the later lease can be renewed");

    abandoned(&*lab.other, &account, &new, None).await;
    let renewed = super::answer(lab.other.renew(&account, &new).await, "renew");
    let leased = loaded(&*lab.one, &account).await.leased;
    rule(!renewed && leased.is_none(), "an abandoned lease cannot be renewed");

    let (lease, _) = granted(&*lab.one, &account, Duration::from_secs(3600), 0).await;
    committed(&*lab.one, &account, &lease, &token("t", &lease)).await;
    let renewed = super::answer(lab.one.renew(&account, &lease).await, "renew");
    let leased = loaded(&*lab.other, &account).await.leased;
    rule(!renewed && leased.is_none(), "a lease that ended with a token cannot be renewed");
}
