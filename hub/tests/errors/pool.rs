//! Accounts that a pool does not have.

use std::{future::pending, io, time::Duration};

use futures_util::FutureExt;
use tokio::time::sleep;
use tower_wechat::{AppId, Error, TokenCache, TokenPool, issuer::StableToken};

use crate::{cache::paused, catalogue::Catalogue};

const APP: &str = "wx0123456789abcdef";

async fn refused(pool: &TokenPool, app: &str) -> Error {
    pool.account(&app.into()).await.expect_err("no account")
}

fn account() -> TokenCache {
    TokenCache::new(StableToken::new(APP, "secret"))
}

pub(crate) async fn provoke() -> Catalogue {
    let mut seen = Catalogue::default();
    seen.add("no-account", refused(&TokenPool::new(), APP).await);
    seen.add("no-account", refused(&TokenPool::with_factory(|_| None), APP).await);
    let unknown = TokenPool::builder().async_factory(async |_| Ok(None)).build();
    let _ = refused(&unknown, APP).await;
    seen.add("no-account", refused(&unknown, APP).await);
    let one = account();
    let mixed = TokenPool::with_factory(move |_| Some(one.clone()));
    mixed.account(&APP.into()).await.expect("an account");
    seen.add("factory", refused(&mixed, "wxfedcba9876543210").await);
    seen.add("factory", refused(&TokenPool::with_factory(|_| panic!("a bug")), APP).await);
    let fails = async |_| Err(io::Error::other("the database is away").into());
    seen.add("factory", refused(&TokenPool::builder().async_factory(fails).build(), APP).await);
    let outside = std::thread::spawn(|| {
        let pool = TokenPool::builder().async_factory(async |_| Ok(None)).build();
        pool.account(&APP.into()).now_or_never().expect("at once")
    });
    seen.add("no-runtime", outside.join().expect("no panic").expect_err("no runtime"));
    seen.quote(
        "factory",
        "no access_token for app wx0123456789abcdef: ",
        "its account was removed, or the pool's factory was stopped, each time that it was made",
        "somebody who removes it again and again",
    );
    seen.extend(paused(slow).await);
    seen
}

/// A factory that never ends.
async fn slow() -> Catalogue {
    let mut seen = Catalogue::default();
    let pool = TokenPool::builder().async_factory(|_: AppId| pending()).build();
    let later = async {
        sleep(Duration::from_secs(6)).await;
        refused(&pool, APP).await
    };
    let (first, second) = tokio::join!(refused(&pool, APP), later);
    seen.add("slow-factory", first);
    seen.add("slow-factory", second);
    seen
}
