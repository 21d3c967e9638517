//! What may happen to a call.

use std::{fmt, time::Duration};

use crate::model::world::{Op, Request};

#[derive(Clone, Copy)]
pub enum Action {
    /// It takes effect, and is answered.
    Deliver,
    // Delays.
    Later,
    Last,
    Slow,
    AnswerLast,
    // Faults of anything.
    Crash,
    Freeze,
    // Faults of the store.
    CallLost,
    AnswerLost,
    BellLost,
    Outage(Duration),
    // Faults of a mint.
    Refused,
    Forbidden,
    MintLost,
    Hangs,
    Panics,
}

/// Shorter and longer than a caller waits.
const OUTAGES: [Action; 2] = [Action::Outage(Duration::from_secs(2)), Action::Outage(Duration::from_secs(8))];

impl Action {
    pub fn is_delay(self) -> bool {
        matches!(self, Self::Later | Self::Last | Self::Slow | Self::AnswerLast)
    }

    pub fn is_fault(self) -> bool {
        !self.is_delay() && !matches!(self, Self::Deliver)
    }

    /// Whether it may take one more mint to get over it. A mint that fails for good does not: all are told of that.
    pub fn costs_a_mint(self) -> bool {
        self.is_fault() && !matches!(self, Self::Forbidden | Self::Panics | Self::Hangs)
    }

    /// Whether only the process that it happens to may come away without a token.
    pub fn spares_others(self) -> bool {
        matches!(self, Self::Crash | Self::Freeze | Self::BellLost)
    }
}

/// What else than [`Action::Deliver`] may happen to the call, which is the first of `waiting`.
pub fn delays(op: &Op, waiting: usize, recorded: bool) -> Vec<Action> {
    let mut delays = Vec::new();
    if waiting > 1 {
        delays.push(Action::Later);
        if !op.last {
            delays.push(Action::Last);
        }
    }
    // After other calls it is the same whether the answer comes late or what the process does next.
    let installs =
        matches!(op.request, Request::Commit(..)) || matches!(op.request, Request::Load) && recorded;
    if installs && op.answered.is_none() {
        delays.push(Action::AnswerLast);
    }
    if matches!(op.request, Request::Mint { .. }) && op.not_before.is_none() && op.answered.is_none() {
        delays.push(Action::Slow);
    }
    delays
}

pub fn faults(op: &Op, down: bool) -> Vec<Action> {
    use Action::{
        AnswerLost, BellLost, CallLost, Crash, Forbidden, Freeze, Hangs, MintLost, Panics, Refused,
    };
    if op.answered.is_some() {
        return Vec::new();
    }
    let (mut faults, own): (_, &[Action]) = match op.request {
        Request::Start => return Vec::new(),
        Request::Mint { .. } => return vec![Crash, Freeze, Refused, Forbidden, MintLost, Hangs, Panics],
        _ if down => return vec![Crash, Freeze],
        // A look has no effect that could happen or not.
        Request::Load => (vec![Crash, Freeze], &[CallLost]),
        Request::TryLease(_) | Request::Renew(_) => (vec![Crash, Freeze], &[CallLost, AnswerLost]),
        Request::Commit(..) | Request::Abandon(..) | Request::Note(_) => {
            (vec![Crash, Freeze], &[CallLost, AnswerLost, BellLost])
        }
    };
    faults.extend(own);
    faults.extend(OUTAGES);
    faults
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deliver => "as it should be",
            Self::Later => "overtaken by what waits",
            Self::Last => "held until all others wait",
            Self::Slow => "takes 2.5 s",
            Self::AnswerLast => "the answer comes when all others wait",
            Self::Crash => "the process dies here",
            Self::Freeze => "the process stands still here for 2 s",
            Self::CallLost => "the call was lost",
            Self::AnswerLost | Self::MintLost => "it took effect, the answer was lost",
            Self::BellLost => "no watcher is told",
            Self::Outage(length) => return write!(f, "the store is down for {} s", length.as_secs()),
            Self::Refused | Self::Forbidden => "the endpoint refuses",
            Self::Hangs => "it took effect, the answer never comes",
            Self::Panics => "the issuer panics",
        })
    }
}
