//! How a scenario is written down.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it shows, for people.
    #[serde(rename = "name")]
    pub _name: String,
    #[serde(default)]
    pub settings: Settings,
    pub steps: Vec<Step>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    pub endpoint: Kind,
    /// How long its tokens live.
    pub life: f64,
    /// How long it takes to answer.
    pub latency: f64,
    pub refresh_ahead: f64,
    pub wait_timeout: f64,
    pub fetch_timeout: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            endpoint: Kind::Classic,
            life: 7200.0,
            latency: 0.3,
            refresh_ahead: 240.0,
            wait_timeout: 5.0,
            fetch_timeout: 10.0,
        }
    }
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Makes a new token for every mint; mints harm each other.
    Classic,
    /// Hands out one token until its last five minutes; may be forced.
    Stable,
    /// As stable, but cannot be forced.
    Wecom,
}

/// How the endpoint behaves from a step on.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// As it should.
    Answers,
    /// With -1.
    Busy,
    /// With 40125.
    Refuses,
    /// With 45011: too many calls in this minute.
    Limited,
    /// Not at all.
    Hangs,
    /// It mints, and the answer is lost.
    Loses,
    /// The same, once.
    LosesOne,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub at: f64,
    #[serde(default, rename = "why")]
    pub _why: String,
    pub endpoint: Option<Behaviour>,
    /// Somebody sets the machine's wall clock by this much.
    pub wall_clock: Option<f64>,
    /// The machine sleeps for so long: its monotonic clock stands still, and the time of all others goes on.
    pub sleeps: Option<f64>,
    pub ask: Option<Ask>,
    #[serde(default)]
    pub shutdown: bool,
    pub check: Option<Check>,
}

/// Callers ask for a token. Without `gets` and `fails`, whatever they get is fine.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    #[serde(default = "one")]
    pub callers: usize,
    /// Of which process, `a` or `b`.
    #[serde(default)]
    pub by: String,
    pub min_ttl: Option<f64>,
    /// The token of this name was rejected.
    pub rejecting: Option<String>,
    /// The text of the token that they get, or `any`.
    pub gets: Option<String>,
    /// The kind of the error that they get, or `any`.
    pub fails: Option<String>,
    /// The longest that they wait; without it, `wait_timeout`.
    pub within: Option<f64>,
    pub gives_up_after: Option<f64>,
    /// Remembers the token under this name.
    pub name: Option<String>,
    /// Again and again.
    pub every: Option<f64>,
    pub until: Option<f64>,
}

fn one() -> usize {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// How often the endpoint was asked, at least and at most.
    pub asked: Option<[u64; 2]>,
    /// How many tokens it made.
    pub minted: Option<u64>,
    /// The text of the present token of `a`, or `none`.
    pub current: Option<String>,
    /// Counters of `a`.
    #[serde(default)]
    pub stats: BTreeMap<String, u64>,
}
