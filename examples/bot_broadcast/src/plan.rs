//! What to do after a stop.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::outcome::Stopped;

const DAY: u64 = 86_400;
/// Beijing is eight hours ahead, in summer too.
const BEIJING: u64 = 8 * 3600;

/// What whoever reads it has to know to go on.
///
/// WeChat documents the quota of template messages (100 000 calls a day, more for an account with more than 100 000 followers) and
/// how to set quotas back: <https://developers.weixin.qq.com/doc/service/Message_Management/API_Call_Limits.html>. It does
/// not say when a day begins; this takes it for Beijing's.
pub fn after(stopped: &Stopped, left: &Left, command: &str, now: SystemTime) -> String {
    match stopped {
        Stopped::Asked => format!(
            "Stopped, as you asked: {left}\n   \
             The same command goes on with them:\n     {command}"
        ),
        Stopped::Trouble(reason) => format!(
            "Stopped: {reason}.\n   \
             {left} When that is mended, the same command goes on with them:\n     {command}"
        ),
        Stopped::Refusals => format!(
            "{left}\n   \
             When what they were refused for is mended, or has passed, the same command goes on with them:\n     {command}"
        ),
        Stopped::Quota => format!(
            "Stopped: 45009, the day's quota for template messages is spent.\n   \
             {left} The quota is full again at midnight in Beijing, in {}.\n   \
             Then the same command goes on with them:\n     {command}\n   \
             Sooner: set the quota back, at mp.weixin.qq.com or by POST /cgi-bin/clear_quota/v2\n   \
             (app id and secret; ten times a month, for all APIs together).\n   \
             The usual quota is 100 000 calls a day, and more for more than 100 000 followers.",
            spelled(until_midnight(now)),
        ),
    }
}

/// Who is still to be sent to.
pub struct Left {
    pub all: usize,
    pub of: usize,
    /// WeChat refused them for what is not theirs.
    pub refused: usize,
    pub unknown: usize,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { all, of, refused, unknown } = self;
        write!(f, "{all} of {of} are left.")?;
        if *refused > 0 {
            write!(f, "\n   {refused} of them were refused, with nothing sent: they are tried again.")?;
        }
        if *unknown > 0 {
            write!(f, "\n   {unknown} of them are unknown: add --retry-unknown once more for them.")?;
        }
        Ok(())
    }
}

fn until_midnight(now: SystemTime) -> Duration {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    Duration::from_secs(DAY - (seconds + BEIJING) % DAY)
}

fn spelled(time: Duration) -> String {
    let minutes = time.as_secs().div_ceil(60);
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_for_whom_the_same_command_is_enough() {
        let after = |refused, unknown| {
            let left = Left { all: 9, of: 20, refused, unknown };
            after(&Stopped::Asked, &left, "bot_broadcast r.csv", UNIX_EPOCH)
        };
        assert!(after(0, 0).starts_with("Stopped, as you asked: 9 of 20 are left.\n"));
        assert!(
            after(4, 0).contains("\n   4 of them were refused, with nothing sent: they are tried again.\n")
        );
        assert!(
            after(0, 3).contains("\n   3 of them are unknown: add --retry-unknown once more for them.\n")
        );
    }

    #[test]
    fn a_day_ends_at_midnight_in_beijing() {
        let at = |seconds| spelled(until_midnight(UNIX_EPOCH + Duration::from_secs(seconds)));
        // 1970-01-01, 08:00 in Beijing.
        assert_eq!(at(0), "16 h 0 min");
        assert_eq!(at(15 * 3600 + 1), "1 h 0 min");
        assert_eq!(at(16 * 3600 - 1), "1 min");
        assert_eq!(at(16 * 3600), "24 h 0 min");
    }
}
