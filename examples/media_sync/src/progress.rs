//! [`Progress`]: how far it is in bytes, as a bar in a terminal and as lines elsewhere.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use account::say;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// In a file, a line for each tenth is enough; and it is the same in every run, with no speed and no time in it.
pub struct Progress {
    what: &'static str,
    bar: Option<ProgressBar>,
    total: u64,
    done: AtomicU64,
    /// Tenths that have their line.
    said: AtomicU64,
}

/// What one try adds. That counts no more if the try comes to nothing.
pub struct Share {
    progress: Arc<Progress>,
    bytes: AtomicU64,
    is_kept: AtomicBool,
}

impl Progress {
    /// Of so many bytes.
    pub fn new(what: &'static str, total: u64) -> Arc<Self> {
        // It is hidden without a terminal, and in one that cannot move its cursor: nobody would see anything.
        let bar = (total > 0).then(|| bar(what, total)).filter(|bar| !bar.is_hidden());
        Arc::new(Self { what, bar, total, done: AtomicU64::new(0), said: AtomicU64::new(0) })
    }

    pub fn share(self: &Arc<Self>) -> Arc<Share> {
        Arc::new(Share { progress: self.clone(), bytes: AtomicU64::new(0), is_kept: AtomicBool::new(false) })
    }

    /// Leaves the bar as it is.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.abandon();
            say!("");
        }
    }

    fn advance(&self, bytes: u64) {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if let Some(bar) = &self.bar {
            return bar.inc(bytes);
        }
        let tenth = done * 10 / self.total.max(1);
        let said = self.said.fetch_max(tenth, Ordering::Relaxed);
        (said + 1..=tenth).for_each(|tenth| say!("   {} {:>3} %", self.what, tenth * 10));
    }

    fn take_back(&self, bytes: u64) {
        self.done.fetch_sub(bytes, Ordering::Relaxed);
        if let Some(bar) = &self.bar {
            bar.dec(bytes);
        }
    }
}

impl Share {
    pub fn advance(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.progress.advance(bytes as u64);
    }

    pub fn keep(&self) {
        self.is_kept.store(true, Ordering::Relaxed);
    }
}

/// A body that is still being sent may hold on to it for a while.
impl Drop for Share {
    fn drop(&mut self) {
        if !*self.is_kept.get_mut() {
            self.progress.take_back(*self.bytes.get_mut());
        }
    }
}

fn bar(what: &'static str, total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stdout());
    let line = "   {msg} {wide_bar} {bytes} of {total_bytes}  {binary_bytes_per_sec}  {eta} left";
    if let Ok(style) = ProgressStyle::with_template(line) {
        bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
    }
    bar.with_message(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_to_nothing_does_not_count() {
        let progress = Progress::new("up", 100);
        progress.share().advance(60);
        let share = progress.share();
        share.advance(50);
        share.keep();
        drop(share);
        let count = |number: &AtomicU64| number.load(Ordering::Relaxed);
        assert_eq!((count(&progress.done), count(&progress.said)), (50, 6));
    }
}
