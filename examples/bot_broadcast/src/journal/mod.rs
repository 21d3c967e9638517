//! [`Journal`]: who has been sent to, on disk before it is needed.
//!
//! A file to which lines are added. `begun` is on disk before a send goes out; what became of it follows. After a crash an open id
//! whose last line is `begun` may have been sent to: it is unknown.

mod entry;
mod file;
mod writer;

use std::{collections::HashMap, io, path::Path};

use tokio::sync::oneshot;

pub use self::entry::Entry;
use self::writer::{Line, Writer};
use crate::BoxError;

/// One process at a time has it.
pub struct Journal {
    writer: Writer,
}

/// The last entry of each open id.
pub type History = HashMap<String, Entry>;

impl Journal {
    /// Opens or begins the journal of this message of this app, and reads what is in it.
    pub fn open(path: &Path, app: &str, message: &str) -> Result<(Self, History), BoxError> {
        let head = format!("bot_broadcast 1 app {app} message {message}");
        let (file, history) =
            file::open(path, &head).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok((Self { writer: Writer::start(file)? }, history))
    }

    /// Returns when it is on disk that a send is about to begin.
    pub async fn begin(&self, openid: &str) -> io::Result<()> {
        let (synced, on_disk) = oneshot::channel();
        self.writer.write(Line { text: Entry::Begun.line(openid), synced: Some(synced) })?;
        on_disk.await.map_err(|_| writer::broken())?
    }

    /// Notes what became of a send. If the line does not get to disk, the send is unknown, which is true as well.
    pub fn end(&self, openid: &str, entry: &Entry) -> io::Result<()> {
        self.writer.write(Line { text: entry.line(openid), synced: None })
    }

    /// Returns when all of it is on disk.
    pub async fn close(self) -> io::Result<()> {
        tokio::task::spawn_blocking(|| self.writer.finish()).await.map_err(io::Error::other)?
    }
}
