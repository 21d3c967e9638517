//! [`Broadcast`]: many sends at once, until nobody is left or it has to stop.

use std::{collections::VecDeque, io, sync::Arc};

use tokio::{sync::watch, task::JoinSet};

use crate::{
    codes,
    control::{Control, Wish},
    counts::Counts,
    journal::{Entry, History, Journal},
    outcome::{Outcome, Stopped, Why},
    pace::{Pace, Slowed},
    progress::Progress,
    recipients::Recipient,
    send::{Sender, Sending},
};

/// If so many are refused, with none sent between them, and with codes that may not be theirs, it is for the message or the account.
const REFUSED_IN_A_ROW: usize = 20;

pub struct Broadcast {
    pub sender: Arc<Sender>,
    pub journal: Arc<Journal>,
    pub history: History,
    pub counts: Counts,
    pub concurrency: usize,
    pub pace: Pace,
    pub progress: Progress,
}

/// What a broadcast comes to.
pub struct End {
    pub history: History,
    /// Sends whose token was rejected, and which went well with another one.
    pub healed: usize,
    pub stopped: Option<Stopped>,
    /// How many are still to be sent to.
    pub left: usize,
}

type Finished = (Recipient, io::Result<Sending>);

/// What changes as it goes.
struct Course {
    broadcast: Broadcast,
    waiting: VecDeque<Recipient>,
    under_way: JoinSet<Finished>,
    refused_in_a_row: usize,
    /// Refused for what is not theirs. They are for another run: in this one, little will have changed.
    set_aside: usize,
    end: End,
}

impl Broadcast {
    /// Sends to all of these.
    pub async fn run(self, waiting: VecDeque<Recipient>, control: &Control) -> End {
        let end = End { history: History::new(), healed: 0, stopped: None, left: 0 };
        let course = Course {
            broadcast: self,
            waiting,
            under_way: JoinSet::new(),
            refused_in_a_row: 0,
            set_aside: 0,
            end,
        };
        course.run(control).await
    }
}

impl Course {
    async fn run(mut self, control: &Control) -> End {
        let mut wishes = control.wishes();
        loop {
            let wish = *wishes.borrow_and_update();
            if wish == Wish::Stop {
                self.stop(Stopped::Asked);
            }
            self.begin_more(wish);
            if self.under_way.is_empty() && (self.is_stopped() || self.waiting.is_empty()) {
                break;
            }
            if self.under_way.is_empty() && wish == Wish::Pause {
                self.broadcast.progress.pause();
                control.suspend();
                self.broadcast.progress.go_on();
                continue;
            }
            self.wait(&mut wishes).await;
        }
        if self.set_aside > 0 {
            self.stop(Stopped::Refusals);
        }
        self.broadcast.progress.finish();
        let left = self.waiting.len() + self.set_aside;
        End { history: self.broadcast.history, left, ..self.end }
    }

    fn begin_more(&mut self, wish: Wish) {
        while !self.is_stopped()
            && wish == Wish::GoOn
            && self.under_way.len() < self.broadcast.pace.room(self.broadcast.concurrency)
            && self.broadcast.pace.is_open()
            && let Some(recipient) = self.waiting.pop_front()
        {
            let (sender, journal) = (self.broadcast.sender.clone(), self.broadcast.journal.clone());
            self.under_way.spawn(async move {
                let sending = match journal.begin(&recipient.openid).await {
                    Ok(()) => Ok(sender.send(&recipient).await),
                    Err(error) => Err(error),
                };
                (recipient, sending)
            });
        }
    }

    async fn wait(&mut self, wishes: &mut watch::Receiver<Wish>) {
        let is_held_up = !self.is_stopped() && !self.waiting.is_empty();
        tokio::select! {
            Some(finished) = self.under_way.join_next() => {
                // It fails only if the task panicked, and then so does this one.
                let (recipient, sending) = finished.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
                self.take(recipient, sending);
            }
            () = self.broadcast.pace.opens(), if is_held_up => {}
            Ok(()) = wishes.changed() => {}
        }
    }

    fn take(&mut self, recipient: Recipient, sending: io::Result<Sending>) {
        let sending = match sending {
            Ok(sending) => sending,
            Err(error) => {
                self.waiting.push_back(recipient);
                return self.stop(Stopped::Trouble(error.to_string()));
            }
        };
        let entry = Entry::from(&sending.outcome);
        if let Err(error) = self.broadcast.journal.end(&recipient.openid, &entry) {
            self.stop(Stopped::Trouble(error.to_string()));
        }
        self.broadcast.counts.add(&entry);
        self.broadcast.history.insert(recipient.openid.clone(), entry);
        self.draw_conclusions(recipient, sending);
        self.broadcast.progress.advance(self.broadcast.counts);
    }

    fn draw_conclusions(&mut self, recipient: Recipient, Sending { outcome, healed }: Sending) {
        match outcome {
            Outcome::Sent { .. } => {
                self.refused_in_a_row = 0;
                self.end.healed += usize::from(healed);
                self.broadcast.pace.answered();
            }
            Outcome::Refused { errcode } => {
                self.broadcast.pace.answered();
                self.set_aside += usize::from(!codes::is_final(errcode));
                self.refused_in_a_row += usize::from(!codes::is_of_recipient(errcode));
                if self.refused_in_a_row >= REFUSED_IN_A_ROW {
                    let (count, meaning) = (self.refused_in_a_row, codes::meaning(errcode));
                    self.stop(Stopped::Trouble(format!(
                        "{count} in a row were refused, the last one with {errcode}, {meaning}"
                    )));
                }
            }
            Outcome::Unknown { why } => self.slow_down(&why),
            Outcome::NotSent(why) => {
                self.waiting.push_back(recipient);
                match why {
                    Why::SlowDown(reason) => self.slow_down(&reason),
                    Why::Quota => self.stop(Stopped::Quota),
                    Why::Stop(reason) => self.stop(Stopped::Trouble(reason)),
                }
            }
        }
    }

    fn slow_down(&mut self, reason: &str) {
        match self.broadcast.pace.slow_down() {
            Slowed::Now(pause) if !self.is_stopped() => {
                self.broadcast.progress.say(&format!("{reason}: the next send is in {} s.", pause.as_secs()));
            }
            Slowed::Now(_) | Slowed::Already => {}
            Slowed::InVain => self.stop(Stopped::Trouble(reason.to_owned())),
        }
    }

    /// Lets what is under way finish.
    fn stop(&mut self, why: Stopped) {
        self.end.stopped.get_or_insert(why);
    }

    fn is_stopped(&self) -> bool {
        self.end.stopped.is_some()
    }
}
