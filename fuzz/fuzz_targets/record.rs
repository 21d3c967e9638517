//! What a store may find written: no panic, no immortal token, and what was read survives being written again.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use tower_wechat::store::{Failure, Record, Usage};

fuzz_target!(|written: &[u8]| {
    let left = Duration::from_secs(3600);
    match Record::decode(written, left) {
        Ok(record) => {
            let record = record.expect("what cannot be read is an error while it has life left");
            assert!(record.left <= record.life && record.left <= left);
            assert_eq!(Record::decode(&record.encode(), left).unwrap(), Some(record));
        }
        Err(error) => {
            assert!(error.is_unreadable());
            let text = String::from_utf8_lossy(written);
            assert!(!text.contains("SENTINEL") || !format!("{error} {error:?}").contains("SENTINEL"));
        }
    }
    let usage = Usage::decode(written, left, 0);
    assert_eq!(Usage::decode(&usage.encode(), Duration::ZERO, 0), usage);
    if let Ok(failure) = Failure::decode(written, left) {
        let again = Failure::decode(&failure.encode(), left).unwrap();
        assert_eq!(again.encode(), failure.encode());
    }
});
