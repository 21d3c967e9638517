//! [`Problem`]: a refusal.
//!
//! `kinds` has all of them; `json` tells one to those who speak protocol v1, `wechat` to SDKs, which know WeChat's shape only.

mod json;
mod kinds;
mod wechat;

use std::{borrow::Cow, time::Duration};

use http::StatusCode;

use crate::{
    peer::Peer,
    telemetry::{Event, emit, metric::REFUSALS},
};

pub(crate) use self::wechat::{DONE, json_answer};

/// A refusal: what happened and what to do, without a secret or a token.
pub(crate) struct Problem(Box<Details>);

/// What is told of a refusal, whatever its cause.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    title: &'static str,
    status: StatusCode,
    /// The code that WeChat has for it.
    errcode: i64,
    /// Whether the status is told to SDKs, too. WeChat refuses with 200.
    is_of_http: bool,
}

impl Kind {
    const fn new(name: &'static str, title: &'static str, status: StatusCode, errcode: i64) -> Self {
        Self { name, title, status, errcode, is_of_http: false }
    }

    const fn of_http(name: &'static str, title: &'static str, status: StatusCode, errcode: i64) -> Self {
        Self { is_of_http: true, ..Self::new(name, title, status, errcode) }
    }
}

struct Details {
    kind: Kind,
    detail: Cow<'static, str>,
    /// The platform's own.
    errcode: Option<i64>,
    rid: Option<String>,
    hint: Option<String>,
    /// In whole seconds.
    retry_after: Option<u64>,
    /// Who is refused, for the log.
    client: Option<String>,
}

impl Problem {
    fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        let detail = detail.into();
        Self(Box::new(Details {
            kind,
            detail,
            errcode: None,
            rid: None,
            hint: None,
            retry_after: None,
            client: None,
        }))
    }

    /// Adds when to try again: in whole seconds, so that nobody comes too early.
    fn after(mut self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.0.retry_after = Some(seconds.max(1));
        self
    }

    /// Names the client that is refused, for the log.
    pub(crate) fn for_client(mut self, name: &str) -> Self {
        self.0.client = Some(name.to_owned());
        self
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.0.kind.status
    }

    pub(crate) fn title(&self) -> &'static str {
        self.0.kind.title
    }

    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    pub(crate) fn client(&self) -> Option<&str> {
        self.0.client.as_deref()
    }

    /// The code that an SDK is told.
    pub(crate) fn errcode(&self) -> i64 {
        match self.0.errcode {
            // With -1 some SDKs sleep for half a minute, and send again what may have been carried out.
            None | Some(-1) => self.0.kind.errcode,
            Some(platforms) => platforms,
        }
    }

    /// The status that an SDK is told.
    pub(crate) fn status_for_sdks(&self) -> StatusCode {
        if self.0.kind.is_of_http { self.status() } else { StatusCode::OK }
    }

    pub(crate) fn retry_after(&self) -> Option<u64> {
        self.0.retry_after
    }
}

/// Takes note of a refusal.
pub(crate) fn note(what: &str, peer: Option<Peer>, problem: &Problem) {
    let status = problem.status().as_u16();
    REFUSALS.counter([problem.status().as_str()]).increment(1);
    emit(Event::Refused { what, status, client: problem.client(), peer, title: problem.title() });
}
