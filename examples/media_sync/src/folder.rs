//! [`Folder`]: where the downloaded pictures go.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, ErrorKind, Read, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use crate::{BoxError, answer::Failure, hash::sha256, lock, pictures::Picture};

/// What the program itself keeps in the folder.
const OWN: &str = ".media_sync";

/// A folder in which nothing is replaced but what this program has downloaded, and nobody has changed since.
pub struct Folder {
    path: PathBuf,
    list: Mutex<List>,
}

/// A file with a line for each download that was put into the folder: its SHA-256 and its name. It is the lock, too.
struct List {
    file: File,
    lines: HashSet<String>,
}

/// What is there under the name of a picture.
#[derive(PartialEq, Eq)]
enum There {
    Nothing,
    /// The same content, whoever put it there.
    Same,
    /// A download of this program.
    Ours,
    Theirs,
}

impl Folder {
    /// Makes it, if it is not there, and removes what a run left there that was ended half-way.
    pub fn open(path: &Path) -> Result<Self, BoxError> {
        Self::prepare(path).map_err(|error| format!("{}: {error}", path.display()).into())
    }

    fn prepare(path: &Path) -> io::Result<Self> {
        let own = path.join(OWN);
        fs::create_dir_all(&own)?;
        let mut file = lock::take(&own.join("list"))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        if !text.is_empty() && !text.ends_with(b"\n") {
            // The machine stopped in the middle of this line.
            writeln!(file)?;
        }
        let lines = String::from_utf8_lossy(&text).lines().map(str::to_owned).collect();
        match fs::remove_dir_all(own.join("part")) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir(own.join("part"))?,
        }
        Ok(Self { path: path.to_owned(), list: Mutex::new(List { file, lines }) })
    }

    /// Finds out whether all of these can come here, before any of them is uploaded.
    pub fn check(&self, pictures: &[Picture]) -> Result<(), BoxError> {
        for Picture { name, sha256, .. } in pictures {
            let path = self.path.join(name);
            let failed = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
            if self.look(name, sha256).map_err(|error| failed(&error))? == There::Theirs {
                return Err(failed(&Failure::Theirs).into());
            }
        }
        Ok(())
    }

    /// Where a picture is as long as it is not whole.
    pub fn part(&self, name: &str) -> PathBuf {
        self.path.join(OWN).join("part").join(name)
    }

    /// Gives what was downloaded its place.
    pub fn keep(&self, name: &str) -> Result<(), Failure> {
        let part = self.part(name);
        let sha256 = sha256(File::open(&part)?)?;
        match self.look(name, &sha256)? {
            There::Same => fs::remove_file(part)?,
            There::Nothing | There::Ours => {
                // First: a file that is not in the list is never replaced.
                self.note(line(&sha256, name))?;
                fs::rename(part, self.path.join(name))?;
            }
            There::Theirs => {
                fs::remove_file(part)?;
                return Err(Failure::Theirs);
            }
        }
        Ok(())
    }

    fn look(&self, name: &str, new: &str) -> io::Result<There> {
        let path = self.path.join(name);
        match fs::symlink_metadata(&path) {
            Ok(there) if there.is_file() => {}
            Ok(_) => return Ok(There::Theirs),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(There::Nothing),
            Err(error) => return Err(error),
        }
        let old = sha256(File::open(path)?)?;
        let list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(match old {
            old if old == new => There::Same,
            old if list.lines.contains(&line(&old, name)) => There::Ours,
            _ => There::Theirs,
        })
    }

    fn note(&self, line: String) -> io::Result<()> {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        if !list.lines.contains(&line) {
            writeln!(list.file, "{line}")?;
            list.lines.insert(line);
        }
        Ok(())
    }
}

fn line(sha256: &str, name: &str) -> String {
    format!("{sha256}  {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_its_own_downloads_and_nothing_else() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("back");
        let download = |content: &str| {
            let folder = Folder::open(&path).unwrap();
            fs::write(folder.part("a.png"), content).unwrap();
            let kept = folder.keep("a.png").map_err(|failure| failure.to_string());
            assert!(!folder.part("a.png").exists());
            (kept.is_ok(), fs::read_to_string(path.join("a.png")).unwrap())
        };
        assert_eq!(download("one"), (true, "one".to_owned()));
        assert_eq!(download("two"), (true, "two".to_owned()));
        fs::write(path.join("a.png"), "mine").unwrap();
        assert_eq!(download("three"), (false, "mine".to_owned()));
        // No harm in that; but it does not become a download by it.
        assert_eq!(download("mine"), (true, "mine".to_owned()));
        assert_eq!(download("three"), (false, "mine".to_owned()));
    }

    #[test]
    fn what_an_ended_run_left_is_removed() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(temporary.path()).unwrap();
        fs::write(folder.part("a.png"), "half").unwrap();
        drop(folder);
        // The machine stopped while this was written.
        let list = temporary.path().join(OWN).join("list");
        fs::write(&list, "0123").unwrap();
        let folder = Folder::open(temporary.path()).unwrap();
        assert!(!folder.part("a.png").exists());
        folder.note(line("4567", "a.png")).unwrap();
        assert_eq!(fs::read_to_string(list).unwrap(), "0123\n4567  a.png\n");
    }
}
