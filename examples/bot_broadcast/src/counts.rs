//! [`Counts`]: how far it is.

use crate::journal::Entry;

/// How many of each kind there are.
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
            Entry::Refused(_) => self.refused += 1,
            Entry::Unknown => self.unknown += 1,
            Entry::Begun | Entry::PutBack => {}
        }
    }

    pub fn done(&self) -> usize {
        self.sent + self.refused + self.unknown
    }
}
