//! The metrics: what each is called, what it is told by, and what it means. Whatever counts takes the name from here, recorders
//! are told the meaning, and the tables of the documentation are made of it.

use std::time::Duration;

use metrics::{
    Label, SharedString, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};

use crate::issuer::AccountKey;

/// A metric. All of them have the label `account`.
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Beside `account`.
    pub(super) label: Option<&'static str>,
    pub(super) meaning: &'static str,
}

/// How a metric counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    /// Of seconds.
    Histogram,
    /// Of seconds.
    Gauge,
}

impl Metric {
    const fn new(kind: Kind, name: &'static str, meaning: &'static str) -> Self {
        Self { name, kind, label: None, meaning }
    }

    const fn counter(name: &'static str, meaning: &'static str) -> Self {
        Self::new(Kind::Counter, name, meaning)
    }

    const fn by(self, label: &'static str) -> Self {
        Self { label: Some(label), ..self }
    }

    // === counting ===

    pub(super) fn count(&self, account: &AccountKey) {
        counter!(self.name, self.labels(account, None)).increment(1);
    }

    /// With the value of the further label.
    pub(super) fn count_by(&self, account: &AccountKey, value: impl Into<SharedString>) {
        counter!(self.name, self.labels(account, Some(value.into()))).increment(1);
    }

    pub(super) fn record(&self, account: &AccountKey, time: Duration) {
        histogram!(self.name, self.labels(account, None)).record(time.as_secs_f64());
    }

    pub(super) fn set(&self, account: &AccountKey, time: Duration) {
        gauge!(self.name, self.labels(account, None)).set(time.as_secs_f64());
    }

    fn labels(&self, account: &AccountKey, value: Option<SharedString>) -> Vec<Label> {
        let further = self.label.zip(value).map(|(label, value)| Label::new(label, value));
        [Label::new("account", account.to_string())].into_iter().chain(further).collect()
    }

    fn describe(&self) {
        match self.kind {
            Kind::Counter => describe_counter!(self.name, self.meaning),
            Kind::Histogram => describe_histogram!(self.name, Unit::Seconds, self.meaning),
            Kind::Gauge => describe_gauge!(self.name, Unit::Seconds, self.meaning),
        }
    }
}

pub(super) const MINTS: Metric =
    Metric::counter("tower_wechat_mints_total", "Tokens minted here").by("cause");
pub(super) const MINT_FAILURES: Metric = Metric::counter(
    "tower_wechat_mint_failures_total",
    "Mints that failed; a second try belongs to the first",
)
.by("cause");
pub(super) const SHARED: Metric =
    Metric::counter("tower_wechat_shared_total", "Tokens taken from the store instead of minted");
pub(super) const WAITS: Metric =
    Metric::counter("tower_wechat_waits_total", "Callers that had to wait for a token");
pub(super) const COALESCED: Metric =
    Metric::counter("tower_wechat_coalesced_total", "Those of them that joined a fetch under way");
pub(super) const REJECTIONS: Metric =
    Metric::counter("tower_wechat_rejections_total", "Answers in which WeChat rejected the token")
        .by("errcode");
pub(super) const REPLAYS: Metric =
    Metric::counter("tower_wechat_replays_total", "Rejected requests sent a second time");
pub(super) const NOT_REPLAYED: Metric =
    Metric::counter("tower_wechat_not_replayed_total", "Rejected requests without a second answer").by("why");
pub(super) const BUDGET_REFUSALS: Metric =
    Metric::counter("tower_wechat_budget_refusals_total", "Refreshes refused because a budget was spent");
pub(super) const FOREIGN_MINTER: Metric = Metric::counter(
    "tower_wechat_foreign_minter_total",
    "Times it looked as if another program minted for this app; once an hour at most",
);
pub(super) const STORE_FAILURES: Metric =
    Metric::counter("tower_wechat_store_failures_total", "Outages of the store, each counted once");
pub(super) const FENCED: Metric =
    Metric::counter("tower_wechat_fenced_total", "Tokens minted too late, and thrown away");
pub(super) const MINT_DURATION: Metric = Metric::new(
    Kind::Histogram,
    "tower_wechat_mint_duration_seconds",
    "How long a mint took that went well, second and forced tries included",
);
pub(super) const REJECTED_AGE: Metric = Metric::new(
    Kind::Histogram,
    "tower_wechat_rejected_age_seconds",
    "How long ago a token was minted that WeChat rejected",
);
pub(super) const TOKEN_EXPIRY: Metric = Metric::new(
    Kind::Gauge,
    "tower_wechat_token_expiry_seconds",
    "What is left of the present token's life, as of the last second in which somebody asked for it",
);

pub(super) const ALL: [Metric; 15] = [
    MINTS,
    MINT_FAILURES,
    SHARED,
    WAITS,
    COALESCED,
    REJECTIONS,
    REPLAYS,
    NOT_REPLAYED,
    BUDGET_REFUSALS,
    FOREIGN_MINTER,
    STORE_FAILURES,
    FENCED,
    MINT_DURATION,
    REJECTED_AGE,
    TOKEN_EXPIRY,
];

/// Tells the recorder what each metric means.
pub(super) fn describe() {
    for metric in ALL {
        metric.describe();
    }
}
