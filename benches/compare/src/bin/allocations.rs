//! Prints the allocations of `CASE WHO COUNT` requests and a warm-up, those to grow among them: `allocations CASE WHO COUNT`.
//!
//! Not in `requests`, since a counting allocator is instructions of its own.

use std::{alloc::System, env};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tower_wechat_compare::{case::Case, who::Who};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    let mut arguments = env::args().skip(1);
    let mut argument = || arguments.next().expect("allocations CASE WHO COUNT");
    let case = Case::named(&argument()).expect("a case");
    let who = Who::named(&argument()).expect("who sends");
    let count = argument().parse().expect("a number");
    let region = Region::new(ALLOCATOR);
    who.run(case, count);
    let used = region.change();
    println!("{}", used.allocations + used.reallocations);
}
