//! All downloads of a run.

use std::{io, sync::Arc};

use futures_util::{StreamExt, stream};

use crate::{
    answer::Failure, client::Client, compare, download::download, folder::Folder, manifest::Manifest,
    options::Job, pictures::Picture, progress::Progress, report::Report, tries::Tries,
};

/// Downloads what is at WeChat, and compares it with what it should be. Nothing is asked for if that is `in_vain`.
pub async fn download_all(
    job: &Job,
    client: &Client,
    folder: &Arc<Folder>,
    pictures: &[Picture],
    manifest: &mut Manifest,
    in_vain: bool,
    report: &mut Report,
) {
    let failed = |picture: &&Picture| report.not_uploaded.iter().any(|(name, _)| *name == picture.name);
    let there: Vec<_> = pictures
        .iter()
        .filter(|picture| !failed(picture))
        .filter_map(|picture| Some((picture, manifest.get(&picture.name)?.media_id.clone())))
        .collect();
    let progress = Progress::new("down", there.iter().map(|(picture, _)| picture.bytes).sum());
    let tries = Tries::new(job.pause);
    if in_vain {
        tries.stop();
    }
    let mut downloads = stream::iter(there)
        .map(async |(picture, media_id)| {
            let part = folder.part(&picture.name);
            let attempt = async || download(client, &media_id, &part, &progress).await;
            let result = match tries.of(attempt).await {
                Ok(()) => compare_and_keep(folder, picture).await,
                Err(failure) => Err(failure),
            };
            (picture, result)
        })
        .buffer_unordered(job.concurrency);
    while let Some((picture, result)) = downloads.next().await {
        let name = picture.name.clone();
        match result {
            Ok(None) => report.equal += 1,
            Ok(Some(at)) => report.different.push((name, at)),
            Err(failure) => {
                if failure.is_missing() {
                    // So that the next run uploads it.
                    report.not_saved = manifest.remove(&name).err();
                }
                report.not_downloaded.push((name, failure));
            }
        }
    }
    progress.finish();
    report.not_downloaded.sort_by(|one, other| one.0.cmp(&other.0));
    report.different.sort();
}

/// The first byte that is not as it was.
async fn compare_and_keep(folder: &Arc<Folder>, picture: &Picture) -> Result<Option<u64>, Failure> {
    let (folder, picture) = (folder.clone(), picture.clone());
    let work = move || {
        let difference = compare::first_difference(&picture.path, &folder.part(&picture.name))?;
        folder.keep(&picture.name)?;
        Ok(difference)
    };
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
