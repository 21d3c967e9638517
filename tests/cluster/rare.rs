//! Rare cases, each of which has gone wrong once.
//!
//! A process is a cache; those that share an account have one store in memory. Time is simulated.

#![allow(clippy::disallowed_methods, reason = "simulated time is tokio's")]

use crate::support;

use std::{
    convert::Infallible,
    fmt,
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use support::issuers::{TWO_HOURS, instant, scripted};
use tokio::{sync::Notify, time::sleep};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_wechat::{
    AuthOutcome, ErrorKind, Fingerprint, Platform, ReplayBody, TokenCache, TokenError, WeChatAuthLayer,
    issuer::{AccountKey, Allowance, Issuer, Mint, MintFuture, Minted, StableToken},
    store::{
        Claim, Commit, Failure, FileStore, Lease, LeaseRequest, MemoryStore, Note, Record, Snapshot,
        StoreError, StoreFuture, TokenStore, Usage, Watch,
    },
};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn process(issuer: impl Issuer, store: &(impl TokenStore + Clone)) -> TokenCache {
    TokenCache::builder(issuer).store(store.clone()).build()
}

/// One process's way to the store, which can be cut.
#[derive(Clone, Default)]
struct Way {
    store: MemoryStore,
    cut: Arc<AtomicBool>,
}

impl Way {
    fn to(store: &MemoryStore) -> Self {
        Self { store: store.clone(), cut: Arc::default() }
    }

    fn reached<'a, T: Send + 'a>(&'a self, call: impl FnOnce() -> StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        if self.cut.load(SeqCst) {
            return Box::pin(ready(Err(StoreError::unavailable("cut off"))));
        }
        call()
    }
}

impl TokenStore for Way {
    fn load<'a>(&'a self, account: &'a AccountKey) -> StoreFuture<'a, Snapshot> {
        self.reached(|| self.store.load(account))
    }

    fn try_lease<'a>(&'a self, account: &'a AccountKey, ask: LeaseRequest) -> StoreFuture<'a, Claim> {
        self.reached(|| self.store.try_lease(account, ask))
    }

    fn renew<'a>(&'a self, account: &'a AccountKey, lease: &'a Lease) -> StoreFuture<'a, bool> {
        self.reached(|| self.store.renew(account, lease))
    }

    fn commit<'a>(
        &'a self,
        account: &'a AccountKey,
        lease: &'a Lease,
        record: &'a Record,
        usage: &'a Usage,
    ) -> StoreFuture<'a, Commit> {
        self.reached(|| self.store.commit(account, lease, record, usage))
    }

    fn abandon<'a>(
        &'a self,
        account: &'a AccountKey,
        lease: &'a Lease,
        failure: Option<&'a Failure>,
        usage: &'a Usage,
    ) -> StoreFuture<'a, ()> {
        self.reached(|| self.store.abandon(account, lease, failure, usage))
    }

    fn note<'a>(&'a self, account: &'a AccountKey, note: Note) -> StoreFuture<'a, ()> {
        self.reached(|| self.store.note(account, note))
    }

    fn watch(&self, account: &AccountKey) -> Box<dyn Watch> {
        if self.cut.load(SeqCst) {
            return Box::new(Silent);
        }
        self.store.watch(account)
    }
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Way")
    }
}

struct Silent;

impl Watch for Silent {
    fn changed(&mut self) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::pending())
    }
}

/// An issuer of which each test says what is special.
#[derive(Clone)]
struct Custom<F> {
    mint: F,
    allowance: Allowance,
    independent: bool,
    forces: bool,
    credential: Option<Fingerprint>,
    platform: Platform,
}

impl<F: Fn(Mint) -> Result<Minted, TokenError>> Custom<F> {
    fn new(mint: F) -> Self {
        Self {
            mint,
            allowance: Allowance::new(60, secs(100)),
            independent: false,
            forces: false,
            credential: None,
            platform: Platform::wechat(),
        }
    }
}

impl<F: Fn(Mint) -> Result<Minted, TokenError> + Send + Sync + 'static> Issuer for Custom<F> {
    fn mint(&self, how: Mint) -> MintFuture<'_> {
        Box::pin(ready((self.mint)(how)))
    }

    fn platform(&self) -> &Platform {
        &self.platform
    }

    fn account(&self) -> AccountKey {
        AccountKey::new("custom", "https://tokens.example", "wxcustom", None)
    }

    fn mints_are_independent(&self) -> bool {
        self.independent
    }

    fn refreshes(&self) -> Allowance {
        self.allowance
    }

    fn can_force(&self) -> bool {
        self.forces
    }

    fn credential(&self) -> Option<Fingerprint> {
        self.credential
    }
}

