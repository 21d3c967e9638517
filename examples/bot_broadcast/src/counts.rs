//! [`Counts`]: how far it is.

use crate::{codes, journal::Entry};

/// How many of each kind there are. Who is left is not counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub sent: usize,
    pub refused: usize,
    pub unknown: usize,
}

impl Counts {
    pub fn add(&mut self, entry: &Entry) {
        match entry {
            Entry::Sent(_) => self.sent += 1,
            Entry::Refused(errcode) if codes::is_final(*errcode) => self.refused += 1,
            Entry::Unknown => self.unknown += 1,
            Entry::Begun | Entry::PutBack | Entry::Refused(_) => {}
        }
    }

    pub fn done(&self) -> usize {
        self.sent + self.refused + self.unknown
    }
}
