//! [`Progress`]: how far it is, as a bar in a terminal and as lines elsewhere.

use std::{
    fmt,
    io::{self, IsTerminal},
};

use account::say;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::{counts::Counts, terminal};

/// In a file, a line for each tenth is enough; and it is the same in every run, with no speed and no time in it.
pub struct Progress {
    bar: Option<ProgressBar>,
    total: usize,
    done: usize,
}

impl Progress {
    pub fn new(total: usize, counts: Counts) -> Self {
        let bar = if io::stdout().is_terminal() { bar(total, counts) } else { None };
        let progress = Self { bar, total, done: counts.done() };
        progress.show(counts);
        progress
    }

    pub fn advance(&mut self, counts: Counts) {
        let done = counts.done();
        if self.bar.is_none() && done * 10 / self.total > self.done * 10 / self.total {
            say!("   {done} of {}", self.total);
        }
        self.done = done;
        self.show(counts);
    }

    /// Something to be read, above the bar.
    pub fn say(&self, text: &str) {
        let line = || say!("   {text}");
        match &self.bar {
            Some(bar) => bar.suspend(line),
            None => line(),
        }
    }

    /// The shell has the terminal next.
    pub fn pause(&self) {
        self.say("Paused, nothing is under way. `fg` or `kill -CONT` goes on.");
        if self.bar.is_some() {
            terminal::show_typing();
        }
    }

    pub fn go_on(&self) {
        if let Some(bar) = &self.bar {
            terminal::hide_typing();
            // The time in between says nothing about the speed.
            bar.reset_eta();
            bar.tick();
        }
    }

    /// Leaves the bar as it is.
    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.abandon();
            terminal::show_typing();
            say!("");
        }
    }

    fn show(&self, Counts { sent, refused, unknown }: Counts) {
        if let Some(bar) = &self.bar {
            bar.set_position(self.done as u64);
            bar.set_message(format!("sent {sent}, refused {refused}, unknown {unknown}"));
        }
    }
}

/// `None` if this terminal can show none, as with `TERM=dumb`.
fn bar(total: usize, counts: Counts) -> Option<ProgressBar> {
    let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stdout());
    if bar.is_hidden() {
        return None;
    }
    terminal::hide_typing();
    let lines =
        "   {wide_bar} {percent:>3} %  {speed:>6}  {left:>9}\n   {msg}  (Ctrl-Z pauses, Ctrl-C stops)";
    if let Ok(style) = ProgressStyle::with_template(lines) {
        let speed = |state: &ProgressState, text: &mut dyn fmt::Write| {
            // A speed that cannot be shown is no reason to stop.
            let _ = write!(text, "{:.0}/s", state.per_sec());
        };
        // One that was stopped is not done, though indicatif has no time left for it.
        let left = |state: &ProgressState, text: &mut dyn fmt::Write| {
            if !state.is_finished() {
                let _ = write!(text, "{:#} left", HumanDuration(state.eta()));
            }
        };
        let style = style.with_key("speed", speed).with_key("left", left);
        bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
    }
    bar.set_position(counts.done() as u64);
    bar.reset_eta();
    Some(bar)
}
