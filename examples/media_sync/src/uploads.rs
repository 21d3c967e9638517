//! All uploads of a run.

use std::time::SystemTime;

use futures_util::{StreamExt, stream};

use crate::{
    answer::Reach,
    client::Client,
    manifest::{Entry, Manifest},
    options::Job,
    pictures::Picture,
    progress::Progress,
    report::Report,
    tries::Tries,
    upload::upload,
};

/// Uploads what is not there, or not for long.
pub async fn upload_all(
    job: &Job,
    client: &Client,
    pictures: &[Picture],
    manifest: &mut Manifest,
    report: &mut Report,
) {
    let start = now();
    let (there, new): (Vec<_>, Vec<_>) = pictures.iter().partition(|picture| manifest.has(picture, start));
    report.kept = there.len();

    let progress = Progress::new("up  ", new.iter().map(|picture| picture.bytes).sum());
    let tries = Tries::new(job.pause);
    let mut uploads = stream::iter(new)
        .map(async |picture| (picture, tries.of(async || upload(client, picture, &progress).await).await))
        .buffer_unordered(job.concurrency);
    while let Some((picture, result)) = uploads.next().await {
        let name = picture.name.clone();
        match result {
            Ok(uploaded) => {
                report.uploaded += 1;
                report.healed += usize::from(uploaded.is_healed);
                let (id, created_at) = (uploaded.media_id, uploaded.created_at);
                let entry = Entry::new(&client.app_id, id, &picture.sha256, created_at, now());
                report.not_saved = manifest.insert(name, entry).err();
                if report.not_saved.is_some() {
                    // The next run would not know of it.
                    tries.stop();
                }
            }
            Err(failure) => report.not_uploaded.push((name, failure)),
        }
    }
    progress.finish();
    report.not_uploaded.sort_by(|one, other| one.0.cmp(&other.0));
}

/// Whether no download would go better.
pub fn ended_everything(report: &Report) -> bool {
    report.not_uploaded.iter().any(|(_, failure)| failure.reach() == Reach::All)
}

#[allow(clippy::disallowed_methods, reason = "this program has no clock of its own")]
fn now() -> SystemTime {
    SystemTime::now()
}
