//! Fleets of processes that share one account, over simulated days: what they cost the platform stays within its limits,
//! whatever their number.
//!
//! The table is printed (`cargo nextest run --test fleet --no-capture`); every row is checked.

#![allow(clippy::disallowed_methods, reason = "the simulated world has a clock of its own")]

mod platform;

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use platform::{Api, Kind, Platform, Secret};
use tokio::time::sleep;
use tower::ServiceExt;
use tower_wechat::{TokenCache, WeChatAuth, WeChatAuthLayer, store::MemoryStore};

const FLEETS: [usize; 3] = [1, 8, 50];
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
/// Between two calls of a fleet.
const PACE: Duration = Duration::from_secs(5);

/// Processes that share a store, and the API that they call.
struct Fleet {
    caches: Vec<TokenCache>,
    clients: Vec<WeChatAuth<Api>>,
}

impl Fleet {
    fn new(platform: &Platform, processes: usize) -> Self {
        let store = MemoryStore::new();
        let caches: Vec<_> = (0..processes)
            .map(|_| TokenCache::builder(platform.issuer()).store(store.clone()).build())
            .collect();
        let clients =
            caches.iter().map(|cache| WeChatAuthLayer::new(cache).layer_over(platform.api())).collect();
        Self { caches, clients }
    }

    /// One of them calls the API. Whether that went well.
    async fn call(&self) -> bool {
        let client = self.clients[fastrand::usize(..self.clients.len())].clone();
        let request = Request::get("https://api.weixin.qq.com/cgi-bin/user/get")
            .body(Full::<Bytes>::default())
            .unwrap();
        match client.oneshot(request).await {
            Ok(answer) => {
                answer.into_body().collect().await.unwrap().to_bytes().starts_with(br#"{"errcode":0"#)
            }
            Err(_) => false,
        }
    }

    /// Calls for so long; says how many failed.
    async fn calls_for(&self, time: Duration) -> (u32, u32) {
        let (mut calls, mut failed) = (0, 0);
        for _ in 0..time.as_secs() / PACE.as_secs() {
            sleep(PACE).await;
            calls += 1;
            failed += u32::from(!self.call().await);
        }
        (calls, failed)
    }
}

trait LayerOver {
    fn layer_over(&self, api: Api) -> WeChatAuth<Api>;
}

impl LayerOver for WeChatAuthLayer {
    fn layer_over(&self, api: Api) -> WeChatAuth<Api> {
        tower::Layer::layer(self, api)
    }
}

/// A line of the table.
struct Row {
    what: &'static str,
    processes: usize,
    calls: u32,
    failed: u32,
    asked: usize,
    mints: usize,
    forced: usize,
    /// The shortest time between two forced refreshes.
    forced_apart: Option<Duration>,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, processes, calls, failed, asked, mints, forced, .. } = self;
        write!(f, "| {what} | {processes} | {calls} | {failed} | {asked} | {mints} | {forced} |")
    }
}

/// Runs a fleet of each size for `time`, and checks each row.
fn each_fleet(
    what: &'static str,
    time: Duration,
    kind: Kind,
    prepare: impl Fn(&Platform),
    check: impl Fn(&Row),
) {
    for processes in FLEETS {
        fastrand::seed(20_261_128);
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let row = runtime.block_on(async {
            let platform = Platform::new(kind);
            prepare(&platform);
            let fleet = Fleet::new(&platform, processes);
            let (calls, failed) = fleet.calls_for(time).await;
            for cache in &fleet.caches {
                cache.shutdown().await;
            }
            platform.row(what, processes, calls, failed)
        });
        println!("{row}");
        check(&row);
    }
}

impl Platform {
    fn row(&self, what: &'static str, processes: usize, calls: u32, failed: u32) -> Row {
        let counts = self.counts();
        let forced_apart = counts.forced.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).min();
        let (asked, mints, forced) = (counts.asked, counts.mints, counts.forced.len());
        Row { what, processes, calls, failed, asked, mints, forced, forced_apart }
    }
}

#[test]
fn a_day_on_which_nothing_happens() {
    for kind in [Kind::Classic, Kind::Stable] {
        each_fleet(
            "nothing happens",
            DAY,
            kind,
            |_| {},
            |row| {
                assert_eq!(row.failed, 0, "{row}");
                assert!((12..=14).contains(&row.mints), "{row}");
            },
        );
    }
}

#[test]
fn an_api_that_rejects_every_token() {
    each_fleet("every token rejected", DAY, Kind::Classic, Platform::rejects_all, |row| {
        // Five, one every five minutes, and those that are due anyway; the day has 2 000.
        assert!((280..=310).contains(&row.mints), "{row}");
    });
}

#[test]
fn a_stable_token_that_is_revoked_every_five_seconds() {
    each_fleet(
        "revoked every 5 s",
        HOUR * 3,
        Kind::Stable,
        |platform| platform.revokes_every(PACE),
        |row| {
            assert_eq!(row.failed, 0, "{row}");
            // One for each revocation; the endpoint allows 500 000 a day.
            assert!(row.mints <= 2 * row.calls as usize, "{row}");
        },
    );
}

#[test]
fn a_classic_token_that_is_revoked_every_minute() {
    let minute = Duration::from_secs(60);
    each_fleet(
        "revoked every minute",
        DAY,
        Kind::Classic,
        |platform| platform.revokes_every(minute),
        |row| {
            // There are 1 440 revocations: the share of the day is spent, which is sixty, and one every 100 s.
            assert!((900..=930).contains(&row.mints), "{row}");
        },
    );
}

#[test]
fn a_wrong_secret_for_an_hour() {
    each_fleet(
        "wrong secret",
        HOUR,
        Kind::Wecom,
        |platform| platform.secret(Secret::Wrong),
        |row| {
            assert!(row.asked <= 20, "{row}");
        },
    );
}

#[test]
fn a_stable_token_that_only_force_replaces() {
    each_fleet("only force helps", DAY, Kind::StableForced, Platform::rejects_all, |row| {
        assert!(row.forced <= 20, "{row}");
        assert!(row.forced_apart.is_none_or(|apart| apart >= Duration::from_secs(30)), "{row}");
    });
}

#[test]
fn a_stable_token_whose_forced_refreshes_fail() {
    each_fleet("forced refreshes fail", DAY, Kind::StableForced, Platform::fails_when_forced, |row| {
        assert!((1..=20).contains(&row.forced), "{row}");
        assert!(row.forced_apart.is_none_or(|apart| apart >= Duration::from_secs(30)), "{row}");
    });
}

/// Two fleets that know nothing of each other, each ending the other's token.
#[test]
fn two_fleets_on_one_app() {
    for processes in FLEETS {
        fastrand::seed(20_261_128);
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let row = runtime.block_on(async {
            let platform = Platform::new(Kind::Classic);
            let (one, other) = (Fleet::new(&platform, processes), Fleet::new(&platform, processes));
            let (mine, theirs) = tokio::join!(one.calls_for(DAY), other.calls_for(DAY));
            let alarms: u64 = one.caches.iter().map(|cache| cache.stats().foreign_minter_alarms).sum();
            assert!(alarms > 0, "they are told of each other");
            platform.row("two fleets", processes, mine.0 + theirs.0, mine.1 + theirs.1)
        });
        println!("{row}");
        assert!(row.mints <= 2_000, "{row}");
        assert!(row.failed <= row.calls / 100, "{row}");
    }
}
