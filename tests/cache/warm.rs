//! Kept warm: refreshed ahead without traffic, evenly, by one task that ends with the last guard.

use crate::support;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use support::{issuers::scripted, mill::Mill};
use tokio::{
    runtime::Handle,
    sync::Semaphore,
    time::{Instant, advance, sleep},
};
use tower_wechat::{TokenCache, TokenError, issuer::Minted};

const LIFE: Duration = Duration::from_secs(7200);

fn alive() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// Lets everything that is due run, without moving the time.
async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_day_without_traffic_is_a_mint_every_two_hours() {
    let mill = Mill::new("app", LIFE);
    let cache = TokenCache::new(mill.clone());
    let warm = cache.keep_warm();
    for _ in 0..24 * 60 {
        sleep(Duration::from_secs(60)).await;
        assert!(cache.current().is_some_and(|token| token.expires_in() > Duration::from_secs(120)));
        // Used now and then, or it would be left alone after six hours.
        cache.token().await.unwrap();
    }
    assert!((12..=13).contains(&mill.mints()), "{}", mill.mints());
    assert_eq!(cache.stats().mints_cold, 1);
    drop(warm);
}

#[tokio::test(start_paused = true)]
async fn an_unused_account_is_left_to_refresh_on_use() {
    let mill = Mill::new("app", LIFE);
    let cache = TokenCache::new(mill.clone());
    let warm = cache.keep_warm();
    sleep(Duration::from_secs(48 * 3600)).await;
    assert_eq!(mill.mints(), 4, "for six hours, then no more");
    assert!(cache.current().is_none());
    cache.retry_now();
    sleep(Duration::from_secs(5 * 3600)).await;
    assert_eq!(mill.mints(), 5, "to say that something was mended is not to use it");
    cache.token().await.unwrap();
    sleep(Duration::from_secs(5 * 3600)).await;
    assert_eq!(mill.mints(), 8, "used again, warm again");
    drop(warm);
}

#[tokio::test(start_paused = true)]
async fn a_failing_endpoint_is_asked_with_growing_pauses_and_recovers() {
    let mill = Mill::new("app", LIFE);
    mill.breaks(Some(TokenError::permanent("wrong secret")));
    let cache = TokenCache::new(mill.clone());
    let warm = cache.keep_warm();
    sleep(Duration::from_secs(3600)).await;
    assert!((10..=25).contains(&mill.mints()), "{} in an hour", mill.mints());
    // Nobody waits for a token who will be told to come later.
    assert!(cache.stats().waits <= mill.mints() + 2, "{} waits", cache.stats().waits);
    mill.breaks(None);
    sleep(Duration::from_secs(400)).await;
    assert!(cache.current().is_some());
    drop(warm);
}

#[tokio::test(start_paused = true)]
async fn many_accounts_share_one_task_that_ends_with_the_last_guard() {
    let mill = Mill::new("app", LIFE);
    assert_eq!(alive(), 0);
    let warm: Vec<_> =
        (0..500).map(|app| TokenCache::new(mill.for_app(&format!("app{app}"))).keep_warm()).collect();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(mill.mints(), 500);
    assert_eq!(alive(), 1);
    drop(warm);
    settle().await;
    assert_eq!(alive(), 0);
}

#[tokio::test(start_paused = true)]
async fn no_more_than_a_few_mints_run_at_a_time() {
    let running = Arc::new(Semaphore::new(0));
    let started = Arc::new(AtomicU64::new(0));
    let warm: Vec<_> = (0..100)
        .map(|_| {
            let (gate, started) = (running.clone(), started.clone());
            let issuer = scripted(move |_| {
                let gate = gate.clone();
                started.fetch_add(1, Ordering::SeqCst);
                async move {
                    gate.acquire().await.unwrap().forget();
                    Ok(Minted::new("T", LIFE))
                }
            });
            let hour = Duration::from_secs(3600);
            TokenCache::builder(issuer).wait_timeout(hour).fetch_timeout(hour).build().keep_warm()
        })
        .collect();
    // Ten a second could have started.
    sleep(Duration::from_secs(60)).await;
    assert_eq!(started.load(Ordering::SeqCst), 32);
    running.add_permits(5);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(started.load(Ordering::SeqCst), 37);
    drop(warm);
}

