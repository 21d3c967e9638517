//! Media: pictures, voices, videos.

use bytes::Bytes;
use http::{Request, header};
use serde::Deserialize;

use crate::{Answer, Client, Error, HttpService};

/// What kind of media is uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MediaKind {
    /// A picture, 10 MB at most.
    Image,
    /// A voice message, 2 MB and a minute at most.
    Voice,
    /// A video, 10 MB at most.
    Video,
}

/// Media that was uploaded.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Media {
    /// Under this it can be sent for three days.
    pub media_id: String,
}

impl<S: HttpService> Client<S> {
    /// Uploads a file, which WeChat keeps for three days.
    ///
    /// The body is in one piece, so the layer can send it again for nothing, and WeChat learns its length at once: it answers
    /// HTTP 412 to a body of unknown length.
    ///
    /// # Errors
    ///
    /// WeChat refuses (40004, 40005: not a file of that kind), or there is no answer.
    pub async fn upload_media(
        &self,
        kind: MediaKind,
        file_name: &str,
        content: &[u8],
    ) -> Result<Answer<Media>, Error> {
        let kind = match kind {
            MediaKind::Image => "image",
            MediaKind::Voice => "voice",
            MediaKind::Video => "video",
        };
        let url = self.url("/cgi-bin/media/upload", &[("type", kind)])?;
        let (content_type, body) = multipart(file_name, content);
        self.send(Request::post(url).header(header::CONTENT_TYPE, content_type), body).await
    }
}

/// A form with one file: its content type, and its body.
fn multipart(file_name: &str, content: &[u8]) -> (String, Bytes) {
    let boundary = boundary(content);
    let file_name: String =
        file_name.chars().map(|c| if c == '"' || c.is_control() { '_' } else { c }).collect();
    let mut body = format!(
        "--{boundary}\r\n\
         content-disposition: form-data; name=\"media\"; filename=\"{file_name}\"\r\n\
         content-type: application/octet-stream\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(content);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body.into())
}

/// A line that is not in the content.
fn boundary(content: &[u8]) -> String {
    let mut number = 0_u64;
    loop {
        let boundary = format!("tiny-sdk-{number}");
        if !content.windows(boundary.len()).any(|text| text == boundary.as_bytes()) {
            return boundary;
        }
        number += 1;
    }
}
