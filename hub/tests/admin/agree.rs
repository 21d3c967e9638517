//! The page and `/metrics` say the same.

#![allow(clippy::float_cmp, reason = "whole numbers")]

use std::collections::HashMap;

use fake_wechat::{FakeWeChat, Fault};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tower_wechat::TokenCache;
use wechat_hub::{Client, Hub};

use super::{
    scene::{Mill, look},
    support::{APP, SECRET, all, cache, eventually, refresh, request, tcp, token},
};

/// The series of a Prometheus text, by name and sorted labels.
fn series(text: &str) -> HashMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (sorted(name), value.parse().unwrap()))
        .collect()
}

fn sorted(name: &str) -> String {
    let Some((name, labels)) = name.split_once('{') else { return name.to_owned() };
    let mut labels: Vec<_> = labels.trim_end_matches('}').split(',').collect();
    labels.sort_unstable();
    format!("{name}{{{}}}", labels.join(","))
}

/// The numbers of a page, and where `/metrics` has them.
fn numbers(page: &str) -> Vec<(String, f64)> {
    let unescaped = |text: &str| text.replace("&quot;", "\"").replace("&amp;", "&");
    let all = page.split("<data value=\"").skip(1);
    all.map(|rest| {
        let (value, rest) = rest.split_once('"').unwrap();
        let (series, _) = rest.strip_prefix(" title=\"").unwrap().split_once('"').unwrap();
        (unescaped(series), value.parse().unwrap())
    })
    .collect()
}

/// What an expression of the page comes to: a series, what it has gained in a day that began with the process, or a sum.
fn value(expression: &str, series: &HashMap<String, f64>) -> f64 {
    if let Some(inner) = expression.strip_prefix("sum(").and_then(|inner| inner.strip_suffix(')')) {
        let inner =
            inner.strip_prefix("increase(").and_then(|inner| inner.strip_suffix("[1d])")).unwrap_or(inner);
        let (name, labels) = inner.split_once('{').unwrap_or((inner, ""));
        let labels = labels.trim_end_matches('}');
        let of = |key: &str| key.split('{').next() == Some(name) && key.contains(labels);
        return series.iter().filter(|(key, _)| of(key)).map(|(_, value)| value).sum();
    }
    let inner = expression.strip_prefix("increase(").and_then(|inner| inner.strip_suffix("[1d])"));
    match inner {
        // A counter is not there before it has counted.
        Some(counter) => series.get(&sorted(counter)).copied().unwrap_or(0.0),
        None => *series.get(&sorted(expression)).unwrap_or_else(|| panic!("no {expression} in /metrics")),
    }
}

#[test]
fn every_number_on_the_page_is_in_the_metrics() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(compare(recorder.handle())));
}

async fn compare(recorder: metrics_exporter_prometheus::PrometheusHandle) {
    let wechat = FakeWeChat::start().await;
    let first_app = cache(&wechat);
    let other = TokenCache::new(Mill::new("other", None));
    let hub = Hub::builder()
        .app_on_demand(APP, first_app.clone())
        .app_on_demand("other", other)
        .client(all())
        .client(Client::new("second", "second").apps(["other"]).rights(["token"]))
        .metrics(recorder)
        .build()
        .unwrap();
    let server = hub.serve_tcp("127.0.0.1:0").unwrap();
    let admin = hub.serve_admin("127.0.0.1:0").unwrap();

    wechat.fail_next_tokens(2, Fault::Errcode(40125));
    assert_eq!(token(&server, "").await.status, 503);
    wechat.heal();
    first_app.retry_now();
    let first = token(&server, "").await;
    wechat.revoke();
    let second = refresh(&server, first.generation()).await.generation();
    let mut polling = TcpStream::connect(tcp(&server)).await.unwrap();
    let poll = format!("/v1/apps/{APP}/token?newer_than={second}&wait=60");
    polling.write_all(request("GET", &poll, SECRET, "").as_bytes()).await.unwrap();
    let _idle = TcpStream::connect(tcp(&server)).await.unwrap();
    eventually(|| hub.load().long_polls == 1 && hub.load().connections == 2).await;

    let page = numbers(&look(&admin, "/").await.body);
    let metrics = look(&admin, "/metrics").await.body;
    let metrics = series(&metrics);
    for (expression, shown) in &page {
        let told = value(expression, &metrics);
        let apart = if expression.contains("expiry") { 2.0 } else { 0.0 };
        assert!((shown - told).abs() <= apart, "{expression}: {shown} on the page, {told} in the metrics");
    }
    // That there was something to compare.
    let shown = |begins: &str| {
        page.iter().filter(|(name, _)| name.contains(begins)).map(|(_, value)| value).sum::<f64>()
    };
    assert_eq!((shown("wechat_hub_connections"), shown("wechat_hub_idle_connections")), (2.0, 1.0));
    assert_eq!(shown("wechat_hub_long_polls{"), 1.0);
    assert_eq!(shown("increase(tower_wechat_mints_total{"), 2.0, "one cold, one rejected");
    assert_eq!(shown("sum(increase(tower_wechat_mint_failures_total{"), 1.0);
    assert!(shown("wechat_hub_client_seen") > 1.7e9 && shown("tower_wechat_token_expiry") > 7100.0);
    assert_eq!(page.iter().filter(|(name, _)| name.starts_with("wechat_hub_refreshes_left")).count(), 2);
    // And what only the metrics have.
    let info = metrics
        .iter()
        .find(|(name, _)| name.starts_with("wechat_hub_app_info{") && name.contains(APP))
        .unwrap();
    assert!(
        *info.1 == 1.0 && info.0.contains("platform=\"wechat\"") && info.0.contains("account=\""),
        "{info:?}"
    );
    assert_eq!(metrics["wechat_hub_tokens_served_total{client=\"all\"}"], 2.0);
    assert_eq!(metrics["wechat_hub_refusals_total{status=\"503\"}"], 1.0);
}
