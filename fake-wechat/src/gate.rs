//! [`Gate`]: what a request passes before it is looked at. There is one for token endpoints and one for APIs.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

use crate::faults::Fault;

/// Counts requests in and errors out, holds requests, delays them, and says what befalls them.
pub(crate) struct Gate {
    arrived: watch::Sender<u64>,
    holds: Arc<watch::Sender<usize>>,
    /// The hold that a control call asked for.
    ordered_hold: Mutex<Option<Hold>>,
    /// How often each code was answered.
    errors: Mutex<BTreeMap<i64, u64>>,
    plan: Mutex<Plan>,
}

#[derive(Default)]
struct Plan {
    latency: Duration,
    /// How many times, and what.
    next: VecDeque<(usize, Fault)>,
    always: Option<Fault>,
}

/// Keeps requests waiting until it is released or dropped.
///
/// Made by [`FakeWeChat::hold_tokens`](crate::FakeWeChat::hold_tokens) and
/// [`FakeWeChat::hold_apis`](crate::FakeWeChat::hold_apis). While there are several, the last one to go opens the gate.
///
/// ```
/// use fake_wechat::FakeWeChat;
///
/// # use http_body_util::{BodyExt, Empty};
/// # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// # async fn get(url: String) -> serde_json::Value {
/// #     let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
/// #     let answer = client.get(url.parse().unwrap()).await.unwrap();
/// #     let answer = answer.into_body().collect().await.unwrap().to_bytes();
/// #     serde_json::from_slice(&answer).unwrap_or_default()
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let fake = FakeWeChat::start().await;
/// let hold = fake.hold_apis();
/// let call = tokio::spawn(get(fake.url() + "/cgi-bin/user/get"));
/// fake.wait_for_api_requests(1).await;
/// assert!(!call.is_finished());
/// hold.release();
/// call.await.unwrap();
/// # }
/// ```
#[must_use = "requests wait only as long as this is kept"]
pub struct Hold(Arc<watch::Sender<usize>>);

impl Gate {
    pub(crate) fn new(latency: Duration) -> Self {
        Self {
            arrived: watch::Sender::new(0),
            holds: Arc::new(watch::Sender::new(0)),
            ordered_hold: Mutex::default(),
            errors: Mutex::default(),
            plan: Mutex::new(Plan { latency, ..Plan::default() }),
        }
    }

    /// Lets one request in, and says which fault awaits it.
    pub(crate) async fn enter(&self) -> Option<Fault> {
        self.arrived.send_modify(|count| *count += 1);
        // The sender lives as long as this gate, so neither wait can fail.
        let _ = self.holds.subscribe().wait_for(|holds| *holds == 0).await;
        let latency = self.plan().latency;
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let mut plan = self.plan();
        plan.take()
    }

    pub(crate) fn arrived(&self) -> u64 {
        *self.arrived.borrow()
    }

    pub(crate) async fn wait_for(&self, count: u64) {
        let _ = self.arrived.subscribe().wait_for(|arrived| *arrived >= count).await;
    }

    /// Counts an answer, if there is an error in it.
    pub(crate) fn answered(&self, errcode: Option<i64>) {
        if let Some(errcode) = errcode.filter(|errcode| *errcode != 0) {
            *self.lock_errors().entry(errcode).or_default() += 1;
        }
    }

    pub(crate) fn errors(&self) -> BTreeMap<i64, u64> {
        self.lock_errors().clone()
    }

    pub(crate) fn hold(&self) -> Hold {
        self.holds.send_modify(|holds| *holds += 1);
        Hold(self.holds.clone())
    }

    /// Holds requests until this is called with `false`; twice is as once.
    pub(crate) fn order_hold(&self, on: bool) {
        let hold = on.then(|| self.hold());
        *self.ordered_hold.lock().unwrap_or_else(PoisonError::into_inner) = hold;
    }

    pub(crate) fn set_latency(&self, latency: Duration) {
        self.plan().latency = latency;
    }

    pub(crate) fn fail(&self, fault: Fault) {
        self.plan().always = Some(fault);
    }

    pub(crate) fn fail_next(&self, count: usize, fault: Fault) {
        if count > 0 {
            self.plan().next.push_back((count, fault));
        }
    }

    pub(crate) fn heal(&self) {
        let mut plan = self.plan();
        plan.always = None;
        plan.next.clear();
    }

    fn lock_errors(&self) -> MutexGuard<'_, BTreeMap<i64, u64>> {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        // Nothing above can panic half-way through a change.
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plan {
    /// The fault of the next request.
    fn take(&mut self) -> Option<Fault> {
        let Some((count, fault)) = self.next.front_mut() else {
            return self.always.clone();
        };
        *count -= 1;
        let (is_last, fault) = (*count == 0, fault.clone());
        if is_last {
            self.next.pop_front();
        }
        Some(fault)
    }
}

impl Hold {
    /// Lets the waiting requests go on, which dropping does as well.
    pub fn release(self) {}
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.send_modify(|holds| *holds -= 1);
    }
}

impl std::fmt::Debug for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hold")
    }
}