#[tokio::test(start_paused = true)]
async fn mints_are_spread_evenly() {
    const ACCOUNTS: usize = 10_000;
    let mill = Mill::new("app", LIFE);
    let warm: Vec<_> =
        (0..ACCOUNTS).map(|app| TokenCache::new(mill.for_app(&format!("app{app}"))).keep_warm()).collect();
    sleep(LIFE * 3).await;
    let mut seconds: HashMap<u64, usize> = HashMap::new();
    let start = mill.times()[0];
    for at in mill.times() {
        *seconds.entry((at - start).as_secs()).or_default() += 1;
    }
    let (busiest, span) = (seconds.values().max().unwrap(), *seconds.keys().max().unwrap());
    println!("{} mints over {span} s, {busiest} in the busiest second", mill.mints());
    assert!(mill.mints() >= 3 * ACCOUNTS as u64);
    assert!(*busiest <= 30, "{busiest}: ten a second at the start, and little more later");
    drop(warm);
}

#[tokio::test(start_paused = true)]
async fn dropping_a_guard_ends_its_account_only() {
    let mill = Mill::new("app", LIFE);
    let (one, two) = (mill.for_app("one"), Mill::new("two", LIFE));
    let (first, second) = (TokenCache::new(one).keep_warm(), TokenCache::new(two.clone()).keep_warm());
    sleep(Duration::from_secs(10)).await;
    drop(first);
    sleep(LIFE).await;
    assert_eq!((mill.mints(), two.mints()), (1, 2));
    drop(second);
}

#[tokio::test(start_paused = true)]
async fn one_absurd_pause_stops_nobody_else() {
    let absurd = Duration::from_secs(10 * 365 * 86_400);
    let (broken, mill) = (Mill::new("broken", LIFE), Mill::new("app", LIFE));
    broken.breaks(Some(TokenError::transient("later").with_retry_after(absurd)));
    let cache = TokenCache::new(mill.clone());
    let warm = (TokenCache::new(broken.clone()).keep_warm(), cache.keep_warm());
    sleep(Duration::from_secs(10)).await;
    assert_eq!((broken.mints(), mill.mints()), (1, 1));
    sleep(LIFE).await;
    assert_eq!(mill.mints(), 2);
    drop(warm);
}

#[tokio::test(start_paused = true)]
async fn an_account_that_waited_long_for_its_first_use_is_warmed_too() {
    let mill = Mill::new("app", LIFE);
    let cache = TokenCache::new(mill.clone());
    sleep(Duration::from_secs(7 * 3600)).await;
    let warm = cache.keep_warm();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(mill.mints(), 1);
    drop(warm);
}

#[tokio::test(start_paused = true)]
async fn guards_that_are_gone_make_nobody_wait() {
    let mill = Mill::new("app", LIFE);
    let first = TokenCache::new(mill.clone()).keep_warm();
    for _ in 0..10_000 {
        drop(TokenCache::new(mill.clone()).keep_warm());
    }
    let last = TokenCache::new(mill.clone()).keep_warm();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(mill.mints(), 2);
    drop((first, last));
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_was_shut_down_is_left_alone() {
    let cache = TokenCache::new(Mill::new("app", LIFE));
    let warm = cache.keep_warm();
    sleep(Duration::from_secs(10)).await;
    cache.shutdown().await;
    let before = cache.stats().waits;
    sleep(LIFE * 2).await;
    assert!(cache.stats().waits < before + 30, "{}", cache.stats().waits);
    drop(warm);
}

#[test]
#[should_panic(expected = "timers are disabled")]
fn without_a_timer_it_panics_as_documented() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _guard = runtime.enter();
    let _warm = TokenCache::new(Mill::new("app", LIFE)).keep_warm();
}

#[tokio::test]
#[should_panic(expected = "no reactor running")]
async fn outside_tokio_it_panics_as_documented() {
    let cache = TokenCache::new(Mill::new("app", LIFE));
    std::thread::spawn(move || cache.keep_warm())
        .join()
        .map_err(std::panic::resume_unwind)
        .map(drop)
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn time_passes_in_these_tests() {
    #[allow(clippy::disallowed_methods)] // Tokio's paused time, to see that it is paused.
    let (before, after) = (
        Instant::now(),
        async {
            advance(LIFE).await;
            Instant::now()
        }
        .await,
    );
    assert_eq!(after - before, LIFE);
}
