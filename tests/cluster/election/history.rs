//! What all processes have said of the tokens that they served, and the rules that must hold between them.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

/// The notices of many processes, each in their order.
#[derive(Default)]
pub struct History {
    processes: Vec<Vec<Value>>,
}

impl History {
    pub fn take(&mut self, notices: Vec<Value>) {
        self.processes.push(notices);
    }

    /// The calls that failed.
    pub fn failures(&self) -> Vec<&Value> {
        self.processes
            .iter()
            .flatten()
            .map(|notice| &notice["failed"])
            .filter(|error| !error.is_null())
            .collect()
    }

    /// How many tokens, by their texts, any process served.
    pub fn tokens(&self) -> usize {
        self.served().flatten().map(|(_, text)| text).collect::<HashSet<_>>().len()
    }

    /// Generation and fingerprint of the tokens that each process served, in their order.
    fn served(&self) -> impl Iterator<Item = Vec<(u64, &str)>> {
        self.processes.iter().map(|notices| {
            let token = |notice: &'_ Value| notice["generation"].as_u64();
            let served =
                notices.iter().filter_map(|notice| Some((token(notice)?, notice["fingerprint"].as_str()?)));
            served.collect()
        })
    }

    /// Where something went back, or one generation was two tokens. No process may have seen any of that.
    pub fn faults(&self) -> Vec<String> {
        self.faults_but_for(0)
    }

    /// The same, but for tokens that came less than so many milliseconds apart. Without a store there is no common clock: where one
    /// process fetches a token just before it is revoked and another the next one just after, each for itself, their numbers may
    /// be the wrong way round. Whoever takes the older one over is rejected once more, and has the other then.
    pub fn faults_but_for(&self, apart: u64) -> Vec<String> {
        let mut first = HashMap::new();
        for (generation, text) in self.served().flatten() {
            let first: &mut u64 = first.entry(text).or_insert(generation);
            *first = generation.min(*first);
        }
        let is_of_a_moment = |one: &str, other: &str| first[one].abs_diff(first[other]) < apart;
        let mut faults = Vec::new();
        let mut text_of = HashMap::new();
        let mut order = HashSet::new();
        for served in self.served() {
            for pair in served.windows(2).filter(|pair| pair[0].0 >= pair[1].0) {
                faults.push(format!("a generation went back: {pair:?}"));
            }
            for &(generation, text) in &served {
                let known = *text_of.entry(generation).or_insert(text);
                if known != text && !is_of_a_moment(known, text) {
                    faults.push(format!("two tokens of generation {generation}: {known} and {text}"));
                }
            }
            // One token may have several generations: it was given back to a store that had lost it.
            let mut texts: Vec<_> = served.iter().map(|(_, text)| *text).collect();
            texts.dedup();
            for (at, earlier) in texts.iter().enumerate() {
                let later = &texts[at + 1..];
                if later.contains(earlier) && !is_of_a_moment(earlier, later[0]) {
                    faults.push(format!("{earlier} came again after {}", later[0]));
                }
                order.extend(later.iter().filter(|later| *later != earlier).map(|later| (*earlier, *later)));
            }
        }
        let turned = order.iter().filter(|(one, other)| {
            one < other && order.contains(&(*other, *one)) && !is_of_a_moment(one, other)
        });
        faults.extend(
            turned.map(|(one, other)| format!("{one} and {other} came in this order and in the other")),
        );
        faults
    }
}
