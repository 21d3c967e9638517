//! [`Report`]: what became of each picture.

use std::{fmt, path::PathBuf};

use crate::answer::{Failure, Reach};

#[derive(Debug, Default)]
pub struct Report {
    /// Where it says what is at WeChat.
    pub list: PathBuf,
    /// Why it does not say all.
    pub not_saved: Option<String>,
    pub uploaded: usize,
    /// They were at WeChat already.
    pub kept: usize,
    /// Uploads whose token was rejected, and which the layer has sent twice.
    pub healed: usize,
    /// What is no picture, and what it is.
    pub left_out: Vec<(String, String)>,
    /// What should be at WeChat and cannot be, and why.
    pub unfit: Vec<(String, String)>,
    pub not_uploaded: Vec<(String, Failure)>,
    /// Downloaded, and equal byte for byte.
    pub equal: usize,
    pub not_downloaded: Vec<(String, Failure)>,
    /// Downloaded, and the first byte that is not as it was.
    pub different: Vec<(String, u64)>,
}

impl Report {
    /// Whether all pictures in the folder are at WeChat.
    pub fn is_good(&self) -> bool {
        self.unfit.is_empty() && self.went_well()
    }

    /// Whether all went well with those that WeChat takes.
    pub fn went_well(&self) -> bool {
        self.not_saved.is_none()
            && self.not_uploaded.is_empty()
            && self.not_downloaded.is_empty()
            && self.different.is_empty()
    }

    /// What to do now, where there is something.
    fn advice(&self) -> Option<&'static str> {
        let failures = || self.not_uploaded.iter().chain(&self.not_downloaded).map(|(_, failure)| failure);
        if self.not_saved.is_some()
            || failures().any(|failure| failure.reach() != Reach::Picture && !failure.is_passing())
        {
            Some("See to that, and start it again: it goes on where it stopped.")
        } else if failures().any(|failure| failure.is_passing() || failure.is_missing()) {
            Some("Start it again: it goes on where it stopped.")
        } else {
            None
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "   uploaded                {:>3}", self.uploaded)?;
        writeln!(f, "   at WeChat already       {:>3}", self.kept)?;
        writeln!(f, "   left out                {:>3}", self.left_out.len())?;
        each(f, &self.left_out)?;
        if !self.unfit.is_empty() {
            writeln!(f, "   cannot be uploaded      {:>3}", self.unfit.len())?;
            each(f, &self.unfit)?;
        }
        if !self.not_uploaded.is_empty() {
            writeln!(f, "   not uploaded            {:>3}", self.not_uploaded.len())?;
            by_cause(f, &self.not_uploaded)?;
        }
        writeln!(f, "   downloaded, equal       {:>3}", self.equal)?;
        if !self.not_downloaded.is_empty() {
            writeln!(f, "   not downloaded          {:>3}", self.not_downloaded.len())?;
            by_cause(f, &self.not_downloaded)?;
        }
        if !self.different.is_empty() {
            writeln!(f, "   downloaded, different   {:>3}", self.different.len())?;
            let from = |(name, at): &(String, u64)| (name.clone(), format!("from byte {at} on"));
            each(f, &self.different.iter().map(from).collect::<Vec<_>>())?;
        }
        if self.healed > 0 {
            let healed = self.healed;
            let uploads = if healed == 1 { "upload" } else { "uploads" };
            writeln!(
                f,
                "   The token was rejected under {healed} {uploads}; the layer sent them again with another one."
            )?;
        }
        match &self.not_saved {
            None => write!(f, "   What is at WeChat: {}", self.list.display())?,
            Some(error) => write!(f, "   The list of what is at WeChat lacks something: {error}")?,
        }
        self.advice().map_or(Ok(()), |advice| write!(f, "\n   {advice}"))
    }
}

fn each(f: &mut fmt::Formatter<'_>, files: &[(String, String)]) -> fmt::Result {
    files.iter().try_for_each(|(name, what)| writeln!(f, "      {name}: {what}"))
}

/// Says each cause once, as it came first.
fn by_cause(f: &mut fmt::Formatter<'_>, files: &[(String, Failure)]) -> fmt::Result {
    let mut causes: Vec<(String, &Failure, Vec<&str>)> = Vec::new();
    for (name, failure) in files {
        let cause = failure.cause();
        match causes.iter_mut().find(|(other, ..)| *other == cause) {
            Some((.., names)) => names.push(name),
            None => causes.push((cause, failure, vec![name])),
        }
    }
    for (_, failure, names) in causes {
        match (failure, &*names) {
            (Failure::NotTried, [_, _, ..]) => writeln!(f, "      {} pictures: {failure}", names.len())?,
            _ => writeln!(f, "      {}: {failure}", names.join(", "))?,
        }
    }
    Ok(())
}
