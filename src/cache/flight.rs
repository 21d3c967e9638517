//! Single flight: many callers, one call, one outcome for all of them.
//!
//! The call runs in a task of its own, which holds the [`Leader`]. Whoever wants its outcome holds a [`Waiter`], and may
//! drop it at any time. When the leader finishes, or is dropped on the way (panic, abort, runtime shut down), all who wait
//! are woken. There is at most one call at a time: to join it and to decide whether one is needed at all are one step.
//!
//! A call says when it will have ended. One that has not by then runs on a runtime that nobody polls; it is replaced by the
//! next that is needed, and whoever waits for it is woken. When it does end, it ends for itself alone.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use super::sync::{Arc, Mutex, lock};

/// The calls for one account, one at a time.
pub(crate) struct SingleFlight<T> {
    current: Mutex<Option<Arc<Call<T>>>>,
}

/// One call and those who wait for it.
struct Call<T> {
    /// When it is overdue, on the clock of whoever starts calls.
    ends: Duration,
    waiters: Mutex<Waiters<T>>,
}

struct Waiters<T> {
    outcome: Option<T>,
    wakers: Vec<Option<Waker>>,
    /// Places in `wakers` that are free.
    free: Vec<usize>,
}

/// What a caller is to do.
pub(crate) enum Role<T: Clone, D> {
    /// No call is needed.
    Decided(D),
    /// Wait for the one under way.
    Waiter(Waiter<T>),
    /// There was none: see to it that somebody makes it, and wait.
    Leader(Waiter<T>, Leader<T>),
}

/// The duty to end a call. Dropped without [`finish`](Self::finish), it ends with the outcome that it was given for that
/// case.
pub(crate) struct Leader<T: Clone> {
    flight: Arc<SingleFlight<T>>,
    call: Arc<Call<T>>,
    aborted: Option<T>,
}

/// Waits for a call to end.
pub(crate) struct Waiter<T> {
    call: Arc<Call<T>>,
    /// The place of its waker.
    place: Option<usize>,
}

impl<T: Clone> SingleFlight<T> {
    pub(crate) fn new() -> Self {
        Self { current: Mutex::new(None) }
    }

    /// Joins the call under way or begins one, unless `decide` says that none is needed. It runs under the lock that also
    /// clears calls: what a call published before it ended is visible to it. `now` and `ends` are the time, and when a
    /// call that begins now will have ended; `aborted` is the outcome of one that is stopped.
    pub(crate) fn enter<D>(
        flight: &Arc<Self>,
        (now, ends): (Duration, Duration),
        aborted: impl Fn() -> T,
        decide: impl FnOnce() -> Option<D>,
    ) -> Role<T, D> {
        let mut current = lock(&flight.current);
        if let Some(decision) = decide() {
            return Role::Decided(decision);
        }
        let overdue = match &*current {
            Some(call) if now < call.ends => return Role::Waiter(Waiter::new(call)),
            _ => current.take(),
        };
        let waiters = Waiters { outcome: None, wakers: Vec::new(), free: Vec::new() };
        let call = current.insert(Arc::new(Call { ends, waiters: Mutex::new(waiters) })).clone();
        drop(current);
        if let Some(overdue) = overdue {
            overdue.end(aborted());
        }
        let leader = Leader { flight: flight.clone(), call: call.clone(), aborted: Some(aborted()) };
        Role::Leader(Waiter::new(&call), leader)
    }

    /// Waits for the call under way, if there is one.
    pub(crate) fn join(&self) -> Option<Waiter<T>> {
        lock(&self.current).as_ref().map(Waiter::new)
    }
}

impl<T: Clone> Leader<T> {
    /// Ends the call. What the outcome speaks of must be published before.
    pub(crate) fn finish(mut self, outcome: T) {
        self.aborted = Some(outcome);
    }
}

impl<T: Clone> Drop for Leader<T> {
    fn drop(&mut self) {
        // First make way for the next call, then tell: nobody can join one that has ended.
        let mut current = lock(&self.flight.current);
        if current.as_ref().is_some_and(|call| Arc::ptr_eq(call, &self.call)) {
            *current = None;
        }
        drop(current);
        if let Some(outcome) = self.aborted.take() {
            self.call.end(outcome);
        }
    }
}

impl<T> Call<T> {
    /// Wakes all who wait. The first outcome stays.
    fn end(&self, outcome: T) {
        let wakers = {
            let mut waiters = lock(&self.waiters);
            waiters.outcome.get_or_insert(outcome);
            std::mem::take(&mut waiters.wakers)
        };
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

impl<T> Waiter<T> {
    fn new(call: &Arc<Call<T>>) -> Self {
        Self { call: call.clone(), place: None }
    }

    /// When the call is overdue.
    pub(crate) fn ends(&self) -> Duration {
        self.call.ends
    }
}

impl<T: Clone> Future for Waiter<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = &mut *self;
        let mut waiters = lock(&this.call.waiters);
        if let Some(outcome) = &waiters.outcome {
            // The places went with the call: there is none to give back.
            this.place = None;
            return Poll::Ready(outcome.clone());
        }
        let waker = Some(cx.waker().clone());
        if let Some(place) = this.place.or_else(|| waiters.free.pop()) {
            waiters.wakers[place] = waker;
            this.place = Some(place);
        } else {
            this.place = Some(waiters.wakers.len());
            waiters.wakers.push(waker);
        }
        Poll::Pending
    }
}

impl<T> Drop for Waiter<T> {
    fn drop(&mut self) {
        let Some(place) = self.place else { return };
        let mut waiters = lock(&self.call.waiters);
        // The places are gone once the call has ended.
        if let Some(waker) = waiters.wakers.get_mut(place) {
            *waker = None;
            waiters.free.push(place);
        }
    }
}
