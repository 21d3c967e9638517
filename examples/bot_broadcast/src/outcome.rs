//! [`Outcome`]: what became of a send; [`Stopped`]: of a whole broadcast.

/// What is known of a send when it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// WeChat took the message.
    Sent {
        /// WeChat's number for it, which the event `TEMPLATESENDJOBFINISH` names.
        msgid: Option<u64>,
    },
    /// WeChat did not send it.
    Refused { errcode: i64 },
    /// WeChat may have taken the message. The others should wait a little.
    Unknown { why: String },
    /// It did not get to where messages are sent, and can be sent again.
    NotSent(Why),
}

/// Why something was not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is too much at once, or something does not work at the moment.
    SlowDown(String),
    /// The day's quota is spent.
    Quota,
    /// All others would fail in the same way.
    Stop(String),
}

/// Why it ended before everybody was sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// 45009.
    Quota,
    /// Ctrl-C.
    Asked,
    /// There is something to be mended.
    Trouble(String),
    /// All have been tried, and some were refused for what is not theirs.
    Refusals,
}
