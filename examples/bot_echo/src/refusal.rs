//! Why a callback is refused. The log says it; the answer does not.

use std::fmt;

use axum::{
    extract::rejection::{QueryRejection, StringRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use quick_xml::DeError;

use crate::crypto::Undecryptable;

const LONGEST_SHOWN: usize = 200;

#[derive(Debug)]
pub enum Refusal {
    Signature,
    Time,
    NotEncrypted,
    Encryption(Undecryptable),
    Xml(DeError),
    Query(QueryRejection),
    Body(StringRejection),
    Late,
    NoReply,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        tracing::warn!(why = %self, "a callback was refused");
        let status = match &self {
            Self::Signature | Self::Time | Self::NotEncrypted | Self::Encryption(_) => StatusCode::FORBIDDEN,
            Self::Xml(_) => StatusCode::BAD_REQUEST,
            Self::Query(why) => why.status(),
            Self::Body(why) => why.status(),
            Self::Late => StatusCode::REQUEST_TIMEOUT,
            Self::NoReply => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, "refused").into_response()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signature => f.write_str("it is not signed with this token; compare WECHAT_TOKEN"),
            Self::Time => f.write_str("it is an old one, or this machine's clock is wrong"),
            Self::NotEncrypted => f.write_str("it is not encrypted, and WECHAT_AES_KEY is set"),
            Self::Encryption(why) => write!(f, "it cannot be decrypted: {why}"),
            Self::Xml(why) => write!(f, "it is no XML of a message: {}", shown(&why.to_string())),
            Self::Query(why) => write!(f, "its query cannot be read: {}", shown(&why.body_text())),
            Self::Body(why) => write!(f, "its body cannot be read: {}", shown(&why.body_text())),
            Self::Late => f.write_str("it did not come in full before WeChat would have hung up"),
            Self::NoReply => f.write_str("the answer could not be encrypted"),
        }
    }
}

/// These texts may quote what was sent, which may be anybody's and of any length. The log's lines are the bot's.
fn shown(why: &str) -> String {
    why.chars().take(LONGEST_SHOWN).flat_map(char::escape_debug).collect()
}
