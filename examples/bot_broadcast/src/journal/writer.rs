//! [`Writer`]: the thread that writes lines, as many as there are with one call of fsync.

use std::{
    fs::File,
    io::{self, Write},
    sync::mpsc::{Receiver, Sender, channel},
    thread::{Builder, JoinHandle},
};

use tokio::sync::oneshot;

pub struct Line {
    pub text: String,
    /// Told when the line is on disk, or why it is not.
    pub synced: Option<oneshot::Sender<io::Result<()>>>,
}

pub struct Writer {
    lines: Sender<Line>,
    thread: JoinHandle<io::Result<()>>,
}

impl Writer {
    pub fn start(mut file: File) -> io::Result<Self> {
        let (lines, received) = channel();
        let thread =
            Builder::new().name("journal".to_owned()).spawn(move || write_all(&mut file, &received))?;
        Ok(Self { lines, thread })
    }

    /// Fails once a line could not be written.
    pub fn write(&self, line: Line) -> io::Result<()> {
        self.lines.send(line).map_err(|_| broken())
    }

    /// Waits until all lines are on disk.
    pub fn finish(self) -> io::Result<()> {
        drop(self.lines);
        self.thread.join().unwrap_or_else(|_| Err(broken()))
    }
}

pub fn broken() -> io::Error {
    io::Error::other("the journal cannot be written any more")
}

/// Until there are no more, or one cannot be written.
fn write_all(file: &mut File, lines: &Receiver<Line>) -> io::Result<()> {
    while let Ok(first) = lines.recv() {
        let batch: Vec<_> = [first].into_iter().chain(lines.try_iter()).collect();
        let text: String = batch.iter().map(|line| &*line.text).collect();
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_data());
        for synced in batch.into_iter().filter_map(|line| line.synced) {
            let told = match &written {
                Ok(()) => Ok(()),
                Err(error) => {
                    Err(io::Error::new(error.kind(), format!("the journal cannot be written: {error}")))
                }
            };
            // Whoever waited may be gone.
            let _ = synced.send(told);
        }
        written?;
    }
    Ok(())
}
