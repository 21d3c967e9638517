//! One run: from the folder to the report.

use std::{
    fs, io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use account::{Account, say};
use futures_util::{StreamExt, stream};

use crate::{
    BoxError,
    answer::Failure,
    client::Client,
    compare,
    download::download,
    manifest::Manifest,
    options::Job,
    pictures::{Picture, Pictures},
    progress::Progress,
    report::Report,
    upload::upload,
};

/// Prints how it goes, and what came of it.
pub async fn run(job: &Job, account: &Account) -> Result<Report, BoxError> {
    job.check_folders()?;
    let mut manifest = Manifest::read(job.manifest(), &account.id)?;
    let pictures = Pictures::find(&job.pictures, &job.manifest())?;
    let client = Client::new(account, job.concurrency)?;

    let mut report = Report { left_out: pictures.left_out, ..Report::default() };
    upload_all(job, &client, &pictures.all, &mut manifest, &mut report).await?;
    download_all(job, &client, &pictures.all, &mut manifest, &mut report).await?;
    say!("\n{report}   What is at WeChat: {}", job.manifest().display());
    Ok(report)
}

async fn upload_all(
    job: &Job,
    client: &Client,
    pictures: &[Picture],
    manifest: &mut Manifest,
    report: &mut Report,
) -> Result<(), BoxError> {
    #[allow(clippy::disallowed_methods, reason = "this program has no clock of its own")]
    let now = SystemTime::now();
    let (there, new): (Vec<_>, Vec<_>) = pictures.iter().partition(|picture| manifest.has(picture, now));
    report.kept = there.len();

    let progress = Arc::new(Progress::new("up  ", total(&new)));
    // Nothing that is under way is given up, but nothing more is tried.
    let in_vain = AtomicBool::new(false);
    let mut uploads = stream::iter(new)
        .map(async |picture| {
            let result = if in_vain.load(Ordering::Relaxed) {
                Err(Failure::NotTried)
            } else {
                upload(client, picture, &progress).await
            };
            if result.as_ref().is_err_and(|failure| !failure.is_of_picture()) {
                in_vain.store(true, Ordering::Relaxed);
            }
            (picture, result)
        })
        .buffer_unordered(job.concurrency);
    while let Some((picture, result)) = uploads.next().await {
        match result {
            Ok((entry, healed)) => {
                report.uploaded += 1;
                report.healed += usize::from(healed);
                manifest.insert(picture.name.clone(), entry)?;
            }
            Err(failure) => report.not_uploaded.push((picture.name.clone(), failure)),
        }
    }
    progress.finish();
    report.not_uploaded.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(())
}

async fn download_all(
    job: &Job,
    client: &Client,
    pictures: &[Picture],
    manifest: &mut Manifest,
    report: &mut Report,
) -> Result<(), BoxError> {
    fs::create_dir_all(&job.into).map_err(|error| format!("{}: {error}", job.into.display()))?;
    let failed = |picture: &&Picture| report.not_uploaded.iter().any(|(name, _)| *name == picture.name);
    let there: Vec<_> = pictures.iter().filter(|picture| !failed(picture)).collect();
    let progress = Progress::new("down", total(&there));
    let ids: Vec<_> = there
        .into_iter()
        .filter_map(|picture| Some((picture, manifest.get(&picture.name)?.media_id.clone())))
        .collect();
    let mut downloads = stream::iter(ids)
        .map(async |(picture, media_id)| {
            let path = job.into.join(&picture.name);
            let result = download_and_compare(client, picture, &media_id, &path, &progress).await;
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
                    manifest.remove(&name)?;
                }
                report.not_downloaded.push((name, failure));
            }
        }
    }
    progress.finish();
    report.not_downloaded.sort_by(|one, other| one.0.cmp(&other.0));
    report.different.sort();
    Ok(())
}

/// The first byte that is not as it was.
async fn download_and_compare(
    client: &Client,
    picture: &Picture,
    media_id: &str,
    path: &Path,
    progress: &Progress,
) -> Result<Option<u64>, Failure> {
    download(client, media_id, path, progress).await?;
    let (picture, path) = (picture.path.clone(), path.to_owned());
    let compared = tokio::task::spawn_blocking(move || compare::first_difference(&picture, &path));
    Ok(compared.await.map_err(io::Error::other)??)
}

fn total(pictures: &[&Picture]) -> u64 {
    pictures.iter().map(|picture| picture.bytes).sum()
}
