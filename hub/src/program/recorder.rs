//! What counts the metrics that `/metrics` tells.

use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_util::MetricKindMask;

/// Seconds that a mint takes: 10 at most, a second try included.
const MINT: [f64; 9] = [0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0];
/// Seconds that a token has lived when it is rejected: two hours at most, and 30 of those are young.
const AGE: [f64; 8] = [1.0, 5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0];
/// What an app or a client is told to be that is in the configuration no more is forgotten after this long.
const FORGOTTEN: Duration = Duration::from_secs(900);

/// Begins to count. To be called before anything counts.
pub(super) fn install() -> Result<PrometheusHandle, BuildError> {
    let of = |name: &str| Matcher::Full(name.to_owned());
    PrometheusBuilder::new()
        .set_buckets_for_metric(of("tower_wechat_mint_duration_seconds"), &MINT)?
        .set_buckets_for_metric(of("tower_wechat_rejected_age_seconds"), &AGE)?
        .idle_timeout(MetricKindMask::GAUGE, Some(FORGOTTEN))
        .install_recorder()
}
