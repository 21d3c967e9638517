//! The vocabulary of the metrics: what is counted, under which labels, and that no label tells a token or an app id.

use crate::support;

use std::collections::BTreeMap;

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use support::*;
use tower_wechat::{TokenCache, testing::FakeWeChat};

#[test]
fn every_step_of_a_healed_request_is_counted_under_the_account() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let tokens = metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let wechat = FakeWeChat::start().await;
            let cache = TokenCache::new(stable(&wechat));
            let client = client(&cache);
            send(&client, &wechat).await.unwrap();
            let first = cache.current().unwrap();
            wechat.revoke();
            send(&client, &wechat).await.unwrap();
            wechat.reject_all(Some(42001));
            wechat.fail_tokens(tower_wechat::testing::Fault::Errcode(40125));
            send(&client, &wechat).await.unwrap();
            assert_eq!(cache.stats().mints(), 2);
            vec![first, cache.current().unwrap()]
        })
    });

    let mut counted = BTreeMap::new();
    let (mut ages, mut mints, mut gauges) = (0, 0, 0);
    let mut accounts = std::collections::BTreeSet::new();
    for (key, unit, description, value) in snapshotter.snapshot().into_vec() {
        let (_, key) = key.into_parts();
        assert!(description.is_some(), "{key} is described");
        assert_eq!(unit.is_some(), key.name().ends_with("_seconds"), "{key}");
        let mut name = key.name().to_owned();
        for label in key.labels() {
            assert!(!label.value().contains(FakeWeChat::APP_ID), "{key}");
            assert!(tokens.iter().all(|token| !label.value().contains(token.as_str())), "{key}");
            if label.key() == "account" {
                accounts.insert(label.value().to_owned());
            } else {
                name = format!("{name} {}={}", label.key(), label.value());
            }
        }
        match value {
            DebugValue::Counter(count) => drop(counted.insert(name, count)),
            DebugValue::Histogram(values) if name == "tower_wechat_rejected_age_seconds" => {
                ages += values.len();
            }
            DebugValue::Histogram(values) => {
                assert_eq!(name, "tower_wechat_mint_duration_seconds");
                mints += values.len();
                assert!(values.iter().all(|took| (0.0..10.0).contains(&**took)), "{values:?}");
            }
            DebugValue::Gauge(left) => {
                assert_eq!(name, "tower_wechat_token_expiry_seconds");
                assert!((7000.0..=7200.0).contains(&*left), "{left}");
                gauges += 1;
            }
        }
    }
    let counted: Vec<_> = counted.iter().map(|(name, count)| format!("{name}: {count}")).collect();
    assert_eq!(
        counted,
        [
            "tower_wechat_mint_failures_total cause=rejected: 1",
            "tower_wechat_mints_total cause=cold: 1",
            "tower_wechat_mints_total cause=rejected: 1",
            "tower_wechat_not_replayed_total why=refresh_failed: 1",
            "tower_wechat_rejections_total errcode=40001: 1",
            "tower_wechat_rejections_total errcode=42001: 1",
            "tower_wechat_replays_total: 1",
            "tower_wechat_waits_total: 3",
        ]
    );
    assert_eq!(ages, 2, "the age of each rejected token");
    assert_eq!((mints, gauges), (2, 1), "how long each mint took, and what is left of the token");
    assert_eq!(accounts.len(), 1);
}
