//! [`Options`]: the command line.

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Parser;

const CONCURRENCY: usize = 32;

/// Sends a template message to everybody in a CSV file, once. Without one, and without an account
/// (`WECHAT_APP_ID`, `WECHAT_APP_SECRET`) in the environment, it shows what it does against a fake WeChat.
#[derive(Debug, Parser)]
#[command(name = "bot_broadcast", version)]
pub struct Options {
    /// A CSV file in UTF-8 whose first line names the columns, `openid` among them
    #[arg(requires = "message")]
    recipients: Option<PathBuf>,

    /// A JSON file: the message without `touser`, in which {name} stands for the column `name`
    #[arg(long, value_name = "FILE", requires = "recipients")]
    message: Option<PathBuf>,

    /// How many sends are under way at once
    #[arg(long, value_name = "N", default_value_t = const { NonZeroUsize::new(CONCURRENCY).unwrap() })]
    concurrency: NonZeroUsize,

    /// Where it is kept who has been sent to [default: the CSV file's name and .journal]
    #[arg(long, value_name = "FILE", requires = "recipients")]
    journal: Option<PathBuf>,

    /// Where the report goes [default: the CSV file's name and .report.csv]
    #[arg(long, value_name = "FILE", requires = "recipients")]
    report: Option<PathBuf>,

    /// Send once more where no answer came: some may get the message twice
    #[arg(long, requires = "recipients")]
    retry_unknown: bool,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Job {
    pub recipients: PathBuf,
    pub message: PathBuf,
    pub journal: PathBuf,
    pub report: PathBuf,
    pub concurrency: usize,
    pub retry_unknown: bool,
    /// How long to wait when WeChat first asks to slow down.
    pub first_pause: Duration,
}

impl Options {
    /// `None` if there are no recipients.
    pub fn job(&self) -> Option<Job> {
        let (recipients, message) = (self.recipients.clone()?, self.message.clone()?);
        let mut job = Job::new(recipients, message);
        if let Some(journal) = &self.journal {
            job.journal.clone_from(journal);
        }
        if let Some(report) = &self.report {
            job.report.clone_from(report);
        }
        job.concurrency = self.concurrency.get();
        job.retry_unknown = self.retry_unknown;
        Some(job)
    }
}

impl Job {
    pub fn new(recipients: impl Into<PathBuf>, message: impl Into<PathBuf>) -> Self {
        let recipients = recipients.into();
        Self {
            journal: beside(&recipients, ".journal"),
            report: beside(&recipients, ".report.csv"),
            recipients,
            message: message.into(),
            concurrency: CONCURRENCY,
            retry_unknown: false,
            first_pause: Duration::from_secs(5),
        }
    }

    /// A name that is mistyped must not cost a file.
    pub fn check_files(&self) -> Result<(), String> {
        let files = [&self.recipients, &self.message, &self.journal, &self.report];
        // What is not there yet has no other name.
        let real = files.map(|path| path.canonicalize().unwrap_or_else(|_| path.clone()));
        match (1..real.len()).find(|&at| real[..at].contains(&real[at])) {
            Some(at) => Err(format!("{} is named for two things", files[at].display())),
            None => Ok(()),
        }
    }

    /// What to type to go on.
    pub fn command(&self) -> String {
        let usual = Self::new(&self.recipients, &self.message);
        let mut words = vec!["bot_broadcast".to_owned(), quoted(&self.recipients)];
        let mut option = |name: &str, value: String| words.extend([name.to_owned(), value]);
        option("--message", quoted(&self.message));
        if self.journal != usual.journal {
            option("--journal", quoted(&self.journal));
        }
        if self.report != usual.report {
            option("--report", quoted(&self.report));
        }
        if self.concurrency != usual.concurrency {
            option("--concurrency", self.concurrency.to_string());
        }
        words.join(" ")
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// As a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:@".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, clap::Error> {
        Options::try_parse_from(line.split(' '))
    }

    #[test]
    fn files_lie_beside_the_recipients() {
        let job = parse("bot_broadcast a/b.csv --message m.json").unwrap().job().unwrap();
        assert_eq!(job.journal, Path::new("a/b.csv.journal"));
        assert_eq!(job.report, Path::new("a/b.csv.report.csv"));
        assert_eq!(job.command(), "bot_broadcast a/b.csv --message m.json");
    }

    #[test]
    fn the_command_to_go_on_has_the_options_that_matter() {
        let line = "bot_broadcast b.csv --message m.json --journal j --concurrency 4 --retry-unknown";
        let mut job = parse(line).unwrap().job().unwrap();
        assert!(job.retry_unknown);
        // Not `--retry-unknown`: what is unknown after that is to be looked at again.
        assert_eq!(job.command(), "bot_broadcast b.csv --message m.json --journal j --concurrency 4");
        job.message = "it's a message.json".into();
        assert!(job.command().contains(r"--message 'it'\''s a message.json'"), "{}", job.command());
    }

    #[test]
    fn recipients_want_a_message_and_the_other_way_round() {
        assert!(parse("bot_broadcast").unwrap().job().is_none());
        for line in ["bot_broadcast b.csv", "bot_broadcast --message m.json", "bot_broadcast --retry-unknown"]
        {
            assert!(parse(line).is_err(), "{line}");
        }
        assert!(parse("bot_broadcast b.csv --message m.json --concurrency 0").is_err());
    }
}
