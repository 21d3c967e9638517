//! The metrics: what each is called, what it is told by, and what it means. Whatever counts takes the name from here, the recorder
//! is told the meaning, and the tables of the documentation are made of it.

use metrics::{Counter, Gauge, Label, Unit, counter, describe_counter, describe_gauge, gauge};

/// A metric.
pub(crate) struct Metric {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) labels: &'static [&'static str],
    pub(super) meaning: &'static str,
}

/// How a metric counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    /// Of seconds.
    Seconds,
}

impl Metric {
    const fn new(
        kind: Kind,
        name: &'static str,
        labels: &'static [&'static str],
        meaning: &'static str,
    ) -> Self {
        Self { name, kind, labels, meaning }
    }

    /// The counter with these values of its labels.
    pub(crate) fn counter<const N: usize>(&self, values: [&str; N]) -> Counter {
        counter!(self.name, self.labels_with(values))
    }

    /// The gauge with these values of its labels.
    pub(crate) fn gauge<const N: usize>(&self, values: [&str; N]) -> Gauge {
        gauge!(self.name, self.labels_with(values))
    }

    fn labels_with<const N: usize>(&self, values: [&str; N]) -> Vec<Label> {
        debug_assert_eq!(self.labels.len(), N, "{}", self.name);
        self.labels.iter().zip(values).map(|(label, value)| Label::new(*label, value.to_owned())).collect()
    }

    fn describe(&self) {
        match self.kind {
            Kind::Counter => describe_counter!(self.name, self.meaning),
            Kind::Gauge => describe_gauge!(self.name, self.meaning),
            Kind::Seconds => describe_gauge!(self.name, Unit::Seconds, self.meaning),
        }
    }
}

macro_rules! metrics {
    ($($constant:ident: $kind:ident $name:literal $labels:expr, $meaning:literal;)*) => {
        $(pub(crate) const $constant: Metric = Metric::new(Kind::$kind, $name, &$labels, $meaning);)*

        pub(super) const ALL: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    TOKENS_SERVED: Counter "wechat_hub_tokens_served_total" ["client"], "Tokens handed out";
    PASSES: Counter "wechat_hub_passes_total" ["client"], "Passes handed out";
    CALLS: Counter "wechat_hub_calls_total" ["client", "outcome"], "Calls of APIs that were answered";
    VERIFICATIONS: Counter "wechat_hub_verifications_total" ["app"], "Calls of the hub's own that made sure of a token";
    REFUSALS: Counter "wechat_hub_refusals_total" ["status"], "Requests refused";
    READY: Gauge "wechat_hub_ready" [], "What /readyz says: 1 once every app that is kept warm has a token, else 0";
    CONNECTIONS: Gauge "wechat_hub_connections" [], "Connections to the hub's listeners, without those to its admin address";
    IDLE_CONNECTIONS: Gauge "wechat_hub_idle_connections" [], "Those of them on which no request is being answered";
    LONG_POLLS: Gauge "wechat_hub_long_polls" ["client"], "Questions that wait for a later token";
    CLIENT_SEEN: Seconds "wechat_hub_client_seen_timestamp_seconds" ["client"], "When the client last asked for anything, since 1970; absent before the first time";
    APP_INFO: Gauge "wechat_hub_app_info" ["app", "account", "platform"], "1 for each app: which account it is in the other metrics, and its platform";
    TOKEN_EXPIRY: Seconds "tower_wechat_token_expiry_seconds" ["account"], "What is left of the present token's life; zero without one";
    REFRESHES_LEFT: Gauge "wechat_hub_refreshes_left" ["account"], "Refreshes in answer to rejections that the budget has left";
    FUTILE_REFRESHES_LEFT: Gauge "wechat_hub_futile_refreshes_left" ["account"], "How many of them may bring a token that is rejected, too";
    HELD_BACK: Gauge "wechat_hub_held_back" ["account"], "1 while a failure or a spent budget forbids to replace the token, else 0";
    STORE_DOWN: Gauge "wechat_hub_store_down" ["account"], "1 if the store could not be used the last time, else 0";
}

/// Tells the recorder what each metric means.
pub(crate) fn describe() {
    ALL.iter().for_each(Metric::describe);
}
