//! [`Report`]: what became of each picture.

use std::fmt;

use crate::answer::Failure;

#[derive(Debug, Default)]
pub struct Report {
    pub uploaded: usize,
    /// They were at WeChat already.
    pub kept: usize,
    /// Uploads whose token was rejected, and which the layer has sent twice.
    pub healed: usize,
    /// Files that WeChat would not take, and why.
    pub left_out: Vec<(String, String)>,
    pub not_uploaded: Vec<(String, Failure)>,
    /// Downloaded, and equal byte for byte.
    pub equal: usize,
    pub not_downloaded: Vec<(String, Failure)>,
    /// Downloaded, and the first byte that is not as it was.
    pub different: Vec<(String, u64)>,
}

impl Report {
    pub fn is_good(&self) -> bool {
        self.not_uploaded.is_empty() && self.not_downloaded.is_empty() && self.different.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { uploaded, kept, healed, left_out, not_uploaded, equal, not_downloaded, different } = self;
        writeln!(f, "   uploaded                {uploaded:>3}")?;
        writeln!(f, "   at WeChat already       {kept:>3}")?;
        writeln!(f, "   left out                {:>3}", left_out.len())?;
        each(f, left_out)?;
        if !not_uploaded.is_empty() {
            writeln!(f, "   not uploaded            {:>3}", not_uploaded.len())?;
            each(f, not_uploaded)?;
        }
        writeln!(f, "   downloaded, equal       {equal:>3}")?;
        if !not_downloaded.is_empty() {
            writeln!(f, "   not downloaded          {:>3}", not_downloaded.len())?;
            each(f, not_downloaded)?;
        }
        if !different.is_empty() {
            writeln!(f, "   downloaded, different   {:>3}", different.len())?;
            each(
                f,
                &different.iter().map(|(name, at)| (name, format!("from byte {at} on"))).collect::<Vec<_>>(),
            )?;
        }
        if *healed > 0 {
            let uploads = if *healed == 1 { "upload" } else { "uploads" };
            writeln!(
                f,
                "   The token was rejected under {healed} {uploads}; the layer sent them again with another one."
            )?;
        }
        Ok(())
    }
}

fn each(f: &mut fmt::Formatter<'_>, files: &[(impl fmt::Display, impl fmt::Display)]) -> fmt::Result {
    files.iter().try_for_each(|(name, what)| writeln!(f, "      {name}: {what}"))
}
