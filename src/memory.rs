//! [`Memory`]: how much all requests of a layer may keep together.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Bytes to be shared out among requests.
#[derive(Debug)]
pub(crate) struct Memory {
    limit: usize,
    used: AtomicUsize,
}

impl Memory {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0) })
    }

    fn take(&self, bytes: usize) -> bool {
        let within = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.limit);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).is_ok()
    }

    #[cfg(test)]
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

/// What one request keeps. Dropped, it is given back.
#[derive(Debug)]
pub(crate) struct Charge {
    memory: Arc<Memory>,
    bytes: usize,
}

impl Charge {
    pub(crate) fn none(memory: &Arc<Memory>) -> Self {
        Self { memory: memory.clone(), bytes: 0 }
    }

    /// Takes as many bytes more, or none of them if they are not to be had.
    #[must_use]
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let granted = self.memory.take(bytes);
        if granted {
            self.bytes += bytes;
        }
        granted
    }

    /// Gives all back.
    pub(crate) fn clear(&mut self) {
        self.memory.used.fetch_sub(std::mem::take(&mut self.bytes), Ordering::Relaxed);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_comes_back() {
        let memory = Memory::new(100);
        let mut one = Charge::none(&memory);
        let mut other = Charge::none(&memory);
        assert!(one.grow(60) && other.grow(40));
        assert!(!one.grow(1) && !other.grow(usize::MAX), "it is all taken");
        drop(one);
        assert_eq!(memory.used(), 40);
        assert!(other.grow(60));
        drop(other);
        assert_eq!(memory.used(), 0);
    }
}
