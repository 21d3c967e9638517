//! One upload.

use std::sync::Arc;

use futures_util::TryStreamExt;
use reqwest::{
    Body,
    multipart::{Form, Part},
};
use serde::Deserialize;
use tokio::fs::File;
use tokio_util::io::ReaderStream;
use tower_wechat::{AuthOutcome, WeChatError};

use crate::{answer::Failure, client::Client, manifest::Entry, pictures::Picture, progress::Progress};

/// WeChat's answer. It says that it is `text/plain`, so it is not asked.
#[derive(Deserialize)]
struct Uploaded {
    media_id: String,
    created_at: u64,
}

/// Where the picture is now, and whether its token was rejected on the way, so that the layer has sent it twice.
pub async fn upload(
    client: &Client,
    picture: &Picture,
    progress: &Arc<Progress>,
) -> Result<(Entry, bool), Failure> {
    let counted = progress.clone();
    let content = ReaderStream::new(File::open(&picture.path).await?)
        .inspect_ok(move |bytes| counted.advance(bytes.len()));
    // With its length: WeChat takes no body whose length is not announced.
    let part = Part::stream_with_length(Body::wrap_stream(content), picture.bytes)
        .file_name(picture.kind.file_name())
        .mime_str(picture.kind.content_type())?;
    let url = format!("{}/cgi-bin/media/upload?type=image", client.base_url);
    let response = client.http.post(url).multipart(Form::new().part("media", part)).send().await?;

    let healed = response.extensions().get().is_some_and(AuthOutcome::replayed);
    let status = response.status();
    let answer = response.bytes().await?;
    if let Some(error) = WeChatError::parse(&answer) {
        return Err(Failure::WeChat(error));
    }
    if !status.is_success() {
        return Err(Failure::Status(status));
    }
    let uploaded: Uploaded = serde_json::from_slice(&answer).map_err(|_| Failure::Strange)?;
    Ok((Entry::new(&client.app_id, uploaded.media_id, &picture.sha256, uploaded.created_at), healed))
}
