//! [`Fault`]: what can go wrong at an endpoint.

use std::{future, time::Duration};

use http::{HeaderValue, StatusCode, header};

use crate::{answer::Answer, reply::Reply, server::HangUp};

/// What happens to a request instead of an ordinary answer.
///
/// The first group strikes before the request is looked at: nothing is minted. In the second the platform does its part
/// (a token endpoint mints, an API counts what it read), and the answer is spoilt.
///
/// ```
/// use fake_wechat::{FakeWeChat, Fault};
///
/// # use http_body_util::{BodyExt, Empty};
/// # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// # async fn get(url: String) -> serde_json::Value {
/// #     let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
/// #     let answer = client.get(url.parse().unwrap()).await.unwrap();
/// #     let answer = answer.into_body().collect().await.unwrap().to_bytes();
/// #     serde_json::from_slice(&answer).unwrap_or_default()
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let fake = FakeWeChat::start().await;
/// fake.fail_next_apis(1, Fault::Errcode(45009)); // the quota is used up
/// fake.fail_next_apis(1, Fault::Http(502)); // then, a gateway's page
///
/// let call = || get(fake.url() + "/cgi-bin/user/get");
/// assert_eq!(call().await["errcode"], 45009);
/// assert!(call().await.is_null(), "that was no JSON");
/// # }
/// ```
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
