//! [`Accepted`]: what each case may cost, as a file says it.

use std::fmt::Write as _;

use crate::{case::Case, measure::Cost};

/// Costs, and what they were measured with.
pub struct Accepted {
    pub compiler: String,
    pub processor: String,
    costs: Vec<(String, Cost)>,
}

/// What has become of a case.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    /// It is not in the file.
    New,
    /// By so much that it is a failure.
    Rose,
    /// By so much that the file should say so.
    Fell,
    Same,
}

const HEAD: &str = "\
# What a request through the layer costs more than without: the case, instructions, allocations.
# Written by `benches/instructions.sh --accept`.
";

impl Accepted {
    pub fn new(compiler: String, processor: String, costs: &[(Case, Cost)]) -> Self {
        let costs = costs.iter().map(|(case, cost)| (case.name().to_owned(), *cost)).collect();
        Self { compiler, processor, costs }
    }

    /// None for a line that it does not know.
    pub fn parse(text: &str) -> Option<Self> {
        let mut accepted = Self::new(String::new(), String::new(), &[]);
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
            match line.split_once(' ')? {
                ("compiler", rest) => accepted.compiler = rest.trim().into(),
                ("processor", rest) => accepted.processor = rest.trim().into(),
                (case, rest) => {
                    let (instructions, allocations) = rest.trim().split_once(' ')?;
                    let cost = Cost {
                        instructions: instructions.parse().ok()?,
                        allocations: allocations.trim().parse().ok()?,
                    };
                    accepted.costs.push((case.to_owned(), cost));
                }
            }
        }
        Some(accepted)
    }

    pub fn print(&self) -> String {
        let mut text =
            format!("{HEAD}{:<14} {}\n{:<14} {}\n", "compiler", self.compiler, "processor", self.processor);
        for (case, cost) in &self.costs {
            let _ = writeln!(text, "{case:<14} {:>9} {:>3}", cost.instructions, cost.allocations);
        }
        text
    }

    pub fn cost(&self, case: Case) -> Option<Cost> {
        self.costs.iter().find(|(name, _)| name == case.name()).map(|(_, cost)| *cost)
    }

    /// 3 % of the instructions is too much, and so is any allocation.
    pub fn change(&self, case: Case, now: Cost) -> Change {
        let Some(before) = self.cost(case) else {
            return Change::New;
        };
        let by = (now.instructions - before.instructions) * 100;
        let room = before.instructions.abs() * 3;
        if (by >= room && by > 0) || now.allocations > before.allocations {
            Change::Rose
        } else if (by <= -room && by < 0) || now.allocations < before.allocations {
            Change::Fell
        } else {
            Change::Same
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(instructions: i64, allocations: i64) -> Cost {
        Cost { instructions, allocations }
    }

    #[test]
    fn what_is_printed_can_be_read() {
        let costs = [(Case::Post, cost(12_317, 11)), (Case::Scan, cost(6_120_747, 4))];
        let text = Accepted::new("rustc 1.95.0".into(), "x86_64 avx2".into(), &costs).print();
        let read = Accepted::parse(&text).unwrap();
        assert_eq!((&*read.compiler, &*read.processor), ("rustc 1.95.0", "x86_64 avx2"));
        assert_eq!(costs.map(|(case, _)| read.cost(case).unwrap()), costs.map(|(_, cost)| cost));
        assert_eq!(read.print(), text);
        assert!(Accepted::parse("post many").is_none());
    }

    #[test]
    fn three_percent_or_an_allocation_is_too_much() {
        let accepted = Accepted::new(String::new(), String::new(), &[(Case::Post, cost(1000, 3))]);
        for (now, change) in [
            (cost(1029, 3), Change::Same),
            (cost(1030, 3), Change::Rose),
            (cost(900, 4), Change::Rose),
            (cost(971, 3), Change::Same),
            (cost(970, 3), Change::Fell),
            (cost(1000, 2), Change::Fell),
        ] {
            assert_eq!(accepted.change(Case::Post, now), change, "{now:?}");
        }
        assert_eq!(accepted.change(Case::Get, cost(1, 1)), Change::New);
    }
}
