//! Single flight: many callers, one fetch, one outcome for all of them.
//!
//! The fetch runs in a task of its own and holds the [`Pilot`]. Whoever wants its outcome holds a [`Join`], and may drop it
//! at any time. When the pilot lands, or is dropped on the way (panic, abort, runtime shut down), everybody on board is
//! woken. There is at most one flight at a time: boarding and the decision whether a flight is needed at all are one step.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use super::sync::{Arc, Mutex, lock};

/// The flights of one account, one at a time.
pub(crate) struct SingleFlight<T> {
    current: Mutex<Option<Arc<Flight<T>>>>,
}

/// One fetch and those who wait for it.
struct Flight<T>(Mutex<Cabin<T>>);

struct Cabin<T> {
    outcome: Option<T>,
    seats: Vec<Option<Waker>>,
    free: Vec<usize>,
}

/// How a caller boards.
pub(crate) enum Boarding<T: Clone, D> {
    /// No flight is needed.
    Decided(D),
    /// One is under way.
    Joined(Join<T>),
    /// There was none: the caller must see to it that somebody flies it.
    First(Join<T>, Pilot<T>),
}

/// The duty to end a flight. Dropped without [`land`](Self::land), it ends with the outcome it was given for that case.
pub(crate) struct Pilot<T: Clone> {
    flights: Arc<SingleFlight<T>>,
    flight: Arc<Flight<T>>,
    aborted: Option<T>,
}

/// Waits for a flight to end.
pub(crate) struct Join<T> {
    flight: Arc<Flight<T>>,
    seat: Option<usize>,
}

impl<T: Clone> SingleFlight<T> {
    pub(crate) fn new() -> Self {
        Self { current: Mutex::new(None) }
    }

    /// Boards the current flight, or a new one, unless `decide` says that none is needed; it is told whether there is one.
    /// `decide` runs under the lock that also clears flights: what a flight published before it ended is visible to it.
    pub(crate) fn board<D>(
        flights: &Arc<Self>,
        aborted: impl FnOnce() -> T,
        decide: impl FnOnce(bool) -> Option<D>,
    ) -> Boarding<T, D> {
        let mut current = lock(&flights.current);
        if let Some(decision) = decide(current.is_some()) {
            return Boarding::Decided(decision);
        }
        if let Some(flight) = &*current {
            return Boarding::Joined(Join::new(flight));
        }
        let cabin = Cabin { outcome: None, seats: Vec::new(), free: Vec::new() };
        let flight = current.insert(Arc::new(Flight(Mutex::new(cabin))));
        let pilot = Pilot { flights: flights.clone(), flight: flight.clone(), aborted: Some(aborted()) };
        Boarding::First(Join::new(flight), pilot)
    }

    pub(crate) fn is_under_way(&self) -> bool {
        lock(&self.current).is_some()
    }

    /// Boards the current flight, if there is one.
    pub(crate) fn join(&self) -> Option<Join<T>> {
        lock(&self.current).as_ref().map(Join::new)
    }
}

impl<T: Clone> Pilot<T> {
    /// Ends the flight. What the outcome speaks of must be published before.
    pub(crate) fn land(mut self, outcome: T) {
        self.aborted = Some(outcome);
    }
}

impl<T: Clone> Drop for Pilot<T> {
    fn drop(&mut self) {
        // First make way for the next flight, then tell: nobody can board one that has ended.
        *lock(&self.flights.current) = None;
        let seats = {
            let mut cabin = lock(&self.flight.0);
            cabin.outcome = self.aborted.take();
            std::mem::take(&mut cabin.seats)
        };
        seats.into_iter().flatten().for_each(Waker::wake);
    }
}

impl<T> Join<T> {
    fn new(flight: &Arc<Flight<T>>) -> Self {
        Self { flight: flight.clone(), seat: None }
    }
}

impl<T: Clone> Future for Join<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = &mut *self;
        let mut cabin = lock(&this.flight.0);
        if let Some(outcome) = &cabin.outcome {
            // With the flight the seats are gone: there is none to give back.
            this.seat = None;
            return Poll::Ready(outcome.clone());
        }
        let waker = Some(cx.waker().clone());
        if let Some(seat) = this.seat.or_else(|| cabin.free.pop()) {
            cabin.seats[seat] = waker;
            this.seat = Some(seat);
        } else {
            this.seat = Some(cabin.seats.len());
            cabin.seats.push(waker);
        }
        Poll::Pending
    }
}

impl<T> Drop for Join<T> {
    fn drop(&mut self) {
        let Some(seat) = self.seat else { return };
        let mut cabin = lock(&self.flight.0);
        // The seats are gone once the flight has ended.
        if let Some(taken) = cabin.seats.get_mut(seat) {
            *taken = None;
            cabin.free.push(seat);
        }
    }
}
