//! [`Costs`]: instructions, counted by valgrind's callgrind, and allocations.

use std::{
    collections::HashMap,
    env,
    path::PathBuf,
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::{case::Case, who::Who};

/// What one request costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    pub instructions: i64,
    pub allocations: i64,
}

/// What was measured.
pub struct Costs(HashMap<(&'static str, &'static str), Cost>);

impl Costs {
    /// Measures these, and what they are compared to.
    pub fn of(pairs: &[(Case, Who)]) -> Self {
        let mut all = pairs.to_vec();
        all.extend(pairs.iter().map(|&(case, who)| (case, who.without_layer(case))));
        all.sort_by_key(|(case, who)| (case.name(), who.name()));
        all.dedup();
        let (next, costs) = (AtomicUsize::new(0), Mutex::new(HashMap::new()));
        // Other processes do not change a count, so every core may count.
        let threads = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some(&(case, who)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let cost = cost(case, who);
                        costs.lock().unwrap().insert((case.name(), who.name()), cost);
                    }
                });
            }
        });
        Self(costs.into_inner().unwrap())
    }

    /// All that a request costs.
    pub fn whole(&self, case: Case, who: Who) -> Cost {
        self.0[&(case.name(), who.name())]
    }

    /// What a request costs more than without the layer.
    pub fn added(&self, case: Case, who: Who) -> Cost {
        let (whole, bare) = (self.whole(case, who), self.whole(case, who.without_layer(case)));
        Cost {
            instructions: whole.instructions - bare.instructions,
            allocations: whole.allocations - bare.allocations,
        }
    }
}

/// How often each count is made. In some runs the clock is read at a moment at which its sums have a carry, a few
/// instructions in each request; the median is the usual run.
const RUNS: usize = 3;

/// The difference of a run to one twice as long, so that all that happens once drops out.
fn cost(case: Case, who: Who) -> Cost {
    let count = i64::try_from(case.requests()).unwrap();
    let each = |measure: fn(Case, Who, i64) -> i64| {
        let usual = |count| {
            let mut runs = [0; RUNS].map(|_| measure(case, who, count));
            runs.sort_unstable();
            runs[RUNS / 2]
        };
        let more = usual(2 * count) - usual(count);
        (more + count / 2).div_euclid(count)
    };
    Cost { instructions: each(instructions), allocations: each(allocations) }
}

fn instructions(case: Case, who: Who, count: i64) -> i64 {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(beside("requests"));
    let (_, said) = output(&mut valgrind, case, who, count);
    let line = said.lines().find_map(|line| line.split_once("Collected : "));
    line.and_then(|(_, number)| number.trim().parse().ok()).expect("callgrind tells what it collected")
}

fn allocations(case: Case, who: Who, count: i64) -> i64 {
    let (printed, _) = output(&mut Command::new(beside("allocations")), case, who, count);
    printed.trim().parse().expect("a number")
}

/// What a program printed and what it said beside, if it succeeds.
fn output(command: &mut Command, case: Case, who: Who, count: i64) -> (String, String) {
    command.args([case.name(), who.name(), &count.to_string()]);
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (printed, said) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}: {said}");
    (printed, said)
}

/// Another binary of this package.
pub fn beside(name: &str) -> PathBuf {
    env::current_exe().unwrap().with_file_name(name)
}
