//! A call that is given up, wherever it stands, gives back its permit and its connection.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body_util::Full;
use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::JoinHandle,
};
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimit};
use tower_wechat::{Error, PeekedBody, ReplayBody, TokenCache, WeChatAuth, WeChatAuthLayer};

use crate::wire::{
    client::{Http, http, send, small},
    mints::Mints,
    neighbour::Neighbour,
    server::{ACCEPTED, Answered, Exchange, REJECTION, Server, WIRES, Wire, fed, json},
    settle, soon,
};

type Limited = ConcurrencyLimit<Http<ReplayBody<Full<Bytes>>>>;
type Sending = JoinHandle<Result<http::Response<PeekedBody<hyper::body::Incoming>>, Error>>;

/// A client with one permit, and a server that does what its script says as long as the gate is shut.
struct Stack {
    server: Server,
    mints: Mints,
    cache: TokenCache,
    semaphore: Arc<Semaphore>,
    limited: Limited,
    client: WeChatAuth<Limited>,
    gate: watch::Sender<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Script {
    /// Judges tokens.
    Usual,
    /// Never answers a good token.
    Silent,
    /// Begins to answer.
    Trickle,
}

impl Stack {
    async fn new(wire: Wire, script: Script) -> Self {
        let gate = watch::Sender::new(false);
        let opened = gate.clone();
        let server = Server::start(wire, move |exchange| answer(exchange, script, *opened.borrow())).await;
        let mints = Mints::new(&server.url());
        let cache = TokenCache::new(mints.clone());
        let semaphore = Arc::new(Semaphore::new(1));
        let limited = ConcurrencyLimit::with_semaphore(http(&server), semaphore.clone());
        let client = WeChatAuthLayer::new(&cache).layer(limited.clone());
        Self { server, mints, cache, semaphore, limited, client, gate }
    }

    /// A stack whose first token has been rejected.
    async fn rejecting(wire: Wire, script: Script) -> Self {
        let stack = Self::new(wire, script).await;
        soon(stack.cache.token()).await.unwrap();
        stack.server.reject_below(2);
        stack
    }

    /// A call, from a client that somebody keeps.
    async fn call(&mut self) -> Sending {
        let ready = soon(self.client.ready()).await.unwrap();
        let calling = ready.call(small(&self.server));
        tokio::spawn(calling)
    }

    fn permits(&self) -> usize {
        self.semaphore.available_permits()
    }

    /// Gives the call up: then everything is free.
    async fn give_up(self, sending: Sending, what: &str) {
        assert!(!sending.is_finished(), "{what}: the call was still under way");
        sending.abort();
        assert!(sending.await.unwrap_err().is_cancelled());
        self.check_free(what).await;
    }

    /// The same where somebody else has the permit. The request must not go out, and so the server has seen only these.
    async fn give_up_before(self, sending: Sending, neighbour: Neighbour, tokens: &[u64], what: &str) {
        assert!(!sending.is_finished(), "{what}: the call was still under way");
        sending.abort();
        assert!(sending.await.unwrap_err().is_cancelled());
        neighbour.give_back();
        settle().await;
        assert_eq!(self.server.tokens(), tokens, "{what}: nothing more was sent");
        self.check_free(what).await;
    }

