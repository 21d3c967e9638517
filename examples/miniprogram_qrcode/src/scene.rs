//! [`Scene`]: what a page is told by the code that led to it.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What WeChat takes besides letters and digits.
const SIGNS: &str = "!#$&'()*+,/:;=?@-._~";
/// What stands in a file's name as it is.
const IN_NAMES: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'=').remove(b'.');

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scene(String);

impl Scene {
    /// `None` if WeChat would not take it.
    pub fn new(text: &str) -> Option<Self> {
        let is_good = |c: char| c.is_ascii_alphanumeric() || SIGNS.contains(c);
        ((1..=32).contains(&text.len()) && text.chars().all(is_good)).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What its file is called, but for the ending. No two scenes have the same, and none leads out of a folder.
    pub fn file_stem(&self) -> String {
        utf8_percent_encode(&self.0, IN_NAMES).to_string()
    }
}

impl fmt::Display for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
