//! Downloads and uploads.

use std::ops::Range;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use super::call::Call;
use crate::{
    body::FakeBody,
    multipart::{self, File},
    range::{self, Asked},
    reply::Reply,
};

/// APIs that want a file.
const UPLOADS: [&str; 7] = [
    "/cgi-bin/material/add_material",
    "/cgi-bin/media/upload",
    "/cgi-bin/media/upload_attachment",
    "/cgi-bin/media/uploadimg",
    "/cgi-bin/webhook/upload_media",
    "/customservice/kfaccount/uploadheadimg",
    "/wxa/img_sec_check",
];

pub(super) fn is_upload(path: &str) -> bool {
    UPLOADS.contains(&path)
}

pub(super) fn has_file(call: &Call<'_>) -> bool {
    file(call).is_some()
}

fn file<'c>(call: &'c Call<'_>) -> Option<File<'c>> {
    multipart::file(header(call, header::CONTENT_TYPE).unwrap_or_default(), &call.received.kept)
}

/// What was uploaded under this id, if that was not long ago; else as many bytes as the query's `size` says. Or the part of
/// them that a `Range` names.
pub(super) fn download(call: &Call<'_>) -> Reply {
    let kept = call.state.lock().media.get(&call.parameter("media_id"));
    let size = call.parameter("size").parse();
    let size = size.unwrap_or_else(|_| call.state.lock().manner.media_size);
    let size = kept.as_ref().map_or(size, |kept| kept.len() as u64);
    let media = |range: Range<u64>| {
        let attachment = HeaderValue::from_static("attachment; filename=\"MEDIA_ID.jpg\"");
        let body = match &kept {
            Some(kept) => FakeBody::chunks([part(kept, &range)]),
            None => FakeBody::media(range),
        };
        Reply::new("image/jpeg", body).with_header(header::CONTENT_DISPOSITION, attachment)
    };
    match range::asked(header(call, header::RANGE), size) {
        Asked::Whole => media(0..size),
        Asked::Part(range) => {
            let part = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            media(range).with_status(StatusCode::PARTIAL_CONTENT).with_text(header::CONTENT_RANGE, &part)
        }
        Asked::Beyond => Reply::new("image/jpeg", FakeBody::media(0..0))
            .with_status(StatusCode::RANGE_NOT_SATISFIABLE)
            .with_text(header::CONTENT_RANGE, &format!("bytes */{size}")),
    }
}

fn part(kept: &Bytes, range: &Range<u64>) -> Bytes {
    // What is kept is short.
    let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(kept.len());
    kept.slice(at(range.start)..at(range.end))
}

pub(super) fn upload(call: &Call<'_>) -> Reply {
    let kind = call.parameter("type");
    let media_id = call.received.sha256();
    if let Some(file) = file(call).filter(|file| file.is_whole) {
        call.state.lock().media.keep(media_id.clone(), Bytes::copy_from_slice(file.content));
    }
    let uploaded = json!({
        "type": if kind.is_empty() { "image" } else { &*kind },
        "media_id": media_id,
        "created_at": call.state.clock.unix_seconds(),
    });
    call.json(&uploaded).with_content_type("text/plain")
}

pub(super) fn upload_picture(call: &Call<'_>) -> Reply {
    call.json(&json!({ "url": url(call) })).with_content_type("text/plain")
}

pub(super) fn add_material(call: &Call<'_>) -> Reply {
    call.json(&json!({ "media_id": call.received.sha256(), "url": url(call) }))
}

/// Where the picture would be: on a host that is not asked for tokens.
fn url(call: &Call<'_>) -> String {
    format!("http://mmbiz.qpic.cn/mmbiz_jpg/{}/0", call.received.sha256())
}

fn header<'c>(call: &Call<'c>, name: http::HeaderName) -> Option<&'c str> {
    call.parts.headers.get(name)?.to_str().ok()
}