fn new_each_time(
    count: &Arc<AtomicU64>,
) -> impl Fn(Mint) -> Result<Minted, TokenError> + Clone + Send + Sync + use<> {
    let count = count.clone();
    move |_| Ok(Minted::new(format!("TOKEN-{}", count.fetch_add(1, SeqCst) + 1), TWO_HOURS))
}

/// The same, or this error while it `fails`.
fn new_unless(
    count: &Arc<AtomicU64>,
    fails: &Arc<AtomicBool>,
    error: TokenError,
) -> impl Fn(Mint) -> Result<Minted, TokenError> + Clone + Send + Sync + use<> {
    let (next, fails) = (new_each_time(count), fails.clone());
    move |how| if fails.load(SeqCst) { Err(error.clone()) } else { next(how) }
}

// === numbers ===

/// An account's cache is replaced (a pool's `insert`); somebody still has a token of the old one.
#[tokio::test(start_paused = true)]
async fn a_rejected_token_of_a_higher_number_costs_one_mint() {
    let (issuer, _) = instant();
    let old = TokenCache::new(issuer);
    let mut token = old.token().await.unwrap();
    for _ in 0..7 {
        sleep(secs(600)).await;
        token = old.refresh(&token).await.unwrap();
    }
    let (issuer, mints) = instant();
    let new = TokenCache::new(issuer);
    new.token().await.unwrap();
    let better = new.refresh(&token).await;
    for _ in 0..20 {
        new.token().await.unwrap();
    }
    assert_eq!(mints.load(SeqCst), 2, "one, and one in place of it: {better:?}");
    assert!(better.unwrap().generation() > token.generation());
}

// === give back ===

/// It is cut off for five minutes, in which the other mints the second token, and then comes to doubt that one.
#[tokio::test(start_paused = true)]
async fn a_process_that_was_cut_off_does_not_bring_an_older_token_back() {
    let store = MemoryStore::new();
    let (mints, fails) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let issuer = Custom::new(new_unless(&mints, &fails, TokenError::transient("the connection broke")));
    let way = Way::to(&store);
    let (cut_off, other) = (process(Arc::new(issuer.clone()), &way), process(issuer, &store));
    cut_off.token().await.unwrap();
    let first = other.token().await.unwrap();
    way.cut.store(true, SeqCst);
    let second = other.refresh(&first).await.unwrap();
    assert_eq!((first.as_str(), second.as_str()), ("TOKEN-1", "TOKEN-2"));
    fails.store(true, SeqCst);
    // The answer to a mint is lost, so the second is trusted for four minutes only.
    assert!(other.refresh(&second).await.is_err());
    for _ in 0..10 {
        sleep(secs(30)).await;
        cut_off.token().await.unwrap();
    }
    way.cut.store(false, SeqCst);
    for _ in 0..10 {
        sleep(secs(10)).await;
        cut_off.token().await.unwrap();
    }
    let stored = store.load(other.account()).await.unwrap().record.unwrap();
    assert_ne!(&*stored.token, "TOKEN-1", "the second has ended its life: {stored:?}");
}

#[tokio::test(start_paused = true)]
async fn a_process_that_was_cut_off_does_not_end_a_doubt() {
    let store = MemoryStore::new();
    let (mints, fails) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let issuer = Custom::new(new_unless(&mints, &fails, TokenError::transient("the connection broke")));
    let way = Way::to(&store);
    let (cut_off, other) = (process(Arc::new(issuer.clone()), &way), process(issuer, &store));
    cut_off.token().await.unwrap();
    let first = other.token().await.unwrap();
    way.cut.store(true, SeqCst);
    fails.store(true, SeqCst);
    assert!(other.refresh(&first).await.is_err());
    for _ in 0..10 {
        sleep(secs(30)).await;
        cut_off.token().await.unwrap();
    }
    way.cut.store(false, SeqCst);
    for _ in 0..10 {
        sleep(secs(10)).await;
        // It doubts it, too, once it hears of that; and the endpoint is still broken.
        let _ = cut_off.token().await;
    }
    let left = other.current().map(|token| token.expires_in()).unwrap_or_default();
    assert!(left < secs(300), "{left:?} of a token that was doubted six minutes ago");
}

