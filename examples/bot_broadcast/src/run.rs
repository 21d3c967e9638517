//! One run: from the files to the report.

use std::{sync::Arc, time::SystemTime};

use account::{Account, say};

use crate::{
    BoxError,
    broadcast::Broadcast,
    codes,
    control::Control,
    counts::Counts,
    journal::{Entry, Journal},
    message::Message,
    options::Job,
    pace::Pace,
    plan::{self, Left},
    progress::Progress,
    recipients::{Recipient, Recipients},
    report::Report,
    send::Sender,
};

/// What came of a run.
#[derive(Debug)]
pub struct Ran {
    pub report: Report,
    /// Nobody is left to be sent to.
    pub is_complete: bool,
}

/// Prints how it goes, and what came of it.
pub async fn run(job: &Job, account: &Account, control: &Control) -> Result<Ran, BoxError> {
    #[allow(clippy::disallowed_methods, reason = "where the time matters, it is handed in")]
    run_at(job, account, control, SystemTime::now).await
}

/// The same where `now` is the time.
pub async fn run_at(
    job: &Job,
    account: &Account,
    control: &Control,
    now: fn() -> SystemTime,
) -> Result<Ran, BoxError> {
    job.check_files()?;
    let recipients = Recipients::read(&job.recipients)?;
    let message = Message::read(&job.message, &recipients.columns)?;
    let of_report = |error| format!("{}: {error}", job.report.display());
    Report::prepare(&job.report).map_err(of_report)?;
    let (journal, history) = Journal::open(&job.journal, &account.id, message.id())?;
    let journal = Arc::new(journal);

    let is_done = |recipient: &Recipient| match history.get(&recipient.openid) {
        Some(Entry::Sent(_)) => true,
        Some(Entry::Refused(errcode)) => codes::is_final(*errcode),
        Some(Entry::Unknown) => !job.retry_unknown,
        Some(Entry::Begun | Entry::PutBack) | None => false,
    };
    let (done, mut waiting): (Vec<_>, Vec<_>) = recipients.all.iter().cloned().partition(is_done);
    // Whoever has been refused before comes last: what it was for may be there still, and must not keep it from the others.
    waiting.sort_by_key(|recipient| matches!(history.get(&recipient.openid), Some(Entry::Refused(_))));
    let mut counts = Counts::default();
    done.iter().filter_map(|recipient| history.get(&recipient.openid)).for_each(|entry| counts.add(entry));
    introduce(job, &recipients, done.len());

    let total = recipients.all.len();
    let broadcast = Broadcast {
        sender: Arc::new(Sender::new(account, message)?),
        journal: journal.clone(),
        history,
        counts,
        concurrency: job.concurrency,
        pace: Pace::new(job.first_pause),
        progress: Progress::new(total, counts),
    };
    let end = broadcast.run(waiting.into(), control).await;
    let closed = match Arc::into_inner(journal) {
        Some(journal) => journal.close().await,
        None => Ok(()),
    };

    let report = Report::new(&recipients.all, &end.history, end.healed);
    say!("\n{report}");
    let written = Report::write(&job.report, &recipients.all, &end.history);
    if written.is_ok() {
        say!("   Each of them is in {}.", job.report.display());
    }
    if let Some(stopped) = end.stopped.filter(|_| end.left > 0) {
        let left = Left {
            all: end.left,
            of: total,
            refused: report.left_refused.values().sum(),
            // Whoever was to be tried once more, and was not.
            unknown: end.left.saturating_sub(report.left),
        };
        say!("\n   {}", plan::after(&stopped, &left, &job.command(), now()));
    }
    closed.map_err(|error| format!("{}: {error}", job.journal.display()))?;
    written.map_err(of_report)?;
    Ok(Ran { report, is_complete: end.left == 0 })
}

fn introduce(job: &Job, recipients: &Recipients, done: usize) {
    say!("   {}: {} open ids", job.recipients.display(), recipients.all.len());
    if recipients.repeated > 0 {
        say!("   Lines left out, because an earlier one has the same open id: {}", recipients.repeated);
    }
    if done > 0 {
        say!("   {}: {done} of them are done", job.journal.display());
    }
}
