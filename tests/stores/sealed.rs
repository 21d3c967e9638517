//! `Sealed` keeps the rules of a store, and no token in the open.

use std::time::Duration;

use tower_wechat::{
    ErrorKind,
    issuer::AccountKey,
    store::{Claim, Commit, Lease, LeaseRequest, MemoryStore, Record, SealKey, Sealed, TokenStore, Usage},
    testing::store_conformance,
};

const LIFE: Duration = Duration::from_secs(60);

fn key(id: &str, digit: &str) -> SealKey {
    SealKey::from_hex(id, &digit.repeat(64)).unwrap()
}

fn sealed(store: &MemoryStore, keys: impl IntoIterator<Item = SealKey>) -> Sealed<MemoryStore> {
    Sealed::new(store.clone(), keys).unwrap()
}

fn account(name: &str) -> AccountKey {
    AccountKey::new("stable", "https://api.weixin.qq.com", name, None)
}

async fn commit(store: &dyn TokenStore, account: &AccountKey, token: &str) {
    let Claim::Granted(lease, _) = store.try_lease(account, LeaseRequest::new(LIFE, 0)).await.unwrap() else {
        panic!("not granted");
    };
    let record = Record::new(token, lease.fence, LIFE, LIFE);
    assert!(matches!(store.commit(account, &lease, &record, &Usage::default()).await.unwrap(), Commit::Done));
}

async fn token(store: &dyn TokenStore, account: &AccountKey) -> String {
    store.load(account).await.unwrap().record.unwrap().token.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_store_keeps_the_rules() {
    let memory = MemoryStore::new();
    store_conformance(|| async { sealed(&memory, [key("a", "1")]) }).await;
}

#[tokio::test]
async fn the_store_below_sees_no_token() {
    let memory = MemoryStore::new();
    let store = sealed(&memory, [key("a", "1")]);
    commit(&store, &account("app"), "SENTINEL").await;
    let below = token(&memory, &account("app")).await;
    assert!(below.starts_with("sealed1:a:"), "{below}");
    assert!(!below.contains("SENTINEL") && !below.contains("53454e54"), "{below}");
    assert_eq!(token(&store, &account("app")).await, "SENTINEL");
    commit(&store, &account("app"), "SENTINEL").await;
    assert_ne!(token(&memory, &account("app")).await, below, "the same token never looks the same twice");
}

#[tokio::test]
async fn keys_can_be_changed_without_a_gap() {
    let memory = MemoryStore::new();
    let account = account("app");
    commit(&sealed(&memory, [key("old", "1")]), &account, "one").await;
    let both = sealed(&memory, [key("new", "2"), key("old", "1")]);
    assert_eq!(token(&both, &account).await, "one");
    commit(&both, &account, "two").await;
    assert_eq!(token(&sealed(&memory, [key("new", "2")]), &account).await, "two");
}

#[tokio::test]
async fn what_no_key_opens_is_an_error_and_stays() {
    let memory = MemoryStore::new();
    let (mine, other) = (account("mine"), account("other"));
    let store = sealed(&memory, [key("a", "1")]);
    commit(&store, &mine, "SENTINEL").await;
    let text = token(&memory, &mine).await;
    // As text of another account, changed, cut, and not sealed at all.
    commit(&memory, &other, &text).await;
    let (changed, cut, open) = (account("changed"), account("cut"), account("open"));
    let last = if text.ends_with('0') { "1" } else { "0" };
    commit(&memory, &changed, &format!("{}{last}", &text[..text.len() - 1])).await;
    commit(&memory, &cut, &text[..20]).await;
    commit(&memory, &open, "SENTINEL").await;

    let (wrong, unknown) = (sealed(&memory, [key("a", "2")]), sealed(&memory, [key("b", "1")]));
    for (store, account) in [
        (&store, &other),
        (&store, &changed),
        (&store, &cut),
        (&store, &open),
        (&wrong, &mine),
        (&unknown, &mine),
    ] {
        let before = token(&memory, account).await;
        let error = store.load(account).await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(error.is_unreadable() && shown.contains(&account.to_string()), "{shown}");
        assert!(!shown.contains("SENTINEL") && !shown.contains(&text[10..]), "{shown}");
        let claim = store.try_lease(account, LeaseRequest::new(LIFE, 0)).await;
        assert!(claim.unwrap_err().is_unreadable());
        assert_eq!(token(&memory, account).await, before);
        assert_eq!(memory.load(account).await.unwrap().leased, None, "whoever can read it may mint");
    }
    assert_eq!(token(&store, &mine).await, "SENTINEL");
    let late = Lease::new(1, &LeaseRequest::new(LIFE, 0));
    commit(&store, &mine, "new").await;
    let record = Record::new("late", 1, LIFE, LIFE);
    let Commit::Fenced(instead) = store.commit(&mine, &late, &record, &Usage::default()).await.unwrap()
    else {
        panic!("not fenced");
    };
    assert_eq!(&*instead.record.unwrap().token, "new");
}

#[test]
fn keys_that_make_no_sense_are_refused_unseen() {
    let digits = "5E".repeat(32);
    for (id, key) in
        [("a", "SENTINEL"), ("a", &digits[2..]), ("a", &digits[1..]), ("", &digits), ("a:b", &digits)]
    {
        let error = SealKey::from_hex(id, key).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(!format!("{error} {error:?}").contains("SENTINEL"));
    }
    let one = || SealKey::from_hex("a", &digits).unwrap();
    assert!(Sealed::new(MemoryStore::new(), []).is_err());
    assert!(Sealed::new(MemoryStore::new(), [one(), one()]).is_err());
    let store = Sealed::new(MemoryStore::new(), [one()]).unwrap();
    assert!(!format!("{store:?} {:?}", one()).to_lowercase().contains("5e5e"));
}

/// An account that was idle for longer than it took to leave its key out.
#[tokio::test(start_paused = true)]
async fn an_expired_token_whose_key_was_left_out_counts_as_absent() {
    let memory = MemoryStore::new();
    let account = account("idle");
    let store = sealed(&memory, [key("old", "1")]);
    commit(&store, &account, "SENTINEL").await;
    let Claim::Granted(lease, _) = store.try_lease(&account, LeaseRequest::new(LIFE, 0)).await.unwrap()
    else {
        panic!("nobody holds it");
    };
    let mut used = Usage::default();
    used.failures = 7;
    store.abandon(&account, &lease, None, &used).await.unwrap();
    let rotated = sealed(&memory, [key("new", "2")]);
    assert!(rotated.load(&account).await.unwrap_err().is_unreadable(), "it lives");

    tokio::time::sleep(LIFE * 2).await;
    let seen = rotated.load(&account).await.unwrap();
    assert!(seen.record.is_none());
    assert_eq!(seen.usage.failures, 7, "the counts are kept");
    let claim = rotated.try_lease(&account, LeaseRequest::new(LIFE, 0)).await.unwrap();
    let Claim::Granted(next, seen) = claim else { panic!("{claim:?}") };
    assert!(seen.record.is_none() && next.fence > lease.fence, "and the fence");
    let record = Record::new("NEW", next.fence, LIFE, LIFE);
    assert!(matches!(
        rotated.commit(&account, &next, &record, &Usage::default()).await.unwrap(),
        Commit::Done
    ));
    assert_eq!(token(&rotated, &account).await, "NEW");
}
