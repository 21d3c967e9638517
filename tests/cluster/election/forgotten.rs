//! What two processes must not do to each other when Redis has lost its last second, or was away: each step of it in its
//! order, where `losses` leaves that to chance.

use std::time::Duration;

use tower_wechat::{
    AccessToken, TokenCache,
    issuer::{ClassicToken, Issuer, StableToken},
    store::RedisStore,
    testing::FakeWeChat,
};

use crate::election::{
    Kind, harsh,
    proxy::Proxy,
    server::{Server, eventually},
};

/// The longest until a store finds its server again, and what has changed there is known.
const SOON: Duration = Duration::from_secs(4);
/// Nobody is there.
const NOWHERE: u16 = 1;

/// A cache as in a process of its own, with its own way to the server.
struct Process {
    cache: TokenCache,
    way: Proxy,
}

impl Process {
    async fn new(kind: Kind, wechat: &FakeWeChat, server: &Server) -> Self {
        async fn over(issuer: impl Issuer, url: &str) -> TokenCache {
            TokenCache::builder(issuer).store(RedisStore::connect(url).await.unwrap()).build()
        }
        let (app, secret, url) = (FakeWeChat::APP_ID, FakeWeChat::APP_SECRET, wechat.url());
        let way = Proxy::to(server.port).await;
        let cache = match kind {
            Kind::Stable => {
                let issuer = StableToken::new(app, secret).allow_forced_refresh();
                over(issuer.base_url(&url).unwrap(), &way.url()).await
            }
            Kind::Classic => over(ClassicToken::new(app, secret).base_url(&url).unwrap(), &way.url()).await,
        };
        Self { cache, way }
    }

    fn leave(&self) {
        self.way.lead_to(NOWHERE);
        self.way.cut();
    }

    fn join(&self, server: &Server) {
        self.way.lead_to(server.port);
    }

    fn current(&self) -> AccessToken {
        self.cache.current().unwrap()
    }

    fn holds(&self, token: &AccessToken) -> bool {
        self.current().as_str() == token.as_str()
    }

    /// Asks for another token, with the present one rejected.
    async fn refresh(&self) -> AccessToken {
        self.cache.refresh(&self.current()).await.unwrap()
    }
}

/// Two processes with one token, which the server's dump has.
async fn two(kind: Kind) -> (FakeWeChat, Server, Process, Process) {
    let (wechat, server) = (harsh().await, Server::start().await);
    let (a, b) = (Process::new(kind, &wechat, &server).await, Process::new(kind, &wechat, &server).await);
    let first = a.cache.token().await.unwrap();
    assert_eq!(b.cache.token().await.unwrap().as_str(), first.as_str());
    assert_eq!(server.cli(&["SAVE"]).await, "OK");
    (wechat, server, a, b)
}

/// `b` has not heard of the last token, and gives the one before to a server that has lost both.
async fn an_older_token_is_given_back(kind: Kind) {
    let (wechat, mut server, a, b) = two(kind).await;
    wechat.revoke();
    let second = a.refresh().await;
    eventually("b has heard of it", SOON, async || b.holds(&second)).await;
    b.leave();
    wechat.revoke();
    let third = a.refresh().await;
    a.leave();
    server.kill();
    server.restart().await;
    b.join(&server);
    let key = format!("tower-wechat:{{{}}}", b.cache.account());
    eventually("b gives it back", SOON, async || {
        server.cli(&["HGET", &key, "record"]).await.contains(second.as_str())
    })
    .await;
    assert!(b.holds(&second));

    a.join(&server);
    eventually("they are of one mind", SOON, async || {
        assert!(!a.holds(&second), "a has gone back to the second token, which is dead");
        b.holds(&third) && a.holds(&third)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_classic_token_that_is_given_back_replaces_no_newer_one() {
    an_older_token_is_given_back(Kind::Classic).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_stable_token_that_is_given_back_replaces_no_newer_one() {
    an_older_token_is_given_back(Kind::Stable).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_two_mint_without_the_store_have_two_generations() {
    let (wechat, mut server, a, b) = two(Kind::Stable).await;
    server.kill();
    wechat.revoke();
    let second = a.refresh().await;
    // They are numbered by the clock, in milliseconds.
    tokio::time::sleep(Duration::from_millis(2)).await;
    wechat.revoke();
    let third = b.refresh().await;
    assert_ne!(second.as_str(), third.as_str());
    assert_ne!(second.generation(), third.generation(), "two tokens of one generation");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forced_refresh_that_redis_forgot_is_not_repeated_by_another_process() {
    let (wechat, mut server, a, b) = two(Kind::Stable).await;
    wechat.revoke_unnoticed();
    let second = a.refresh().await;
    assert_eq!(wechat.forced_requests(), 1);
    server.kill();
    server.restart().await;
    eventually("b has the token", SOON, async || b.holds(&second)).await;
    wechat.revoke_unnoticed();
    let _ = b.cache.refresh(&b.current()).await;
    assert_eq!(wechat.forced_requests(), 1, "30 s apart, whoever asks");
}

#[tokio::test(flavor = "multi_thread")]
async fn refreshes_that_redis_forgot_still_count_for_another_process() {
    let (wechat, mut server, a, b) = two(Kind::Classic).await;
    // Each of these tokens is rejected within a second, and so is the last: no more than five are replaced for that.
    for _ in 0..5 {
        a.refresh().await;
    }
    let last = a.current();
    server.kill();
    server.restart().await;
    eventually("b has the token", SOON, async || b.holds(&last)).await;
    for _ in 0..5 {
        let _ = b.cache.refresh(&b.current()).await;
    }
    // Under its new number nobody knows that a refresh brought the last one.
    assert!(wechat.mints() <= 1 + 5 + 1, "{} mints: the budget is the account's", wechat.mints());
}
