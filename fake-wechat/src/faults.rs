//! [`Fault`]: what can go wrong at an endpoint.

use std::{future, time::Duration};

use http::{HeaderValue, StatusCode, header};

use crate::{answer::Answer, reply::Reply, server::HangUp};

/// What happens to a request instead of an ordinary answer.
///
/// The first group strikes before the request is looked at: nothing is minted. In the second the platform does its part
/// (a token endpoint mints, an API counts what it read), and the answer is spoilt.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// `{"errcode":-1,"errmsg":"system error …"}`: the platform is busy.
    Busy,
    /// This code in WeChat's shape, whatever was asked: 40001, 40125, 40164 (with the address in its text), 45009, ….
    Errcode(i64),
    /// This HTTP status, with a page of HTML as a proxy in between would send it.
    Http(u16),
    /// Status 200 and a page of HTML.
    Garbage,
    /// Status 200, `text/html; charset=gbk`, and no body.
    Empty,
    /// Exactly this.
    Answer(Answer),
    /// No answer at all until the client gives up.
    Hang,
    /// The connection is reset (TCP RST).
    Reset,

    /// Head and half of the body, then the connection ends.
    CutOff,
    /// The head at once, then the body 16 bytes at a time with this pause before each.
    Slow(Duration),
    /// The request is carried out, and the connection ends without an answer.
    Lost,
    /// A token endpoint says that its token lives for this many seconds (zero, a negative number, ten years); it really
    /// lives as long as ever. No fault for an API.
    ExpiresIn(i64),
    /// A token endpoint mints this text, even if the present token is still good. No fault for an API.
    Token(String),
}

impl Fault {
    /// What a fault of the first group answers; `None` for those of the second.
    pub(crate) async fn strike(&self, is_wecom: bool) -> Option<Result<Reply, HangUp>> {
        Some(Ok(match self {
            Self::Busy => Reply::error(-1, is_wecom),
            Self::Errcode(code) => Reply::error(*code, is_wecom),
            Self::Http(status) => {
                let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                page(&status.to_string()).status(status).into()
            }
            Self::Garbage => page("Welcome").into(),
            Self::Empty => Answer::default()
                .header(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=gbk"))
                .into(),
            Self::Answer(answer) => answer.clone().into(),
            Self::Hang => future::pending().await,
            Self::Reset => return Some(Err(HangUp::Reset)),
            Self::CutOff | Self::Slow(_) | Self::Lost | Self::ExpiresIn(_) | Self::Token(_) => return None,
        }))
    }

    /// What a fault of the second group makes of the answer.
    pub(crate) fn spoil(self, reply: Reply) -> Result<Reply, HangUp> {
        match self {
            Self::Lost => Err(HangUp::Close),
            Self::CutOff => Ok(reply.cut_in_half()),
            Self::Slow(pause) => Ok(reply.slowed(pause)),
            _ => Ok(reply),
        }
    }
}

fn page(title: &str) -> Answer {
    let html =
        format!("<html>\r\n<head><title>{title}</title></head>\r\n<body>{title}</body>\r\n</html>\r\n");
    Answer::default().header(header::CONTENT_TYPE, HeaderValue::from_static("text/html")).body(html)
}
