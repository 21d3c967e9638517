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
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    // A line without its end was being written when the machine stopped.
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let mut lines = text[..whole].lines();
    match lines.next() {
        Some(first) if first == head => {}
        // An empty file, or one that has not got beyond its first line.
        None if head.starts_with(&text) => {}
        Some(first) if first.starts_with("bot_broadcast 1 ") => {
            return Err(
                "this is the journal of another message or app. For a new broadcast, name another one with \
                        --journal, or move this one away"
                    .into(),
            );
        }
        _ => return Err("this is no journal of bot_broadcast".into()),
    }
    // Not before it is known to be a journal: somebody may have named another file by mistake.
    file.set_len(whole as u64)?;
    if whole == 0 {
        writeln!(file, "{head}")?;
        file.sync_all()?;
        sync_folder(path)?;
    }
    let mut history = History::new();
    for (number, line) in (2..).zip(lines) {
        let (openid, entry) = Entry::parse(line).ok_or_else(|| format!("line {number} cannot be read"))?;
        history.insert(openid.to_owned(), entry);
    }
    for entry in history.values_mut().filter(|entry| **entry == Entry::Begun) {
        *entry = Entry::Unknown;
    }
    Ok((file, history))
}

/// So that the new file is still there after a power failure.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
