//! [`Call`]: a call that is answered, because its token is good or none is asked for.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderValue, header, request::Parts};
use serde_json::json;

use crate::{body::FakeBody, query, received::Received, reply::Reply, state::State, tokens::Verdict};

const MEDIA_GET: &str = "/cgi-bin/media/get";
const MEDIA_UPLOAD: &str = "/cgi-bin/media/upload";
const WXA_CODE: &str = "/wxa/getwxacodeunlimit";

/// A one-pixel JPEG would do for a program and show nothing; this is only a JPEG's beginning and end.
const PICTURE: &[u8] = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9";

pub(crate) struct Call<'a> {
    pub(crate) state: &'a State,
    pub(crate) parts: &'a Parts,
    pub(crate) received: &'a Received,
    pub(crate) verdict: &'a Verdict,
}

impl Call<'_> {
    pub(crate) fn succeed(&self) -> Reply {
        let path = self.parts.uri.path();
        let is_corp = self.verdict.is_corp;
        let inner = self.state.lock();
        if let Some(scripted) = inner.answers.get(path) {
            return scripted.answer.clone().into();
        }
        match path {
            MEDIA_GET => {
                let size = self.parameter("size").and_then(|size| size.parse().ok());
                let body = FakeBody::media(size.unwrap_or(inner.manner.media_size));
                Reply::new("image/jpeg", body).with_header(
                    header::CONTENT_DISPOSITION,
                    HeaderValue::from_static("attachment; filename=\"MEDIA_ID.jpg\""),
                )
            }
            MEDIA_UPLOAD => {
                let kind = self.parameter("type").unwrap_or("image".into());
                let created_at = self.state.clock.unix_seconds();
                let uploaded =
                    json!({ "type": kind, "media_id": self.received.sha256(), "created_at": created_at });
                Reply::json(&uploaded, is_corp).with_content_type("text/plain")
            }
            WXA_CODE => Reply::new("image/jpeg", FakeBody::chunks([Bytes::from_static(PICTURE)])),
            _ => {
                let (len, sha256) = (self.received.len, self.received.sha256());
                let echo =
                    json!({ "errcode": 0, "errmsg": "ok", "path": path, "received": len, "sha256": sha256 });
                Reply::json(&echo, is_corp)
            }
        }
    }

    /// A parameter of the query, decoded.
    fn parameter(&self, name: &str) -> Option<Cow<'_, str>> {
        query::get(self.parts.uri.query().unwrap_or_default(), name)
    }
}
