//! Locks, so that two runs at once do not undo each other's work.

use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
};

/// The file at `path`, locked until it is dropped. It stays where it is: whoever removes it may remove the lock of another.
pub fn take(path: &Path) -> io::Result<File> {
    let file = File::options().read(true).append(true).create(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(io::Error::other("another run of media_sync is at work in this folder; wait for its end"))
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = take(&path).unwrap();
        assert!(take(&path).unwrap_err().to_string().contains("another run"));
        drop(first);
        take(&path).unwrap();
    }
}
