//! Whole days of one cache and the layer above it, in simulated time and over seeded chance: tokens are revoked, another
//! program mints for the same app, the token endpoint is down a third of the time, callers give up, clocks are set.

#![allow(clippy::disallowed_methods, reason = "the simulated world has a clock of its own")]

mod world;

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tower::{ServiceExt, service_fn};
use tower_wechat::{TokenCache, WeChatAuthLayer, testing::ManualClock};
use world::{Kind, NUMBER, World};

const SEEDS: [u64; 2] = [1, 20_261_121];
const MINUTES: u64 = 24 * 60;
const TWO_HOURS: Duration = Duration::from_secs(7200);
const HOUR: Duration = Duration::from_secs(3600);
const PATIENCE: Duration = Duration::from_secs(5);
const CLASSIC: Kind = Kind::Classic { overlap: Duration::from_secs(300) };
const ABRUPT: Kind = Kind::Classic { overlap: Duration::ZERO };

/// Names the seed if the day ends badly.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed was {}", self.0);
        }
    }
}

/// One day.
struct Day {
    world: World,
    cache: TokenCache,
    clock: ManualClock,
    _seed: Seed,
}

impl Day {
    fn new(seed: u64, kind: Kind, life: Duration, ahead: Duration) -> Self {
        // The cache's own jitter comes from here.
        fastrand::seed(seed);
        let (world, clock) = (World::new(seed, kind, life), ManualClock::new());
        let cache = TokenCache::builder(world.clone())
            .refresh_ahead(ahead)
            .wait_timeout(PATIENCE)
            .clock(&clock)
            .build();
        Self { world, cache, clock, _seed: Seed(seed) }
    }

    /// Lets the day pass; `happens` comes once a minute.
    async fn pass(&self, mut happens: impl FnMut(&Self)) {
        let mut callers = JoinSet::new();
        let mut number = 0;
        for _ in 0..MINUTES {
            let (herd, at) = self.world.with(|state, _| {
                let size = if state.rng.u8(0..60) == 0 { 200 } else { state.rng.u64(0..12) };
                (size, state.rng.u64(0..60_000))
            });
            for _ in 0..herd {
                number += 1;
                callers.spawn(caller(self.world.clone(), self.cache.clone(), number));
            }
            sleep(Duration::from_millis(at)).await;
            happens(self);
            sleep(Duration::from_millis(60_000 - at)).await;
            while let Some(caller) = callers.try_join_next() {
                caller.unwrap();
            }
        }
        while let Some(caller) = callers.join_next().await {
            caller.unwrap();
        }
        self.cache.shutdown().await;
    }
}

/// Somebody who comes in the next minute, alone or with many, and asks for the token or sends a request.
async fn caller(world: World, cache: TokenCache, number: u64) {
    let (at, way, patience) =
        world.with(|state, _| (state.rng.u64(0..60), state.rng.u8(0..20), state.rng.u64(0..900)));
    sleep(Duration::from_secs(at)).await;
    let came = Instant::now();
    match way {
        0..4 => {
            if let Err(error) = cache.token().await {
                world.excuse(&error.to_string());
            }
            assert!(came.elapsed() <= PATIENCE + Duration::from_millis(2), "waited {:?}", came.elapsed());
        }
        4 => drop(timeout(Duration::from_millis(patience), send(&world, &cache, number)).await),
        _ => {
            send(&world, &cache, number).await;
            let longest = 2 * (PATIENCE + Duration::from_millis(82));
            assert!(came.elapsed() <= longest, "waited {:?}", came.elapsed());
        }
    }
    world.observe(cache.current());
}

async fn send(world: &World, cache: &TokenCache, number: u64) {
    let api = service_fn({
        let world = world.clone();
        move |request| world.clone().answer(request)
    });
    let client = tower::ServiceBuilder::new().layer(WeChatAuthLayer::new(cache)).service(api);
    let request = Request::post("https://api.weixin.qq.com/cgi-bin/message/custom/send?lang=zh_CN")
        .header(NUMBER, number)
        .body(Full::<Bytes>::from(format!("body of {number}")))
        .unwrap();
    match client.oneshot(request).await {
        Ok(response) => {
            let answer = response.into_body().collect().await.unwrap().to_bytes();
            if !answer.starts_with(br#"{"errcode":0,"#) {
                world.excuse(&String::from_utf8_lossy(&answer));
            }
        }
        Err(error) => world.excuse(&error.to_string()),
    }
}

