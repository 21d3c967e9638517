//! What the hub has done for a call: told in a header, in a metric and in the log.

use std::fmt;

use http::{Extensions, HeaderValue};
use metrics::Counter;
use tower_wechat::AuthOutcome;

use crate::telemetry::metric::CALLS;

const NAMES: [&str; 3] = ["forwarded", "replayed", "not-replayed"];

/// What the hub has done for a call that it has sent.
pub(super) enum Outcome {
    /// It was sent, and its token was taken.
    Forwarded,
    /// The token was rejected, and the call sent again with another one.
    Replayed(i64),
    /// The token was rejected, and the call not sent again for this reason.
    NotReplayed(i64, String),
}

impl Outcome {
    /// As the layer tells.
    pub(super) fn of(extensions: &Extensions) -> Self {
        match extensions.get::<AuthOutcome>() {
            None => Self::Forwarded,
            Some(outcome) => match outcome.not_replayed() {
                None => Self::Replayed(outcome.errcode()),
                Some(why) => Self::NotReplayed(outcome.errcode(), why.to_string()),
            },
        }
    }

    /// One word, for the metric.
    fn name(&self) -> &'static str {
        NAMES[self.index()]
    }

    fn index(&self) -> usize {
        match self {
            Self::Forwarded => 0,
            Self::Replayed(_) => 1,
            Self::NotReplayed(..) => 2,
        }
    }

    pub(super) fn header(&self) -> HeaderValue {
        if let Self::Forwarded = self {
            return HeaderValue::from_static("forwarded");
        }
        // Words and numbers are a header's value.
        HeaderValue::try_from(self.to_string()).unwrap_or(HeaderValue::from_static("forwarded"))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Forwarded => Ok(()),
            Self::Replayed(errcode) => write!(f, "; errcode={errcode}"),
            Self::NotReplayed(errcode, why) => write!(f, "; errcode={errcode}; reason={why}"),
        }
    }
}

/// Counts the calls of a client.
pub(crate) struct Calls([Counter; NAMES.len()]);

impl Calls {
    /// Of the client of this name; of those who cannot be told, without one.
    pub(crate) fn of(client: &str) -> Self {
        Self(NAMES.map(|outcome| CALLS.counter([client, outcome])))
    }

    pub(super) fn count(&self, outcome: &Outcome) {
        self.0[outcome.index()].increment(1);
    }
}
