//! A warm app stays warm, and what goes on is counted, though nobody asks.

use std::time::Duration;

use tokio::time::sleep;
use tower_wechat::TokenCache;
use wechat_hub::Hub;

use super::scene::Mill;

#[tokio::test(start_paused = true)]
async fn a_warm_app_that_nobody_asks_for_has_a_token_after_days() {
    let (warm, lazy) = (TokenCache::new(Mill::new("warm", None)), TokenCache::new(Mill::new("lazy", None)));
    let hub = Hub::builder().app("warm", warm.clone()).app_on_demand("lazy", lazy.clone()).build().unwrap();
    drop(hub.service());
    sleep(Duration::from_secs(60)).await;
    for hour in 0..72 {
        assert!(warm.current().is_some(), "after {hour} hours");
        sleep(Duration::from_secs(3600)).await;
    }
    let stats = warm.stats();
    assert!((36..=38).contains(&stats.mints()), "{stats:?}");
    assert_eq!((stats.mints_cold, stats.coalesced), (1, 0));
    assert_eq!(lazy.stats().mints(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_goes_on_ends_with_the_hub() {
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let hub = Hub::builder().app("warm", TokenCache::new(Mill::new("warm", None))).build().unwrap();
    let router = hub.admin_service();
    drop((hub.clone().service(), hub.admin_service()));
    // Between two of its minutes.
    sleep(Duration::from_secs(630)).await;
    assert!(alive() > 0);
    drop((hub, router));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(alive(), 0);
}
