//! One download.

use std::path::Path;

use reqwest::Response;
use tokio::{fs::File, io::AsyncWriteExt};
use tower_wechat::WeChatError;

use crate::{answer::Failure, client::Client, progress::Progress};

/// Errors are far shorter.
const LONGEST_ERROR: usize = 64 << 10;

/// Streams a picture to a file. A file of this name is there only when it is whole.
pub async fn download(
    client: &Client,
    media_id: &str,
    path: &Path,
    progress: &Progress,
) -> Result<(), Failure> {
    let url = format!("{}/cgi-bin/media/get?media_id={media_id}", client.base_url);
    let mut response = client.http.get(url).send().await?;
    if !response.status().is_success() {
        return Err(Failure::Status(response.status()));
    }
    let Some(first) = response.chunk().await? else { return Err(Failure::Strange) };
    // An error is JSON, whatever its content type says: WeChat calls it text/plain. No picture begins like that.
    if first.trim_ascii_start().starts_with(b"{") {
        return Err(error(first.to_vec(), response).await);
    }
    // Under a name that nobody else has; it is removed if anything goes wrong.
    let folder = path.parent().unwrap_or(Path::new(""));
    let part = tempfile::Builder::new().prefix(".part").tempfile_in(folder)?;
    let mut file = File::from_std(part.as_file().try_clone()?);
    let mut chunk = Some(first);
    while let Some(bytes) = chunk {
        file.write_all(&bytes).await?;
        progress.advance(bytes.len());
        chunk = response.chunk().await?;
    }
    file.flush().await?;
    part.persist(path).map_err(|error| error.error)?;
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
