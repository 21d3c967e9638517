//! A large answer, read with `serde_json`: the whole of it, for nothing and for one field.

use std::hint::black_box;

use serde::{Deserialize, de::IgnoredAny};

use crate::case::Case;

#[derive(Deserialize)]
struct Answer {
    errcode: Option<i64>,
}

pub fn ignoring_all(case: Case, count: u64) {
    let bytes = case.answer().body;
    for _ in 0..count {
        let _ = black_box(serde_json::from_slice::<IgnoredAny>(black_box(&bytes)).unwrap());
    }
}

pub fn one_field(case: Case, count: u64) {
    let bytes = case.answer().body;
    for _ in 0..count {
        let answer: Answer = serde_json::from_slice(black_box(&bytes)).unwrap();
        assert_eq!(black_box(answer).errcode, None);
    }
}
