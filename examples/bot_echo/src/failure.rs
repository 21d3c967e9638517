//! Why something did not work, for people.

use std::error::Error;

pub type Failure = Box<dyn Error + Send + Sync>;

/// One line, with everything that led to it.
pub fn line(failure: &(dyn Error + 'static)) -> String {
    let mut text = failure.to_string();
    let mut cause = failure.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
