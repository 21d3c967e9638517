//! When the platform's next day begins, which has new quotas: at midnight in Beijing.

use crate::clock::Moment;

const BEIJING: u64 = 8 * 3600;
const DAY: u64 = 24 * 3600;

/// The next midnight in Beijing, as people write it: `2026-01-08 00:00`.
pub(super) fn next_midnight(now: Moment) -> String {
    let today = (now.unix_millis() / 1000 + BEIJING) / DAY;
    let (year, month, day) = date(today + 1);
    format!("{year}-{month:02}-{day:02} 00:00")
}

/// The date so many days after 1970-01-01.
fn date(mut days: u64) -> (u64, u64, u64) {
    let is_leap = |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let mut year = 1970;
    let year_has = |year| 365 + u64::from(is_leap(year));
    while days >= year_has(year) {
        days -= year_has(year);
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for month_has in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < month_has {
            break;
        }
        days -= month_has;
        month += 1;
    }
    (year, month, days + 1)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::clock::Clock;

    #[test]
    fn the_next_day_begins_at_midnight_in_beijing() {
        for (unix, midnight) in [
            (0, "1970-01-02 00:00"),
            (951_753_599, "2000-02-29 00:00"),
            (951_753_600, "2000-03-01 00:00"),
            (1_767_196_799, "2026-01-01 00:00"),
            (1_767_196_800, "2026-01-02 00:00"),
            (4_107_427_200, "2100-03-01 00:00"),
        ] {
            let now = Moment { wall: UNIX_EPOCH + Duration::from_secs(unix), ..Clock::default().now() };
            assert_eq!(next_midnight(now), midnight, "{unix}");
        }
    }
}
