//! [`Entry`]: a line of the journal.

use crate::{outcome::Outcome, recipients::is_openid};

/// What is known of an open id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A send is about to begin, or has begun.
    Begun,
    /// It was not sent, and is still to be.
    PutBack,
    Sent(Option<u64>),
    Refused(i64),
    Unknown,
}

impl Entry {
    /// The line for this open id, with its end.
    pub fn line(&self, openid: &str) -> String {
        match self {
            Self::Begun => format!("begun {openid}\n"),
            Self::PutBack => format!("put-back {openid}\n"),
            Self::Sent(None) => format!("sent {openid}\n"),
            Self::Sent(Some(msgid)) => format!("sent {openid} {msgid}\n"),
            Self::Refused(errcode) => format!("refused {openid} {errcode}\n"),
            Self::Unknown => format!("unknown {openid}\n"),
        }
    }

    /// Reads a line without its end.
    pub fn parse(line: &str) -> Option<(&str, Self)> {
        let words: Vec<_> = line.split(' ').collect();
        let (openid, entry) = match *words {
            ["begun", openid] => (openid, Self::Begun),
            ["put-back", openid] => (openid, Self::PutBack),
            ["sent", openid] => (openid, Self::Sent(None)),
            ["sent", openid, msgid] => (openid, Self::Sent(Some(msgid.parse().ok()?))),
            ["refused", openid, errcode] => (openid, Self::Refused(errcode.parse().ok()?)),
            ["unknown", openid] => (openid, Self::Unknown),
            _ => return None,
        };
        is_openid(openid).then_some((openid, entry))
    }
}

impl From<&Outcome> for Entry {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Sent { msgid } => Self::Sent(*msgid),
            Outcome::Refused { errcode } => Self::Refused(*errcode),
            Outcome::Unknown { .. } => Self::Unknown,
            Outcome::NotSent(_) => Self::PutBack,
        }
    }
}
