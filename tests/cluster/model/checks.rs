//! What must hold during and after a run. (That records only ever get newer, and that nobody mints a classic token without
//! a lease, is checked in [`world`](crate::model::world), where it would happen.)

use std::time::Duration;

use tower_wechat::{AccessToken, ErrorKind};

use crate::model::{
    choices::Action,
    run::{Outcome, Run, Stop},
};

/// The cache's `wait_timeout`, and the grain of time.
const PATIENCE: Duration = Duration::from_millis(5_010);

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Stop> {
    if holds { Ok(()) } else { Err(Stop::Violation(otherwise())) }
}

impl Run<'_, '_> {
    fn name(&self, process: usize) -> String {
        self.world.lock().processes[process].name.clone()
    }

    /// What holds at every moment.
    pub fn inspect(&mut self) -> Result<(), Stop> {
        let state = self.world.lock();
        if let Some(violation) = &state.violation {
            return Err(Stop::Violation(violation.clone()));
        }
        for (cache, (process, slot)) in self.caches.iter().zip(state.processes.iter().zip(&mut self.slots)) {
            let Some(token) = cache.current().filter(|_| !process.dead) else { continue };
            let (generation, name) = (token.generation(), &process.name);
            let before = std::mem::replace(slot, generation);
            ensure(generation >= before, || format!("{name} went back from token {before} to {generation}"))?;
            ensure(generation == before || generation >= process.seen, || {
                format!("{name} installed token {generation}, and knew of {}", process.seen)
            })?;
            let written = state.written.get(&generation).is_some_and(|text| text == token.as_str());
            ensure(written || process.troubled, || {
                format!("{name} serves token {generation}, which is not in the store, though the store is up")
            })?;
        }
        Ok(())
    }

    /// A caller has its answer.
    pub fn hear(&self, caller: usize, outcome: &Outcome, took: Duration) -> Result<(), Stop> {
        let caller = &self.callers[caller];
        let name = self.name(caller.process);
        let said = match outcome {
            Ok(token) => format!("{name:<3} has token {} ({})", token.generation(), token.as_str()),
            Err(error) => format!("{name:<3} has no token: {error}"),
        };
        self.world.lock().tell(&said);
        ensure(took <= PATIENCE, || format!("a caller of {name} waited for {took:?}"))?;
        match outcome {
            Ok(token) => {
                let rejected = caller.rejected.as_ref();
                ensure(rejected.is_none_or(|rejected| token.generation() > rejected.generation()), || {
                    format!("{name} was given the token back that it saw rejected")
                })
            }
            Err(error) => {
                use ErrorKind::{BackedOff, Store, Timeout, Token};
                let kind = error.kind();
                ensure(matches!(kind, BackedOff | Store | Timeout | Token), || format!("{name}: {kind:?}"))?;
                let hit =
                    |(fault, process): &(Action, usize)| !fault.spares_others() || *process == caller.process;
                ensure(self.slow || self.faults.iter().any(hit), || {
                    format!("a caller of {name} has no token, though nothing happened to {name}: {error}")
                })
            }
        }
    }

    /// All callers have their answers. Says how it came out.
    pub fn judge(&self) -> Result<String, Stop> {
        let mints = self.world.lock().mints;
        let faults = self.faults.len();
        // Where mints are independent, each process helps itself while the store is down.
        let outages = self.faults.iter().filter(|(fault, _)| matches!(fault, Action::Outage(_))).count();
        let alone = if self.scenario.independent { outages * (self.scenario.processes - 1) } else { 0 };
        ensure(faults > 0 || mints == 1, || format!("{mints} mints, and nothing went wrong"))?;
        let costly = self.faults.iter().filter(|(fault, _)| fault.costs_a_mint()).count();
        ensure(mints <= 1 + costly + alone, || format!("{mints} mints, and {faults} things went wrong"))?;
        let mut said: Vec<_> = self
            .callers
            .iter()
            .map(|caller| {
                let name = self.name(caller.process);
                match &caller.outcome {
                    Some(Ok(token)) => format!("{name}: {} ({})", token.generation(), token.as_str()),
                    Some(Err(error)) => format!("{name}: {:?}", error.kind()),
                    None => format!("{name}: dead"),
                }
            })
            .collect();
        said.sort();
        said.push(format!("{mints} mints"));
        Ok(said.join(", "))
    }

    /// Long after the faults: all have the same, good token.
    pub fn converged(&self, live: &[usize], mints_before: usize) -> Result<(), Stop> {
        let state = self.world.lock();
        let mints = state.mints - mints_before;
        ensure(mints <= 1 || self.scenario.independent, || format!("{mints} mints after the faults"))?;
        for process in live {
            let name = &state.processes[*process].name;
            let token = self.caches[*process].current();
            let text = token.as_ref().map(AccessToken::as_str);
            ensure(text == state.alive.as_deref(), || {
                format!("{name} has {text:?} in the end, the platform accepts {:?}", state.alive)
            })?;
            let newest = state.written.last_key_value().map_or(0, |(generation, _)| *generation);
            let own = token.map_or(0, |token| token.generation());
            ensure(own == newest || self.scenario.independent, || {
                format!("{name} has token {own} in the end, the newest is {newest}")
            })?;
        }
        Ok(())
    }
}