    /// Permit and connection are there for the next call, and are closed after it.
    async fn check_free(mut self, what: &str) {
        assert_eq!(self.permits(), 1, "{what}: the permit came back");
        self.gate.send_replace(true);
        self.mints.open();
        let again = send(self.client.clone(), small(&self.server)).await.unwrap();
        assert_eq!(again.errcode(), 0, "{what}: the next call works");
        assert_eq!(self.permits(), 1);
        self.client = WeChatAuthLayer::new(&self.cache).layer(self.limited.clone());
        let Self { server, client, limited, .. } = self;
        drop((client, limited));
        soon(server.all_closed()).await;
    }
}

async fn answer(mut exchange: Exchange, script: Script, opened: bool) -> Answered {
    exchange.read_all().await;
    if opened {
        return json(if exchange.is_accepted() { ACCEPTED } else { REJECTION });
    }
    match script {
        Script::Silent if exchange.is_accepted() => std::future::pending().await,
        Script::Trickle => {
            let (mut feed, body) = fed();
            tokio::spawn(async move {
                feed.send_data(Bytes::from_static(b" ")).await.unwrap();
                std::future::pending::<()>().await;
                drop(feed);
            });
            Ok(http::Response::new(body))
        }
        _ => exchange.usual().await,
    }
}

#[tokio::test]
async fn a_call_that_waits_for_its_first_token() {
    for wire in WIRES {
        let mut stack = Stack::new(wire, Script::Usual).await;
        stack.mints.close();
        let sending = stack.call().await;
        soon(stack.mints.begun(1)).await;
        settle().await;
        assert_eq!(stack.permits(), 1, "nothing is held while the token is fetched");
        stack.give_up(sending, &format!("{wire:?}")).await;
    }
}

#[tokio::test]
async fn a_call_that_waits_for_the_service_after_its_first_token() {
    for wire in WIRES {
        let mut stack = Stack::new(wire, Script::Usual).await;
        stack.mints.close();
        let sending = stack.call().await;
        let mut neighbour = Neighbour::queue(&stack.limited).await;
        neighbour.has_it().await;
        soon(stack.mints.begun(1)).await;
        stack.mints.open();
        soon(stack.cache.token()).await.unwrap();
        settle().await;
        stack.give_up_before(sending, neighbour, &[], &format!("{wire:?}")).await;
    }
}

#[tokio::test]
async fn a_call_that_was_sent() {
    for wire in WIRES {
        let mut stack = Stack::new(wire, Script::Silent).await;
        soon(stack.cache.token()).await.unwrap();
        let sending = stack.call().await;
        soon(stack.server.requests(1)).await;
        assert_eq!(stack.permits(), 0, "the call has it");
        stack.give_up(sending, &format!("{wire:?}")).await;
    }
}

#[tokio::test]
async fn a_call_whose_answer_is_looked_at() {
    for wire in WIRES {
        let stack = Stack::new(wire, Script::Trickle).await;
        soon(stack.cache.token()).await.unwrap();
        // Tells when the head has come.
        let (tell, mut told) = mpsc::unbounded_channel();
        let telling = stack.limited.clone().map_response(move |response| {
            tell.send(()).unwrap();
            response
        });
        let layer = WeChatAuthLayer::new(&stack.cache).inspect_timeout(std::time::Duration::from_secs(60));
        let sending: Sending = tokio::spawn(layer.layer(telling).oneshot(small(&stack.server)));
        soon(told.recv()).await.unwrap();
        settle().await;
        stack.give_up(sending, &format!("{wire:?}")).await;
    }
}

#[tokio::test]
async fn a_call_that_waits_for_a_later_token() {
    for wire in WIRES {
        let mut stack = Stack::rejecting(wire, Script::Usual).await;
        stack.mints.close();
        let sending = stack.call().await;
        soon(stack.mints.begun(2)).await;
        settle().await;
        assert_eq!(stack.permits(), 1, "nothing is held while the token is fetched");
        stack.give_up(sending, &format!("{wire:?}")).await;
    }
}

#[tokio::test]
async fn a_call_that_waits_for_the_service_again() {
    for wire in WIRES {
        let mut stack = Stack::rejecting(wire, Script::Usual).await;
        stack.mints.close();
        let sending = stack.call().await;
        soon(stack.mints.begun(2)).await;
        let mut neighbour = Neighbour::queue(&stack.limited).await;
        neighbour.has_it().await;
        stack.mints.open();
        soon(stack.cache.token()).await.unwrap();
        settle().await;
        stack.give_up_before(sending, neighbour, &[1], &format!("{wire:?}")).await;
    }
}

#[tokio::test]
async fn a_call_that_was_sent_again() {
    for wire in WIRES {
        let mut stack = Stack::rejecting(wire, Script::Silent).await;
        let sending = stack.call().await;
        soon(stack.server.requests(2)).await;
        assert_eq!(stack.permits(), 0, "the call has it");
        assert_eq!(stack.server.tokens(), [1, 2]);
        stack.give_up(sending, &format!("{wire:?}")).await;
    }
}

/// Counts how often it was ready and how often it was called, and panics where that does not fit.
struct Strict<S> {
    inner: S,
    ready: bool,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    ready: AtomicUsize,
    given_up: AtomicUsize,
    calls: AtomicUsize,
}

impl<S: Clone> Clone for Strict<S> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), ready: false, counts: self.counts.clone() }
    }
}

impl<S> Drop for Strict<S> {
    fn drop(&mut self) {
        self.counts.given_up.fetch_add(self.ready.into(), Ordering::SeqCst);
    }
}

impl<S, Q> Service<Q> for Strict<S>
where
    S: Service<Q>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let ready = self.inner.poll_ready(cx);
        if matches!(ready, Poll::Ready(Ok(()))) && !std::mem::replace(&mut self.ready, true) {
            self.counts.ready.fetch_add(1, Ordering::SeqCst);
        }
        ready
    }

    fn call(&mut self, request: Q) -> S::Future {
        assert!(std::mem::take(&mut self.ready), "called before it was ready");
        self.counts.calls.fetch_add(1, Ordering::SeqCst);
        self.inner.call(request)
    }
}

#[tokio::test]
async fn readiness_is_used_once_for_each_send_or_given_up() {
    for wire in WIRES {
        let stack = Stack::new(wire, Script::Usual).await;
        let counts = Arc::<Counts>::default();
        let strict = Strict { inner: stack.limited.clone(), ready: false, counts: counts.clone() };
        let client = WeChatAuthLayer::new(&stack.cache).layer(strict);
        let count = || {
            let read = |count: &AtomicUsize| count.load(Ordering::SeqCst);
            [read(&counts.ready), read(&counts.given_up), read(&counts.calls)]
        };
        // Cold: the first readiness is given up while the token is fetched.
        send(client.clone(), small(&stack.server)).await.unwrap();
        assert_eq!(count(), [2, 1, 1], "{wire:?}");
        // Warm.
        send(client.clone(), small(&stack.server)).await.unwrap();
        assert_eq!(count(), [3, 1, 2], "{wire:?}");
        // Rejected and replayed.
        stack.server.reject_below(2);
        let answer = send(client.clone(), small(&stack.server)).await.unwrap();
        assert!(answer.replayed());
        assert_eq!(count(), [5, 1, 4], "{wire:?}");
        drop(client);
        assert_eq!(count(), [5, 1, 4], "nobody kept one");
        assert_eq!(stack.permits(), 1);
    }
}
