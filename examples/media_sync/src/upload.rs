//! One upload.

use std::{io, sync::Arc};

use futures_util::TryStreamExt;
use reqwest::{
    Body,
    multipart::{Form, Part},
};
use serde::Deserialize;
use serde_json::Value;
use tokio::fs::File;
use tokio_util::io::ReaderStream;
use tower_wechat::{AuthOutcome, WeChatError};

use crate::{answer::Failure, client::Client, pictures::Picture, progress::Progress};

/// WeChat's answer. It says that it is `text/plain`, so it is not asked.
#[derive(Deserialize)]
struct Answer {
    media_id: String,
    /// Whatever it is: the picture is there.
    #[serde(default)]
    created_at: Value,
}

/// Where a picture is now.
pub struct Uploaded {
    pub media_id: String,
    /// By WeChat's clock, in seconds since 1970; as it came, so it may be anything.
    pub created_at: Option<u64>,
    /// Whether its token was rejected on the way, so that the layer has sent it twice.
    pub is_healed: bool,
}

pub async fn upload(
    client: &Client,
    picture: &Picture,
    progress: &Arc<Progress>,
) -> Result<Uploaded, Failure> {
    let file = File::open(&picture.path).await?;
    if file.metadata().await?.len() != picture.bytes {
        return Err(io::Error::other("it was changed meanwhile").into());
    }
    let share = progress.share();
    let counted = share.clone();
    let content = ReaderStream::new(file).inspect_ok(move |bytes| counted.advance(bytes.len()));
    // With its length: WeChat takes no body whose length is not announced.
    let part = Part::stream_with_length(Body::wrap_stream(content), picture.bytes)
        .file_name(picture.kind.file_name())
        .mime_str(picture.kind.content_type())?;
    let url = format!("{}/cgi-bin/media/upload?type=image", client.base_url);
    let response = client.http.post(url).multipart(Form::new().part("media", part)).send().await?;

    let is_healed = response.extensions().get().is_some_and(AuthOutcome::replayed);
    let status = response.status();
    let answer = response.bytes().await?;
    if let Some(error) = WeChatError::parse(&answer) {
        return Err(Failure::WeChat(error));
    }
    if !status.is_success() {
        return Err(Failure::Status(status));
    }
    let Answer { media_id, created_at } = serde_json::from_slice(&answer).map_err(|_| Failure::Strange)?;
    share.keep();
    Ok(Uploaded { media_id, created_at: created_at.as_u64(), is_healed })
}