// === other programs ===

/// A stable token that is replaced by force, again and again, hands out what somebody else had before.
#[tokio::test(start_paused = true)]
async fn a_program_that_forces_is_told_by_tokens_that_have_lived_already() {
    let lives = [TWO_HOURS, secs(6600), secs(6000)];
    let mints = AtomicUsize::new(0);
    let mut issuer = Custom::new(move |_| {
        let number = mints.fetch_add(1, SeqCst);
        Ok(Minted::new(format!("TOKEN-{number}"), lives[number]))
    });
    issuer.independent = true;
    let cache = TokenCache::new(issuer);
    let mut token = cache.token().await.unwrap();
    for alarms in [0, 1] {
        sleep(secs(600)).await;
        token = cache.refresh(&token).await.unwrap();
        assert_eq!(cache.stats().foreign_minter_alarms, alarms);
    }
}

// === judgements ===

const BAD: &str = "https://api.weixin.qq.com/cgi-bin/bad";
const GOOD: &str = "https://api.weixin.qq.com/cgi-bin/good";

async fn call(cache: &TokenCache, url: &str) -> Response<tower_wechat::PeekedBody<Full<Bytes>>> {
    let api = service_fn(|request: Request<ReplayBody<Full<Bytes>>>| async move {
        // The one that refuses takes a little longer than the others.
        let (takes, errcode) = if request.uri().path().ends_with("bad") { (60, 40001) } else { (20, 0) };
        sleep(Duration::from_millis(takes)).await;
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(format!(r#"{{"errcode":{errcode}}}"#))))
    });
    let client = ServiceBuilder::new().layer(WeChatAuthLayer::new(cache)).service(api);
    client.oneshot(Request::get(url).body(Full::default()).unwrap()).await.unwrap()
}

/// One API answers 40001 whatever the token, and all others are used meanwhile.
#[tokio::test(start_paused = true)]
async fn refreshes_that_do_not_help_are_few_however_busy_the_other_apis_are() {
    let (issuer, mints) = instant();
    let cache = TokenCache::new(issuer);
    cache.token().await.unwrap();
    let busy = cache.clone();
    let others = tokio::spawn(async move {
        loop {
            let busy = busy.clone();
            tokio::spawn(async move { call(&busy, GOOD).await });
            sleep(Duration::from_millis(10)).await;
        }
    });
    for _ in 0..120 {
        call(&cache, BAD).await;
        sleep(secs(1)).await;
    }
    others.abort();
    let mints = mints.load(SeqCst);
    assert!(mints <= 8, "{mints} in two minutes: one, and five that do not help");
}

/// Tokens die in quick succession, and each refresh helps; the answers are too long to be looked at.
#[tokio::test(start_paused = true)]
async fn a_replay_that_brought_a_long_answer_has_helped() {
    let (issuer, mints) = instant();
    let cache = TokenCache::new(issuer);
    let good = Arc::new(AtomicU64::new(1));
    for round in 0..12 {
        let wanted = format!("TOKEN-{}", good.load(SeqCst));
        let api = service_fn(move |request: Request<ReplayBody<Full<Bytes>>>| {
            let accepted = request.uri().query().is_some_and(|query| query.ends_with(&wanted));
            let list = format!(r#"{{"list":"{}"}}"#, "x".repeat(8000));
            let answer = if accepted { list } else { r#"{"errcode":40001}"#.to_owned() };
            ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(answer))))
        });
        let client = ServiceBuilder::new().layer(WeChatAuthLayer::new(&cache)).service(api);
        let answer = client.oneshot(Request::get(GOOD).body(Full::default()).unwrap()).await.unwrap();
        let outcome = answer.extensions().get::<AuthOutcome>();
        assert!(outcome.is_none_or(AuthOutcome::replayed), "round {round}: {outcome:?}");
        sleep(secs(5)).await;
        good.store(mints.load(SeqCst) + 1, SeqCst);
    }
}

/// No request goes through the layer: nothing is known of a token but when it was rejected.
#[tokio::test(start_paused = true)]
async fn a_refresh_by_hand_did_not_help_only_if_its_token_is_rejected_within_half_a_minute() {
    let (issuer, _) = instant();
    let cache = TokenCache::new(issuer);
    let mut token = cache.token().await.unwrap();
    for round in 0..12 {
        let better = cache.refresh(&token).await;
        token = better.unwrap_or_else(|error| panic!("round {round}: {error}"));
        sleep(secs(60)).await;
    }
}

// === failures ===

#[tokio::test(start_paused = true)]
async fn the_failures_of_a_bad_host_do_not_lengthen_the_pauses_of_a_good_one() {
    let store = MemoryStore::new();
    let not_allowed = || TokenError::permanent("not on the list").with_errcode(40164).of_this_host();
    let bad = process(Custom::new(move |_| Err(not_allowed())), &store);
    let good = process(Custom::new(|_| Err(TokenError::transient("busy").with_errcode(-1))), &store);
    for _ in 0..3600 {
        assert!(bad.token().await.is_err());
        sleep(secs(1)).await;
    }
    assert_eq!(store.load(bad.account()).await.unwrap().usage.failures, 0);
    let pause = good.token().await.unwrap_err().retry_after().unwrap();
    assert!(pause < secs(1), "its first failure: {pause:?}");
}

#[tokio::test(start_paused = true)]
async fn the_failures_of_an_old_secret_do_not_lengthen_the_pauses_of_a_new_one() {
    let store = MemoryStore::new();
    let mut old = Custom::new(|_| Err(TokenError::permanent("wrong secret").with_errcode(40125)));
    old.credential = StableToken::new("wx", "old").credential();
    let mut new = Custom::new(|_| Err(TokenError::transient("busy").with_errcode(-1)));
    new.credential = StableToken::new("wx", "new").credential();
    let (old, new) = (process(old, &store), process(new, &store));
    for _ in 0..3600 {
        assert!(old.token().await.is_err());
        sleep(secs(1)).await;
    }
    let pause = new.token().await.unwrap_err().retry_after().unwrap();
    assert!(pause < secs(1), "its first failure: {pause:?}");
}

/// The same secret, and so the same failures, whoever has met them.
#[tokio::test(start_paused = true)]
async fn the_failures_of_one_process_lengthen_the_pauses_of_another() {
    let store = MemoryStore::new();
    let mut wrong = Custom::new(|_| Err(TokenError::permanent("wrong secret").with_errcode(40125)));
    wrong.credential = StableToken::new("wx", "wrong").credential();
    let (first, second) = (process(wrong.clone(), &store), process(wrong, &store));
    for _ in 0..3600 {
        assert!(first.token().await.is_err());
        sleep(secs(1)).await;
    }
    sleep(secs(400)).await;
    let error = second.token().await.unwrap_err();
    assert_eq!((error.kind(), second.stats().mint_failures), (ErrorKind::Token, 1));
    let pause = error.retry_after().unwrap();
    assert!(pause >= secs(225), "not its first failure: {pause:?}");
}

/// The endpoint is down for an hour while the present token is dead: nothing is minted, so nothing is spent.
#[tokio::test(start_paused = true)]
async fn refreshes_that_failed_do_not_spend_the_budget() {
    let (mints, fails) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let (next, broken) = (new_each_time(&mints), fails.clone());
    let cache = TokenCache::new(Custom::new(move |how| {
        if broken.load(SeqCst) { Err(TokenError::transient("busy").with_errcode(-1)) } else { next(how) }
    }));
    let token = cache.token().await.unwrap();
    fails.store(true, SeqCst);
    for _ in 0..3600 {
        assert!(cache.refresh(&token).await.is_err());
        sleep(secs(1)).await;
    }
    assert_eq!((cache.stats().mints(), cache.stats().budget_refusals), (1, 0));
}

/// A wrong secret, and meanwhile a host with the right one that cannot reach the endpoint.
#[tokio::test(start_paused = true)]
async fn the_failure_of_a_host_does_not_make_others_forget_theirs() {
    let store = MemoryStore::new();
    let mut old = Custom::new(|_| Err(TokenError::permanent("wrong secret").with_errcode(40125)));
    old.credential = StableToken::new("wx", "old").credential();
    let mut cut_off = Custom::new(|_| Err(TokenError::transient("no way there").of_this_host()));
    cut_off.credential = StableToken::new("wx", "new").credential();
    let (first, second) = (process(old.clone(), &store), process(old, &store));
    assert!(first.token().await.is_err());
    assert!(process(cut_off, &store).token().await.is_err());
    assert!(second.token().await.is_err());
    assert_eq!(second.stats().mint_failures, 0, "the same wrong secret once more");
}

#[tokio::test(start_paused = true)]
async fn what_is_mended_while_a_mint_is_about_to_fail_is_mended() {
    let (asked, answer) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tells, waits, count) = (asked.clone(), answer.clone(), AtomicUsize::new(0));
    let cache = TokenCache::new(scripted(move |_| {
        let (tells, waits, first) = (tells.clone(), waits.clone(), count.fetch_add(1, SeqCst) == 0);
        async move {
            if !first {
                return Ok(Minted::new("T", TWO_HOURS));
            }
            tells.notify_one();
            waits.notified().await;
            Err(TokenError::permanent("wrong secret").with_errcode(40125))
        }
    }));
    let caller = cache.clone();
    let waiting = tokio::spawn(async move { caller.token().await });
    asked.notified().await;
    cache.retry_now();
    answer.notify_one();
    assert!(waiting.await.unwrap().is_err());
    let next = cache.token().await;
    assert!(next.is_ok(), "the next fetch is at once: {next:?}");
}

