//! [`Log`]: what happened, in order, until it is printed.

use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn say(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }

    /// All that was said since this was last called.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}
