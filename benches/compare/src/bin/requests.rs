//! Sends requests, for `counts` to count the instructions of: `requests CASE WHO COUNT`.

use std::env;

use tower_wechat_compare::{case::Case, who::Who};

fn main() {
    let mut arguments = env::args().skip(1);
    let mut argument = || arguments.next().expect("requests CASE WHO COUNT");
    let case = Case::named(&argument()).expect("a case");
    let who = Who::named(&argument()).expect("who sends");
    let count = argument().parse().expect("a number");
    who.run(case, count);
}
