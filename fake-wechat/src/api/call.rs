//! [`Call`]: a call that is answered, because its token is good or none is asked for.

use std::borrow::Cow;

use bytes::Bytes;
use http::{Method, request::Parts};
use serde_json::{Value, json};

use super::{media, quota, sns, tickets, users};
use crate::{body::FakeBody, query, received::Received, reply::Reply, state::State, tokens::Verdict};

/// A one-pixel JPEG would do for a program and show nothing; this is only a JPEG's beginning and end.
const PICTURE: &[u8] = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9";

pub(super) struct Call<'a> {
    pub(super) state: &'a State,
    pub(super) parts: &'a Parts,
    pub(super) received: &'a Received,
    pub(super) verdict: &'a Verdict,
}

impl Call<'_> {
    pub(super) fn answer(&self) -> Reply {
        let path = self.path();
        let scripted = self.state.lock().answers.get(path).map(|scripted| scripted.answer.clone());
        if let Some(answer) = scripted {
            return answer.into();
        }
        if media::is_upload(path) && !media::has_file(self) {
            return self.error(41005);
        }
        match path {
            "/cgi-bin/media/get" | "/cgi-bin/media/get/jssdk" => media::download(self),
            "/cgi-bin/media/upload" => media::upload(self),
            "/cgi-bin/media/uploadimg" => media::upload_picture(self),
            "/cgi-bin/material/add_material" => media::add_material(self),
            "/wxa/getwxacodeunlimit" | "/wxa/getwxacode" | "/cgi-bin/wxaapp/createwxaqrcode" => picture(),
            "/cgi-bin/get_jsapi_ticket" | "/cgi-bin/ticket/get" | "/cgi-bin/ticket/getticket" => {
                tickets::ticket(self)
            }
            // WeCom has APIs of the same names that answer otherwise.
            _ if self.verdict.is_corp => self.echo(),
            "/cgi-bin/user/info" => users::describe(self),
            "/cgi-bin/user/get" => users::list(self),
            "/cgi-bin/qrcode/create" => tickets::qr_code(self),
            quota::CLEAR | quota::CLEAR_V2 => quota::clear(self),
            _ => sns::answer(self).unwrap_or_else(|| self.echo()),
        }
    }

    /// What an API answers that is not known here.
    fn echo(&self) -> Reply {
        self.success(json!({
            "path": self.path(),
            "received": self.received.len,
            "sha256": self.received.sha256(),
        }))
    }

    /// These fields after the `errcode` and `errmsg` of a success.
    pub(super) fn success(&self, fields: Value) -> Reply {
        let mut answer = json!({ "errcode": 0, "errmsg": "ok" });
        if let (Value::Object(answer), Value::Object(fields)) = (&mut answer, fields) {
            answer.extend(fields);
        }
        self.json(&answer)
    }

    pub(super) fn json(&self, answer: &Value) -> Reply {
        Reply::json(answer, self.verdict.is_corp)
    }

    pub(super) fn error(&self, errcode: i64) -> Reply {
        Reply::error(errcode, self.verdict.is_corp)
    }

    pub(super) fn path(&self) -> &str {
        self.parts.uri.path()
    }

    pub(super) fn is_post(&self) -> bool {
        self.parts.method == Method::POST
    }

    /// A parameter of the query, decoded; empty if there is none.
    pub(super) fn parameter(&self, name: &str) -> Cow<'_, str> {
        query::get(self.parts.uri.query().unwrap_or_default(), name).unwrap_or_default()
    }

    /// The body as JSON; `null` if it is none.
    pub(super) fn body(&self) -> Value {
        serde_json::from_slice(&self.received.kept).unwrap_or_default()
    }
}

fn picture() -> Reply {
    Reply::new("image/jpeg", FakeBody::chunks([Bytes::from_static(PICTURE)]))
}
