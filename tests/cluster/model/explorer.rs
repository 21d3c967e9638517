//! Tries every list of choices within the bounds, depth first, running the scenario anew for each.

use std::{
    collections::{BTreeSet, HashSet},
    env,
    fmt::Write,
    str::FromStr,
};

use crate::model::run::{self, Ended, Stop};

#[derive(Clone, Copy, Debug)]
pub enum Start {
    /// Nobody has a token.
    Cold,
    /// All have the same token, which the platform rejects from now on.
    Rejected,
    /// All have the same token, and from now on ask for one that lives longer.
    Old,
}

#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    pub processes: usize,
    pub start: Start,
    /// Whether two mints do each other no harm.
    pub independent: bool,
}

/// The choices of one run.
pub struct Chooser<'a> {
    /// These first; after them the first option each time.
    given: &'a [usize],
    /// What was chosen, of how many.
    pub taken: Vec<(usize, usize)>,
    /// The states from which all was tried; `None` if the run is to go to its end.
    seen: Option<&'a mut HashSet<u64>>,
}

impl Chooser<'_> {
    /// Chooses one of `options`. Stops the run if what can follow from this state was tried in another.
    pub fn choose(&mut self, state: u64, options: usize) -> Result<usize, Stop> {
        let next = self.taken.len();
        if next >= self.given.len()
            && let Some(seen) = &mut self.seen
            && !seen.insert(state)
        {
            return Err(Stop::Seen);
        }
        if options == 1 {
            return Ok(0);
        }
        let chosen = self.given.get(next).copied().unwrap_or(0);
        assert!(chosen < options, "the schedule belongs to another scenario or other bounds");
        self.taken.push((chosen, options));
        Ok(chosen)
    }
}

/// The list of choices after this one, if it is not the last.
fn next(mut taken: Vec<(usize, usize)>) -> Option<Vec<usize>> {
    while let Some((chosen, options)) = taken.pop() {
        if chosen + 1 < options {
            return Some(taken.iter().map(|(chosen, _)| *chosen).chain([chosen + 1]).collect());
        }
    }
    None
}

fn setting<T: FromStr>(name: &str) -> Option<T> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} makes no sense")))
}

/// Runs the scenario in every way within each of the bounds: at most so many faults, and so many delays.
pub fn explore(scenario: Scenario, bounds: &[(usize, usize)]) {
    let wish = setting("ELECTION_FAULTS").zip(setting("ELECTION_DELAYS")).map(|wish| [wish]);
    let bounds = wish.as_ref().map_or(bounds, |wish| wish.as_slice());
    if let Some(schedule) = setting::<String>("ELECTION_SCHEDULE") {
        let given: Vec<usize> = schedule.split('.').filter_map(|choice| choice.parse().ok()).collect();
        let mut chooser = Chooser { given: &given, taken: Vec::new(), seen: None };
        let ended = run::run(scenario, bounds[0], &mut chooser);
        println!("{}", ended.story.join("\n"));
        assert!(!matches!(ended.result, Err(Stop::Violation(_))), "{:?}", ended.result);
        return;
    }
    for bound in bounds {
        scan(scenario, *bound);
    }
}

fn scan(scenario: Scenario, bound: (usize, usize)) {
    let (mut seen, mut outcomes) = (HashSet::new(), BTreeSet::new());
    let (mut runs, mut complete, mut most_mints) = (0_u64, 0_u64, 0);
    let mut given = Some(Vec::new());
    while let Some(prefix) = given {
        let mut chooser = Chooser { given: &prefix, taken: Vec::new(), seen: Some(&mut seen) };
        let Ended { result, story, mints } = run::run(scenario, bound, &mut chooser);
        let taken = chooser.taken;
        runs += 1;
        most_mints = most_mints.max(mints);
        match result {
            Ok(outcome) => {
                complete += 1;
                outcomes.insert(outcome);
            }
            Err(Stop::Seen) => {}
            Err(Stop::Violation(what)) => panic!("{}", report(scenario, bound, &what, &story, &taken)),
        }
        given = next(taken);
    }
    let (faults, delays) = bound;
    println!(
        "{scenario:?}, at most {faults} faults and {delays} delays: {runs} runs, of which {complete} to the end, {} states, \
         {} outcomes, at most {most_mints} mints",
        seen.len(),
        outcomes.len()
    );
}

fn report(
    scenario: Scenario,
    (faults, delays): (usize, usize),
    what: &str,
    story: &[String],
    taken: &[(usize, usize)],
) -> String {
    let choices: Vec<_> = taken.iter().map(|(chosen, _)| chosen.to_string()).collect();
    let mut text = format!("{what}\n\n{scenario:?}\n");
    for line in story {
        let _ = writeln!(text, "{line}");
    }
    let schedule = choices.join(".");
    let _ = write!(
        text,
        "\nrun it alone: ELECTION_FAULTS={faults} ELECTION_DELAYS={delays} ELECTION_SCHEDULE={schedule}"
    );
    text
}
