//! [`Report`]: what became of everybody.

use std::{collections::BTreeMap, fmt, io::Read, path::Path};

use crate::{
    BoxError, codes,
    journal::{Entry, History},
    private,
    recipients::Recipient,
};

/// Counted over all recipients, whichever run has sent to them.
#[derive(Debug, Default)]
pub struct Report {
    pub sent: usize,
    /// How many for each code that is final.
    pub refused: BTreeMap<i64, usize>,
    pub unknown: usize,
    pub left: usize,
    /// How many of those left WeChat has refused, for each code.
    pub left_refused: BTreeMap<i64, usize>,
    /// In this run.
    pub healed: usize,
}

impl Report {
    pub fn new(recipients: &[Recipient], history: &History, healed: usize) -> Self {
        let mut report = Self { healed, ..Self::default() };
        for recipient in recipients {
            match history.get(&recipient.openid) {
                Some(Entry::Sent(_)) => report.sent += 1,
                Some(Entry::Refused(errcode)) if codes::is_final(*errcode) => {
                    *report.refused.entry(*errcode).or_default() += 1;
                }
                Some(Entry::Refused(errcode)) => {
                    report.left += 1;
                    *report.left_refused.entry(*errcode).or_default() += 1;
                }
                Some(Entry::Unknown) => report.unknown += 1,
                Some(Entry::Begun | Entry::PutBack) | None => report.left += 1,
            }
        }
        report
    }

    /// Whether it can be written, as long as nobody has been sent to. What is no report stays as it is.
    pub fn prepare(path: &Path) -> Result<(), BoxError> {
        if path.metadata().is_ok_and(|there| !there.is_file() && !there.is_dir()) {
            // A pipe or a terminal: there is nothing to be lost in it.
            return Ok(());
        }
        let file = private::file().read(true).write(true).create(true).truncate(false).open(path)?;
        let (head, mut begin) = (COLUMNS.join(","), Vec::new());
        file.take(head.len() as u64).read_to_end(&mut begin)?;
        if begin.is_empty() || begin == head.as_bytes() {
            return Ok(());
        }
        Err("this is no report of bot_broadcast. Name another file with --report, or move this one away"
            .into())
    }

    /// A line for each recipient, in their order.
    pub fn write(path: &Path, recipients: &[Recipient], history: &History) -> Result<(), BoxError> {
        let file = private::file().write(true).create(true).truncate(true).open(path)?;
        let mut writer = csv::Writer::from_writer(file);
        writer.write_record(COLUMNS)?;
        for Recipient { openid, .. } in recipients {
            let (result, errcode, meaning, msgid) = match history.get(openid) {
                Some(Entry::Sent(msgid)) => ("sent", None, "", *msgid),
                Some(Entry::Refused(errcode)) => {
                    let result = if codes::is_final(*errcode) { "refused" } else { "left" };
                    (result, Some(*errcode), codes::meaning(*errcode), None)
                }
                Some(Entry::Unknown) => ("unknown", None, UNKNOWN, None),
                Some(Entry::Begun | Entry::PutBack) | None => ("left", None, "", None),
            };
            let text = |number: Option<String>| number.unwrap_or_default();
            let errcode = text(errcode.map(|errcode| errcode.to_string()));
            let msgid = text(msgid.map(|msgid| msgid.to_string()));
            writer.write_record([openid, result, &errcode, meaning, &msgid])?;
        }
        Ok(writer.flush()?)
    }
}

const COLUMNS: [&str; 5] = ["openid", "result", "errcode", "meaning", "msgid"];
const UNKNOWN: &str = "WeChat may have sent it: no answer came, or none that tells";

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, refused, unknown, left, left_refused, healed } = self;
        write!(f, "   sent     {sent:>7}\n   refused  {:>7}", refused.values().sum::<usize>())?;
        by_code(f, refused)?;
        write!(f, "\n   unknown  {unknown:>7}")?;
        if *unknown > 0 {
            write!(f, "  {UNKNOWN}")?;
        }
        write!(f, "\n   left     {left:>7}")?;
        by_code(f, left_refused)?;
        if *healed > 0 {
            let sends = if *healed == 1 { "send" } else { "sends" };
            write!(
                f,
                "\n   The token was rejected under {healed} {sends}; the layer sent them again with another one."
            )?;
        }
        Ok(())
    }
}

fn by_code(f: &mut fmt::Formatter<'_>, counts: &BTreeMap<i64, usize>) -> fmt::Result {
    counts.iter().try_for_each(|(errcode, count)| {
        write!(f, "\n            {count:>7}  {errcode}: {}", codes::meaning(*errcode))
    })
}
