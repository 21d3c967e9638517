//! A token endpoint may answer with anything: no panic, and nothing of the answer's text in an error but its `hint`, which is
//! shorter than any secret.

#![no_main]

use http::StatusCode;
use libfuzzer_sys::fuzz_target;
use tower_wechat::fuzzing::answer;

fuzz_target!(|input: (u16, &[u8])| {
    let (status, body) = input;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    match answer(status, body) {
        Ok(minted) => assert!(!format!("{minted:?}").contains("access_token")),
        Err(error) => {
            let mut shown = format!("{error} {error:?}");
            if let Some(hint) = error.hint() {
                assert!(hint.len() < 32, "{hint}");
                shown = shown.replace(hint, "");
            }
            let text = String::from_utf8_lossy(body);
            // The platform's own message is never handed on.
            assert!(!text.contains("SENTINEL") || !shown.contains("SENTINEL"), "{shown}");
        }
    }
});
