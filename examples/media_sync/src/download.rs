//! One download.

use std::{path::Path, sync::Arc};

use reqwest::{Response, Url};
use tokio::{
    fs::{self, File},
    io::AsyncWriteExt,
};
use tower_wechat::WeChatError;

use crate::{answer::Failure, client::Client, progress::Progress};

/// Errors are far shorter.
const LONGEST_ERROR: usize = 64 << 10;

/// Streams a picture to a file, which is not there if anything goes wrong.
pub async fn download(
    client: &Client,
    media_id: &str,
    path: &Path,
    progress: &Arc<Progress>,
) -> Result<(), Failure> {
    let result = stream(client, media_id, path, progress).await;
    if result.is_err() {
        // It may not have come that far.
        let _ = fs::remove_file(path).await;
    }
    result
}

async fn stream(
    client: &Client,
    media_id: &str,
    path: &Path,
    progress: &Arc<Progress>,
) -> Result<(), Failure> {
    let api = format!("{}/cgi-bin/media/get", client.base_url);
    let url = Url::parse_with_params(&api, [("media_id", media_id)]).map_err(std::io::Error::other)?;
    let mut response = client.http.get(url).send().await?;
    if !response.status().is_success() {
        return Err(Failure::Status(response.status()));
    }
    let Some(first) = response.chunk().await? else { return Err(Failure::Strange) };
    // An error is JSON, whatever its content type says: WeChat calls it text/plain. No picture begins like that.
    if first.trim_ascii_start().starts_with(b"{") {
        return Err(error(first.to_vec(), response).await);
    }
    let share = progress.share();
    let mut file = File::create(path).await?;
    let mut chunk = Some(first);
    while let Some(bytes) = chunk {
        file.write_all(&bytes).await?;
        share.advance(bytes.len());
        chunk = response.chunk().await?;
    }
    file.flush().await?;
    share.keep();
    Ok(())
}

async fn error(mut text: Vec<u8>, mut response: Response) -> Failure {
    while text.len() < LONGEST_ERROR
        && let Ok(Some(more)) = response.chunk().await
    {
        text.extend(more);
    }
    WeChatError::parse(&text).map_or(Failure::Strange, Failure::WeChat)
}
