//! One run: from the folder to the report.

use std::{fs::File, sync::Arc};

use account::{Account, say};

use crate::{
    BoxError,
    client::Client,
    downloads::download_all,
    folder::Folder,
    lock,
    manifest::Manifest,
    options::Job,
    pictures::Pictures,
    report::Report,
    uploads::{ended_everything, upload_all},
};

/// All that a run works with.
struct Ready {
    pictures: Pictures,
    manifest: Manifest,
    folder: Arc<Folder>,
    client: Client,
    /// Two runs would upload the same, and one list would replace the other.
    _lock: File,
}

/// Prints how it goes, and what came of it.
pub async fn run(job: &Job, account: &Account) -> Result<Report, BoxError> {
    let ready = prepare(job, account).map_err(|error| format!("{error}\nNothing has been uploaded."))?;
    let Ready { pictures, mut manifest, folder, client, _lock } = ready;

    let Pictures { all, left_out, unfit } = pictures;
    let mut report = Report { list: job.manifest(), left_out, unfit, ..Report::default() };
    upload_all(job, &client, &all, &mut manifest, &mut report).await;
    let in_vain = ended_everything(&report);
    download_all(job, &client, &folder, &all, &mut manifest, in_vain, &mut report).await;
    say!("\n{report}");
    Ok(report)
}

/// Finds what would go wrong while nothing is at WeChat that is in no list.
fn prepare(job: &Job, account: &Account) -> Result<Ready, BoxError> {
    job.check_folders()?;
    let lock = job.lock();
    let lock = lock::take(&lock).map_err(|error| format!("{}: {error}", lock.display()))?;
    let manifest = Manifest::read(job.manifest(), &account.id)?;
    let pictures = Pictures::find(&job.pictures, &job.manifest())?;
    let folder = Folder::open(&job.into)?;
    folder.check(&pictures.all)?;
    manifest.save()?;
    let client = Client::new(account, job.concurrency)?;
    Ok(Ready { pictures, manifest, folder: Arc::new(folder), client, _lock: lock })
}
