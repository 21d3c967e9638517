//! [`Media`]: the files that were uploaded last.

use std::collections::VecDeque;

use bytes::Bytes;

/// So many are kept. Each is shorter than a MiB.
const KEPT: usize = 16;

/// The files that were uploaded last, by their id.
#[derive(Default)]
pub(crate) struct Media(VecDeque<(String, Bytes)>);

impl Media {
    pub(crate) fn keep(&mut self, id: String, content: Bytes) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back((id, content));
    }

    pub(crate) fn get(&self, id: &str) -> Option<Bytes> {
        self.0.iter().rev().find(|(kept, _)| kept == id).map(|(_, content)| content.clone())
    }
}