/// With a patience that is longer than four fetches may take.
#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_is_what_callers_are_told_however_long_they_wait() {
    let way = Way::default();
    way.cut.store(true, SeqCst);
    let (issuer, _) = instant();
    let cache = TokenCache::builder(issuer).store(way).wait_timeout(secs(300)).build();
    let error = cache.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store, "{error}");
}

// === runtimes ===

/// A program without async of its own keeps a runtime for each thread, and polls it while it waits for something.
#[test]
fn what_others_write_is_taken_over_though_the_first_runtime_rests() {
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (first, second) = (runtime(), runtime());
    let store = MemoryStore::new();
    let (issuer, _) = instant();
    let issuer: Arc<dyn Issuer> = Arc::new(issuer);
    let (cache, other) = (process(issuer.clone(), &store), process(issuer, &store));
    let token = first.block_on(cache.token()).unwrap();
    second.block_on(async {
        let better = other.refresh(&token).await.unwrap();
        for _ in 0..120 {
            sleep(secs(1)).await;
            cache.token().await.unwrap();
        }
        assert_eq!(cache.current().unwrap().as_str(), better.as_str(), "two minutes later");
    });
}

// === usage ===

#[tokio::test(start_paused = true)]
async fn what_was_forced_while_the_store_was_away_counts_after_a_failure_of_another() {
    let store = MemoryStore::new();
    let way = Way::to(&store);
    let (texts, forced) = (Arc::new(AtomicU64::new(1)), Arc::new(AtomicU64::new(0)));
    let (text, count) = (texts.clone(), forced.clone());
    let mut issuer = Custom::new(move |how| {
        if how.is_forced() {
            count.fetch_add(1, SeqCst);
            text.fetch_add(1, SeqCst);
        }
        Ok(Minted::new(format!("TOKEN-{}", text.load(SeqCst)), TWO_HOURS))
    });
    (issuer.independent, issuer.forces) = (true, true);
    let cache = process(issuer, &way);
    let mut token = cache.token().await.unwrap();
    way.cut.store(true, SeqCst);
    for _ in 0..20 {
        sleep(secs(301)).await;
        token = cache.refresh(&token).await.unwrap();
    }
    assert_eq!(forced.load(SeqCst), 20, "as many as WeChat allows a day");
    way.cut.store(false, SeqCst);
    sleep(secs(60)).await;
    cache.token().await.unwrap();
    sleep(secs(60)).await;
    // Another process's mint fails.
    let account = cache.account().clone();
    let Claim::Granted(lease, seen) = store.try_lease(&account, LeaseRequest::new(secs(1), 0)).await.unwrap()
    else {
        panic!("nobody holds it")
    };
    let failure = Failure::new(TokenError::transient("busy"), lease.fence, secs(5));
    store.abandon(&account, &lease, Some(&failure), &seen.usage).await.unwrap();
    let present = cache.current().unwrap();
    assert!(present.generation() >= token.generation());
    assert!(cache.refresh(&present).await.is_err());
    sleep(secs(31)).await;
    let _ = cache.refresh(&present).await;
    assert_eq!(forced.load(SeqCst), 20, "one more than WeChat allows a day");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_noted_of_an_account_of_which_there_is_nothing() {
    let account = AccountKey::new("custom", "", "nobody", None);
    let store = MemoryStore::new();
    store.note(&account, Note::Accepted { generation: 7 }).await.unwrap();
    assert_eq!(store.load(&account).await.unwrap().usage, Usage::default());
}

// === settings and stored values ===

/// One refresh after a rejection, and never one more.
#[tokio::test(start_paused = true)]
async fn an_allowance_that_never_fills_up_again_is_one() {
    let mints = Arc::new(AtomicU64::new(0));
    let mut custom = Custom::new(new_each_time(&mints));
    custom.allowance = Allowance::new(1, Duration::MAX);
    let cache = TokenCache::new(custom);
    let first = cache.token().await.unwrap();
    let second = cache.refresh(&first).await.unwrap();
    let error = cache.refresh(&second).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BackedOff, "{error}");
}

