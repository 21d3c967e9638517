//! [`Progress`]: how far it is in bytes, as a bar in a terminal and as lines elsewhere.

use std::{
    io::{self, IsTerminal},
    sync::atomic::{AtomicU64, Ordering},
};

use account::say;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// In a file, a line for each tenth is enough; and it is the same in every run, with no speed and no time in it.
pub struct Progress {
    what: &'static str,
    bar: Option<ProgressBar>,
    total: u64,
    done: AtomicU64,
}

impl Progress {
    /// Of so many bytes.
    pub fn new(what: &'static str, total: u64) -> Self {
        let bar = (total > 0 && io::stdout().is_terminal()).then(|| bar(what, total));
        Self { what, bar, total, done: AtomicU64::new(0) }
    }

    pub fn advance(&self, bytes: usize) {
        let bytes = bytes as u64;
        let before = self.done.fetch_add(bytes, Ordering::Relaxed);
        match &self.bar {
            Some(bar) => bar.inc(bytes),
            None => (self.tenth(before) + 1..=self.tenth(before + bytes))
                .for_each(|tenth| say!("   {} {:>3} %", self.what, tenth * 10)),
        }
    }

    /// Leaves the bar as it is.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.abandon();
            say!("");
        }
    }

    fn tenth(&self, done: u64) -> u64 {
        done * 10 / self.total.max(1)
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
