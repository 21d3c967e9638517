//! Sealed stores: keys that are none, and tokens that cannot be opened.

use std::time::Duration;

use tower_wechat::{
    issuer::AccountKey,
    store::{Claim, LeaseRequest, MemoryStore, Record, SealKey, Sealed, TokenStore, Usage},
};

use crate::catalogue::Catalogue;

const LIFE: Duration = Duration::from_secs(7200);

fn key(id: &str, digit: &str) -> SealKey {
    SealKey::from_hex(id, &digit.repeat(64)).expect("a key")
}

async fn commit(store: &impl TokenStore, account: &AccountKey) {
    let claim = store.try_lease(account, LeaseRequest::new(LIFE, 0)).await.expect("the store works");
    let Claim::Granted(lease, _) = claim else { panic!("nobody has it") };
    let record = Record::new("t", lease.fence, LIFE, LIFE);
    store.commit(account, &lease, &record, &Usage::default()).await.expect("the store works");
}

pub(crate) async fn provoke() -> Catalogue {
    let mut seen = Catalogue::default();
    seen.add("seal-key", SealKey::from_hex("a key", &"0".repeat(64)).map(drop).expect_err("a space"));
    seen.add("seal-key", SealKey::from_hex("2026", "0123").map(drop).expect_err("too short"));
    seen.add("seal-key", Sealed::new(MemoryStore::new(), []).map(drop).expect_err("no key"));
    let account = AccountKey::new("stable", "https://api.weixin.qq.com", "wx0123456789abcdef", None);
    let (plain, sealed) = (MemoryStore::new(), MemoryStore::new());
    commit(&plain, &account).await;
    commit(&Sealed::new(sealed.clone(), [key("2026", "a")]).expect("a key"), &account).await;
    for (store, key) in
        [(plain, key("2026", "a")), (sealed.clone(), key("2027", "a")), (sealed, key("2026", "b"))]
    {
        let store = Sealed::new(store, [key]).expect("a key");
        seen.add("sealed", store.load(&account).await.map(drop).expect_err("it cannot be opened"));
    }
    seen.quote("sealed", "token store: ", "there is no sealing key", "`Sealed::new` refuses that");
    seen.quote(
        "sealed",
        "token store: ",
        "the token cannot be sealed: this machine has no random numbers",
        "an operating system that gives none",
    );
    seen
}