/// One byte of a failure that is long over.
#[tokio::test]
async fn a_damaged_failure_that_is_over_keeps_nobody_from_the_file() {
    let dir = std::env::temp_dir().join(format!("tower-wechat-review-{}", std::process::id()));
    let store = FileStore::open(&dir).unwrap();
    let account = AccountKey::new("custom", "", "file", None);
    let Claim::Granted(lease, _) = store.try_lease(&account, LeaseRequest::new(secs(60), 0)).await.unwrap()
    else {
        panic!("nobody holds it")
    };
    let failure = Failure::new(TokenError::transient("SENTINEL"), lease.fence, Duration::ZERO);
    store.abandon(&account, &lease, Some(&failure), &Usage::default()).await.unwrap();
    let path = dir.join(format!("{account}.json"));
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(written.contains(r#"\"kind\":\"token\""#), "{written}");
    std::fs::write(&path, written.replace(r#"\"kind\":\"token\""#, r#"\"kind\":7"#)).unwrap();
    let loaded = store.load(&account).await;
    std::fs::remove_dir_all(&dir).unwrap();
    assert!(loaded.is_ok(), "{loaded:?}");
}

/// What others write passes the same bounds as what is minted here.
#[tokio::test(start_paused = true)]
async fn a_life_that_no_token_has_is_not_believed_whoever_wrote_it() {
    const WEEK: Duration = secs(7 * 24 * 3600);
    let store = MemoryStore::new();
    let custom = Custom::new(new_each_time(&Arc::default()));
    let account = custom.account();
    let Claim::Granted(lease, _) = store.try_lease(&account, LeaseRequest::new(secs(5), 0)).await.unwrap()
    else {
        panic!("nobody holds it")
    };
    let record = Record::new("SENTINEL", lease.fence, WEEK * 52, WEEK * 52);
    store.commit(&account, &lease, &record, &Usage::default()).await.unwrap();
    let token = process(custom, &store).token().await.unwrap();
    assert_eq!(token.as_str(), "SENTINEL");
    let minted = Custom::new(|_| Ok(Minted::new("SENTINEL", WEEK * 52)));
    for token in [token, TokenCache::new(minted).token().await.unwrap()] {
        let left = token.expires_in();
        assert!(left <= WEEK && left > WEEK.checked_sub(secs(60)).unwrap(), "{left:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn absurd_settings_harm_nobody() {
    let all = [Duration::ZERO, Duration::from_nanos(1), Duration::MAX];
    for ahead in all {
        for wait in all {
            for fetch in all {
                for life in [Duration::from_nanos(1), secs(1), Duration::MAX] {
                    let mints = Arc::new(AtomicU64::new(0));
                    let mut custom = Custom::new(move |_| {
                        Ok(Minted::new(format!("T-{}", mints.fetch_add(1, SeqCst)), life))
                    });
                    custom.allowance = Allowance::new(u32::MAX, secs(u64::MAX / 1000));
                    let store = MemoryStore::new();
                    let cache = TokenCache::builder(custom)
                        .store(store)
                        .refresh_ahead(ahead)
                        .wait_timeout(wait)
                        .fetch_timeout(fetch)
                        .build();
                    let warm = cache.keep_warm();
                    for least in all {
                        if let Ok(token) = cache.token_with_min_ttl(least).await {
                            let _ = cache.refresh(&token).await;
                        }
                        sleep(secs(2)).await;
                    }
                    drop(warm);
                    cache.shutdown().await;
                }
            }
        }
    }
}
