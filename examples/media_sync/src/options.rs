//! [`Options`]: the command line.

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::Parser;

const CONCURRENCY: usize = 4;
/// What passes is gone after it, or after one of the next, which are longer.
const PAUSE: Duration = Duration::from_secs(1);

/// Uploads a folder of pictures as temporary media, downloads them back, and compares them. Without one, and without an
/// account (`WECHAT_APP_ID`, `WECHAT_APP_SECRET`) in the environment, it shows what it does against a fake WeChat.
#[derive(Debug, Parser)]
#[command(name = "media_sync", version)]
pub struct Options {
    /// The folder with the pictures; folders in it are not looked into
    pictures: Option<PathBuf>,

    /// Where the downloaded pictures go [default: the folder's name and .downloaded]. Files of yours there are not replaced
    #[arg(long, value_name = "FOLDER", requires = "pictures")]
    into: Option<PathBuf>,

    /// How many uploads or downloads are under way at once
    #[arg(long, value_name = "N", default_value_t = const { NonZeroUsize::new(CONCURRENCY).unwrap() })]
    concurrency: NonZeroUsize,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Job {
    pub pictures: PathBuf,
    pub into: PathBuf,
    pub concurrency: usize,
    /// Before the second try of what may pass.
    pub pause: Duration,
}

impl Options {
    /// `None` if there is no folder.
    pub fn job(&self) -> Option<Job> {
        let mut job = Job::new(self.pictures.clone()?);
        if let Some(into) = &self.into {
            job.into.clone_from(into);
        }
        job.concurrency = self.concurrency.get();
        Some(job)
    }
}

impl Job {
    pub fn new(pictures: impl Into<PathBuf>) -> Self {
        let pictures = pictures.into();
        // Of `pictures/`, too, and of `.`.
        let whole = if pictures.file_name().is_some() { None } else { pictures.canonicalize().ok() };
        let named = whole.as_ref().unwrap_or(&pictures);
        let mut into = named.components().as_path().as_os_str().to_owned();
        into.push(".downloaded");
        Self { into: into.into(), pictures, concurrency: CONCURRENCY, pause: PAUSE }
    }

    /// What comes back must not go over the pictures themselves, by whatever name of their folder.
    pub fn check_folders(&self) -> Result<(), String> {
        match (self.pictures.canonicalize(), self.into.canonicalize()) {
            (Ok(pictures), Ok(into)) if pictures == into => {
                Err(format!("{} is where the pictures are: name another --into", self.into.display()))
            }
            _ => Ok(()),
        }
    }

    /// The list of what is at WeChat.
    pub fn manifest(&self) -> PathBuf {
        self.pictures.join("media_ids.json")
    }

    /// Whoever works on that list has it.
    pub fn lock(&self) -> PathBuf {
        self.pictures.join(".media_ids.lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_back_goes_beside_the_pictures() {
        for pictures in ["a/pictures", "a/pictures/", "a/pictures/."] {
            assert_eq!(Job::new(pictures).into, PathBuf::from("a/pictures.downloaded"));
        }
        let here = PathBuf::from(".").canonicalize().unwrap();
        assert_eq!(Job::new(".").into.parent(), here.parent());
    }
}
