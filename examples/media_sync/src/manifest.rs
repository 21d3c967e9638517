//! [`Manifest`]: what is at WeChat.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use humantime::{format_rfc3339_seconds, parse_rfc3339};
use serde::{Deserialize, Serialize};

use crate::{BoxError, pictures::Picture};

/// WeChat deletes temporary media after this time.
const LIFE: Duration = Duration::from_secs(3 * 86_400);
/// What is left of it should be enough for some use.
const SPARE: Duration = Duration::from_secs(3600);
/// Clocks do not differ by more than this, unless one of them is wrong.
const ASTRAY: Duration = Duration::from_secs(86_400);

/// A JSON file: for each picture by its file's name, where it is.
#[derive(Debug)]
pub struct Manifest {
    path: PathBuf,
    app_id: String,
    entries: BTreeMap<String, Entry>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Entry {
    /// Another account has no such media.
    app_id: String,
    pub media_id: String,
    sha256: String,
    uploaded_at: String,
    expires_at: String,
}

impl Entry {
    /// `created_at` is WeChat's, in seconds since 1970. What makes no sense beside the program's own clock does not count: by
    /// that clock it is found out when the picture is to be uploaded again.
    pub fn new(
        app_id: &str,
        media_id: String,
        sha256: &str,
        created_at: Option<u64>,
        now: SystemTime,
    ) -> Self {
        let uploaded_at = created_at
            .and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)))
            .filter(|&created| now - ASTRAY < created && created < now + ASTRAY)
            .unwrap_or(now);
        let text = |time| format_rfc3339_seconds(time).to_string();
        Self {
            app_id: app_id.to_owned(),
            media_id,
            sha256: sha256.to_owned(),
            uploaded_at: text(uploaded_at),
            expires_at: text(uploaded_at + LIFE),
        }
    }

    fn is_good(&self, sha256: &str, now: SystemTime) -> bool {
        self.sha256 == sha256 && parse_rfc3339(&self.expires_at).is_ok_and(|expires| expires > now + SPARE)
    }
}

impl Manifest {
    /// An empty one if there is no file.
    pub fn read(path: PathBuf, app_id: &str) -> Result<Self, BoxError> {
        let entries = match fs::read(&path) {
            Ok(text) => {
                let advice = "mend this list, or move it away: then all pictures are uploaded again";
                serde_json::from_slice(&text)
                    .map_err(|error| format!("{}: {error}. Please {advice}.", path.display()))?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(format!("{}: {error}", path.display()).into()),
        };
        Ok(Self { path, app_id: app_id.to_owned(), entries })
    }

    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// Whether this very picture is at WeChat for a while.
    pub fn has(&self, picture: &Picture, now: SystemTime) -> bool {
        self.get(&picture.name)
            .is_some_and(|entry| entry.app_id == self.app_id && entry.is_good(&picture.sha256, now))
    }

    pub fn insert(&mut self, name: String, entry: Entry) -> Result<(), String> {
        self.entries.insert(name, entry);
        self.save()
    }

    pub fn remove(&mut self, name: &str) -> Result<(), String> {
        self.entries.remove(name);
        self.save()
    }

    /// Whoever calls it before the first upload knows that the list can be written.
    pub fn save(&self) -> Result<(), String> {
        self.write().map_err(|error| format!("{}: {error}", self.path.display()))
    }

    /// The file is whole at any time.
    fn write(&self) -> io::Result<()> {
        // There is one run at a time. What another one left there, and a link, are not written through.
        let part = self.path.with_file_name(".media_ids.part");
        match fs::remove_file(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = BufWriter::new(File::create_new(&part)?);
        serde_json::to_writer_pretty(&mut file, &self.entries)?;
        file.flush()?;
        fs::rename(part, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_good_for_its_picture_until_shortly_before_its_end() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let entry = Entry::new("wx1", "m".to_owned(), "hash", Some(1_000_000), at(1_000_100));
        assert_eq!(entry.uploaded_at, "1970-01-12T13:46:40Z");
        assert_eq!(entry.expires_at, "1970-01-15T13:46:40Z");
        let end = 1_000_000 + 3 * 86_400 - 3600;
        assert!(entry.is_good("hash", at(end - 1)));
        assert!(!entry.is_good("hash", at(end)));
        assert!(!entry.is_good("another", at(end - 1)));
    }

    #[test]
    fn a_time_that_makes_no_sense_is_that_of_the_own_clock() {
        let now = UNIX_EPOCH + Duration::from_secs(1_764_400_000);
        for created_at in [None, Some(0), Some(1_764_400_000_000), Some(i64::MAX as u64), Some(u64::MAX)] {
            let entry = Entry::new("wx1", "m".to_owned(), "hash", created_at, now);
            assert_eq!(entry.uploaded_at, "2025-11-29T07:06:40Z", "{created_at:?}");
            assert_eq!(entry.expires_at, "2025-12-02T07:06:40Z");
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("media_ids.json");
        let mut manifest = Manifest::read(path.clone(), "wx1").unwrap();
        for name in ["a.png", "b.png"] {
            let entry = Entry::new("wx1", name.to_owned(), "", None, UNIX_EPOCH + LIFE);
            manifest.insert(name.to_owned(), entry).unwrap();
        }
        manifest.remove("a.png").unwrap();
        let read = Manifest::read(path.clone(), "wx1").unwrap();
        assert!(read.get("a.png").is_none());
        assert_eq!(read.get("b.png").unwrap().media_id, "b.png");

        fs::write(&path, "[]").unwrap();
        assert!(Manifest::read(path, "wx1").unwrap_err().to_string().contains("media_ids.json"));
    }
}
