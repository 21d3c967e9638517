//! What the hub does every minute, without being asked: it counts the day, keeps warm apps in use, and sees to its metrics.

use std::{future::ready, sync::Weak, time::Duration};

use tokio::{
    select,
    time::{MissedTickBehavior, interval},
};
use tower_wechat::TokenCache;

use crate::{hub::Hub, shared::Shared};

const EVERY: Duration = Duration::from_secs(60);

/// Runs until the hub is gone.
pub(crate) async fn run(hub: Weak<Shared>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(hub) = hub.upgrade().map(Hub) else { return };
        // Not across an await: a reload need not wait.
        let apps: Vec<_> = hub.table().apps.values().cloned().collect();
        for app in apps {
            app.sample();
            if app.is_warm {
                use_once(&app.cache).await;
            }
        }
        hub.users().forget();
        if let Some(metrics) = hub.metrics() {
            metrics.run_upkeep();
        }
    }
}

/// Counts as use, and fetches nothing: an account that nobody has used for six hours is not kept warm, but what a hub keeps
/// warm has to be there whenever somebody asks.
async fn use_once(cache: &TokenCache) {
    select! {
        biased;
        _ = cache.newer_than(u64::MAX) => {}
        () = ready(()) => {}
    }
}
