//! [`Seen`]: what the platform saw of each API request, and what it answered.

use std::{collections::VecDeque, fmt};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header, request::Parts};

use crate::{fingerprint::Fingerprint, query, received::Received};

/// One API request as it arrived, and what became of it.
///
/// A token or secret in the query is replaced by `***`; everything else in it is as it came, in order and encoding. `Debug`
/// shows neither headers nor body.
///
/// ```
/// use fake_wechat::FakeWeChat;
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
/// # let fake = FakeWeChat::start().await;
/// let token = fake.mint_elsewhere(FakeWeChat::APP_ID).unwrap();
/// get(fake.url() + "/cgi-bin/user/get?access_token=" + &token).await;
///
/// let seen = &fake.seen()[0];
/// assert_eq!((seen.method.as_str(), &*seen.path), ("GET", "/cgi-bin/user/get"));
/// assert_eq!(seen.account.as_deref(), Some(FakeWeChat::APP_ID));
/// assert_eq!((seen.errcode, seen.content_length()), (None, None));
/// # }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Seen {
    /// `GET`, `POST`, ….
    pub method: Method,
    /// The path, still percent-encoded.
    pub path: String,
    /// The query without its `?`; empty if there is none.
    pub query: String,
    /// All headers.
    pub headers: HeaderMap,
    /// How many bytes of body arrived.
    pub body_len: u64,
    /// The SHA-256 of those bytes, in hex; of no bytes if the body was not read.
    pub body_sha256: String,
    /// The first MiB of the body.
    pub body: Bytes,
    /// Whether the body arrived to its end.
    pub body_complete: bool,
    /// The fingerprint of the token it carried.
    pub token: Option<Fingerprint>,
    /// Which mint that token came from: the first token of all is 1. `None` if it was never minted here.
    pub generation: Option<u64>,
    /// The account that token was minted for.
    pub account: Option<String>,
    /// The status it was answered with; `None` as long as it is not answered.
    pub status: Option<StatusCode>,
    /// The `errcode` it was answered with. `None` where the answer has none, or is one of your own.
    pub errcode: Option<i64>,
}

impl Seen {
    pub(crate) fn new(parts: &Parts) -> Self {
        let query = parts.uri.query().unwrap_or_default();
        let mut seen = Self {
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            query: query::redacted(query),
            headers: parts.headers.clone(),
            body_len: 0,
            body_sha256: String::new(),
            body: Bytes::new(),
            body_complete: false,
            token: query::token(query).map(|(_, text)| Fingerprint::of(&text)),
            generation: None,
            account: None,
            status: None,
            errcode: None,
        };
        seen.arrived(&Received::default());
        seen
    }

    pub(crate) fn arrived(&mut self, body: &Received) {
        self.body_len = body.len;
        self.body_sha256 = body.sha256();
        self.body = body.kept.clone().freeze();
        self.body_complete = body.complete;
    }

    /// The `content-length` it announced; `None` for no body and for a chunked one.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        self.headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seen")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("query", &self.query)
            .field("body_len", &self.body_len)
            .field("token", &self.token)
            .field("generation", &self.generation)
            .field("status", &self.status)
            .field("errcode", &self.errcode)
            .finish_non_exhaustive()
    }
}

/// The latest requests; older ones make room.
pub(crate) struct Log {
    limit: usize,
    first: u64,
    entries: VecDeque<Seen>,
}

impl Log {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, first: 0, entries: VecDeque::new() }
    }

    /// Adds an entry, and says by which number to find it again.
    pub(crate) fn push(&mut self, seen: Seen) -> u64 {
        self.entries.push_back(seen);
        while self.entries.len() > self.limit {
            self.entries.pop_front();
            self.first += 1;
        }
        (self.first + self.entries.len() as u64).saturating_sub(1)
    }

    /// Completes an entry, unless it is gone.
    pub(crate) fn update(&mut self, number: u64, change: impl FnOnce(&mut Seen)) {
        let at = number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        if let Some(seen) = at.and_then(|at| self.entries.get_mut(at)) {
            change(seen);
        }
    }

    pub(crate) fn all(&self) -> Vec<Seen> {
        self.entries.iter().cloned().collect()
    }

    pub(crate) fn clear(&mut self) {
        self.first += self.entries.len() as u64;
        self.entries.clear();
    }
}
