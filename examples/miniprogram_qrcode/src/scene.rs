//! [`Scene`]: what a page is told by the code that led to it.

use std::fmt::{self, Write};

/// What stands in a file's name as it is, besides small letters and digits.
const IN_NAMES: &str = "-_=.";

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scene(String);

impl Scene {
    /// What WeChat takes besides letters and digits.
    pub const SIGNS: &str = "!#$&'()*+,/:;=?@-._~";

    /// `None` if WeChat would not take it.
    pub fn new(text: &str) -> Option<Self> {
        let is_good = |c: char| c.is_ascii_alphanumeric() || Self::SIGNS.contains(c);
        ((1..=32).contains(&text.len()) && text.chars().all(is_good)).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What its file is called, but for the ending. No two scenes have the same, also where `a.png` and `A.png` are one file, and
    /// none leads out of a folder.
    pub fn file_stem(&self) -> String {
        let mut stem = String::new();
        for c in self.0.chars() {
            if c.is_ascii_lowercase() || c.is_ascii_digit() || IN_NAMES.contains(c) {
                stem.push(c);
            } else {
                // Writing to a text does not fail.
                let _ = write!(stem, "%{:02X}", u32::from(c));
            }
        }
        stem
    }
}

impl fmt::Display for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
