//! The HTTP clients of the built-in issuers over real sockets: TLS with roots of one's own, proxies of the environment, and
//! reqwest; and calls that hang.

pub mod ends;
mod hung;
mod proxy;
mod reqwest;
mod tls;

use std::future::Future;

use tower_wechat::{
    TokenError,
    issuer::{ClassicToken, Issuer, Mint, StableToken, WeCom},
    testing::FakeWeChat,
};

/// Longer than anything here takes: only a wait without an end is cut short by it.
const END: std::time::Duration = std::time::Duration::from_secs(30);

async fn ends<F: Future>(waiting: F) -> F::Output {
    tokio::time::timeout(END, waiting).await.expect("every wait ends")
}

/// An issuer of each kind, at this base URL.
fn issuers(base: &str) -> (StableToken, ClassicToken, WeCom) {
    (
        StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET).base_url(base).unwrap(),
        classic(base),
        WeCom::new(FakeWeChat::CORP_ID, FakeWeChat::CORP_SECRET).base_url(base).unwrap(),
    )
}

/// The one that has the secret in its URL.
fn classic(base: &str) -> ClassicToken {
    ClassicToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET).base_url(base).unwrap()
}

async fn mint(issuer: &dyn Issuer) -> Result<(), TokenError> {
    ends(issuer.mint(Mint::normal())).await.map(drop)
}

/// The error of a mint, after a look for what must not be in it.
async fn failure(issuer: &dyn Issuer) -> TokenError {
    let error = mint(issuer).await.expect_err("a failure");
    let shown = format!("{error} {error:?}");
    for secret in [FakeWeChat::APP_SECRET, FakeWeChat::CORP_SECRET, "://", "SENTINEL"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(std::error::Error::source(&error).is_none());
    error
}
