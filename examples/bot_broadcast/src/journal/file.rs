//! Opening the journal's file.

use std::{
    fs::{File, TryLockError},
    io::{Read, Write},
    path::Path,
};

use super::{Entry, History};
use crate::{BoxError, private};

/// The file, locked and ready for more lines, and what its lines say.
pub fn open(path: &Path, head: &str) -> Result<(File, History), BoxError> {
    let mut file = private::file().read(true).append(true).create(true).open(path)?;
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => "another process is sending with this journal at the moment".into(),
        TryLockError::Error(error) => BoxError::from(error),
    })?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let synced = synced(&bytes);
    let text = String::from_utf8_lossy(&bytes[..synced]);
    let mut lines = text.lines();
    match lines.next() {
        Some(first) if first == head => {}
        None if is_begun(&bytes, head) => {}
        Some(first) if first.starts_with("bot_broadcast 1 ") => {
            return Err(
                "this is the journal of another message or app. For a new broadcast, name another one with \
                        --journal, or move this one away"
                    .into(),
            );
        }
        _ => return Err("this is no journal of bot_broadcast".into()),
    }
    let mut history = History::new();
    for (number, line) in (2..).zip(lines) {
        let (openid, entry) = Entry::parse(line).ok_or_else(|| unreadable(number))?;
        history.insert(openid.to_owned(), entry);
    }
    for entry in history.values_mut().filter(|entry| **entry == Entry::Begun) {
        *entry = Entry::Unknown;
    }
    // Not before it is known to be a journal: somebody may have named another file by mistake.
    file.set_len(synced as u64)?;
    if synced == 0 {
        writeln!(file, "{head}")?;
        file.sync_all()?;
        sync_folder(path)?;
    }
    Ok((file, history))
}

/// How many of its bytes are lines that may have been on disk when a send went out.
///
/// A power failure can leave what was being written as half a line, or as NUL bytes. A send waits until its line is on disk, with
/// its end and with all before it: for what is cut off here none has gone out. NUL bytes with other lines behind them are no such
/// case for certain, and stay.
fn synced(bytes: &[u8]) -> usize {
    let lines = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let whole = lines(bytes);
    let before_last = lines(&bytes[..whole.saturating_sub(1)]);
    if bytes[before_last..whole].contains(&0) { before_last } else { whole }
}

/// Whether it is empty, or has not got beyond its first line. Nobody has been sent to before that was on disk.
fn is_begun(bytes: &[u8], head: &str) -> bool {
    bytes.len() <= head.len() + 1
        && bytes.iter().zip(head.bytes()).all(|(byte, wanted)| [0, wanted].contains(byte))
}

/// Whoever stood there may have been sent to, and only a person can say what to do about it.
fn unreadable(number: usize) -> String {
    format!(
        "line {number} cannot be read: the disk has lost it, or something else than bot_broadcast wrote it. To go on, take \
         the line out. Whoever it was about may then get the message twice; whoever must not needs a line \
         `unknown OPENID` instead"
    )
}

/// So that the new file is still there after a power failure.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
