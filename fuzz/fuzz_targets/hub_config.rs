//! A hub's configuration may be anything: it is taken, or one line says what is wrong, and shows no secret.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wechat_hub::fuzzing::config;

fuzz_target!(|text: &str| {
    if let Err(fault) = config(text) {
        assert!(!fault.contains(char::is_control), "{fault:?}");
        // Elsewhere it is no secret: the name of a file is told.
        let secrets = text.matches("\nsecret = \"SENTINEL\"").count() + text.matches("redis://:SENTINEL@").count();
        if text.matches("SENTINEL").count() == secrets {
            assert!(!fault.contains("SENTINEL"), "{fault}");
        }
        assert!(fault.chars().count() < 9000, "{fault}");
    }
});