/// A bad day. A `foreign` program mints now and then, a token is revoked now and then.
async fn bad_day(seed: u64, kind: Kind, foreign: bool) {
    let day = Day::new(seed, kind, TWO_HOURS, Duration::from_secs(240));
    let day = Day { world: day.world.with_outages(), ..day };
    day.pass(|day| match day.world.with(|state, _| state.rng.u32(0..120)) {
        0 => day.world.revoke(),
        1 if foreign => day.world.mint_elsewhere(),
        _ => {}
    })
    .await;
    let stats = day.cache.stats();
    day.world.with(|state, _| {
        let expiries = 86_400 / (7200 - 240) + 1;
        assert!(state.minted <= 2000 && state.forced <= 20, "{stats:?}");
        assert!(stats.mints() <= state.kills + expiries + state.forced, "{} kills: {stats:?}", state.kills);
        assert!(stats.replays > 0 && stats.mint_failures > 0, "it was a bad day: {stats:?}");
    });
}

#[tokio::test(start_paused = true)]
async fn classic_tokens_on_a_bad_day() {
    for seed in SEEDS {
        bad_day(seed, CLASSIC, true).await;
    }
}

#[tokio::test(start_paused = true)]
async fn classic_tokens_that_die_at_once_on_a_bad_day() {
    for seed in SEEDS {
        bad_day(seed, ABRUPT, true).await;
    }
}

#[tokio::test(start_paused = true)]
async fn stable_tokens_on_a_bad_day() {
    for seed in SEEDS {
        bad_day(seed, Kind::Stable, false).await;
    }
}

/// A day on which nothing happens to WeChat: nobody ever sees a rejection.
async fn good_day(day: &Day, happens: impl FnMut(&Day), most: u64) {
    day.pass(happens).await;
    let stats = day.cache.stats();
    day.world.with(|state, _| {
        assert_eq!(state.rejections, 0, "{stats:?}");
        assert!(stats.mints() <= most, "{stats:?}");
        assert!(stats.mints() >= 10, "{stats:?}");
    });
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_is_suspended_now_and_then() {
    let day = Day::new(SEEDS[0], CLASSIC, TWO_HOURS, Duration::from_secs(240));
    let mut slept = 0;
    let suspends = |day: &Day| {
        if day.world.with(|state, _| state.rng.u32(0..60)) == 0 {
            slept += 1;
            day.world.suspend(HOUR);
            day.clock.set_forward(HOUR);
        }
    };
    day.pass(suspends).await;
    let stats = day.cache.stats();
    assert!(stats.mints() >= 12 && stats.mints() <= 13 + slept, "{slept} hours slept: {stats:?}");
    // Whoever comes after a sleep knows that the token has expired; only a request on its way then does not.
    day.world.with(|state, _| assert!(state.rejections <= 1, "{stats:?}"));
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_is_set_back_and_forward() {
    let day = Day::new(SEEDS[1], CLASSIC, TWO_HOURS, Duration::from_secs(240));
    let mut jumps = 0;
    let sets = |day: &Day| {
        if day.world.with(|state, _| state.rng.u32(0..60)) == 0 {
            jumps += 1;
            match jumps % 2 {
                1 => day.clock.set_forward(HOUR),
                _ => day.clock.set_back(HOUR),
            }
        }
    };
    good_day(&day, sets, 13 + 40).await;
}

#[tokio::test(start_paused = true)]
async fn windows_longer_than_the_life() {
    for (seed, life) in SEEDS.into_iter().zip([7200, 300]) {
        let day = Day::new(seed, CLASSIC, Duration::from_secs(life), 10 * HOUR);
        good_day(&day, |_| {}, 2 * 86_400 / life + 1).await;
    }
}
