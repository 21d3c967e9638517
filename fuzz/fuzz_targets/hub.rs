//! A token hub, or what is in its place, may answer with anything: no panic, no token that can be none, and nothing secret, long
//! or unprintable in an error.

#![no_main]

use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode, header::RETRY_AFTER};
use libfuzzer_sys::fuzz_target;
use tower_wechat::fuzzing::hub_answer;

fuzz_target!(|input: (u16, u64, &[u8])| {
    let (status, pause, body) = input;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let mut headers = HeaderMap::new();
    if pause > 0 {
        headers.insert(RETRY_AFTER, HeaderValue::from(pause));
    }
    match hub_answer(status, &headers, body, "SENTINEL") {
        Ok((text, life, _)) => {
            assert!(status == StatusCode::OK && !life.is_zero());
            assert!(!text.trim().is_empty() && text.len() <= 4096 && !text.contains(char::is_control));
        }
        Err(error) => {
            let shown = error.to_string();
            assert!(!format!("{shown} {error:?}").contains("SENTINEL"), "{shown}");
            assert!(shown.chars().count() < 900 && !shown.contains(char::is_control), "{shown}");
            assert!(error.retry_after().is_none_or(|pause| pause <= Duration::from_secs(3600)));
        }
    }
});
