//! A hub that answers late, twice, by halves, with nonsense or never, and whose connections are in memory so that time can be
//! simulated.

use std::{
    future::{Future, ready},
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, stream::FuturesUnordered};
use http::Uri;
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client, connect::Connected},
    rt::{TokioExecutor, TokioIo},
};
use proptest::prelude::*;
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf},
    sync::{mpsc, watch},
    time::{sleep, timeout},
};
use tower_wechat::{
    TokenCache,
    issuer::{HubToken, Issuer, Mint},
};

use super::{APP, SECRET, text, token};
use crate::support::hub::{Hub, Question, Stream, connection, told};

/// What an ask may take, and a little.
const DEADLINE: Duration = Duration::from_millis(6100);

/// What the hub does with one question.
#[derive(Clone, Copy, Debug)]
pub(super) enum Manner {
    After(u64),
    Twice(u64),
    Half,
    Garbage,
    Refusal,
    HangUp,
    Never,
}

fn manner() -> impl Strategy<Value = Manner> {
    prop_oneof![
        4 => (0..9000_u64).prop_map(Manner::After),
        2 => (0..3000_u64).prop_map(Manner::Twice),
        1 => Just(Manner::Half),
        1 => Just(Manner::Garbage),
        1 => Just(Manner::Refusal),
        1 => Just(Manner::HangUp),
        1 => Just(Manner::Never),
    ]
}

/// The hub's newest generation.
pub(super) type Newest = Arc<watch::Sender<u64>>;

/// Answers a question in this manner with what is the newest token as the question comes, or becomes it in time.
pub(super) async fn answer(question: Question, manner: Manner, newest: Newest) {
    if let Some((_, rest)) = question.line().split_once("newer_than=") {
        let after: u64 = rest.split('&').next().unwrap().parse().unwrap();
        let mut told = newest.subscribe();
        let waiting = told.wait_for(|generation| *generation > after);
        if timeout(Duration::from_secs(45), waiting).await.is_err() {
            return question.nothing_new().await;
        }
    }
    let generation = *newest.borrow();
    let json = told(&format!("token-{generation}"), generation);
    let whole = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{json}", json.len());
    match manner {
        Manner::After(millis) => {
            sleep(Duration::from_millis(millis)).await;
            question.raw(&whole).await;
        }
        Manner::Twice(millis) => {
            sleep(Duration::from_millis(millis)).await;
            let question = question.raw(&whole).await;
            sleep(Duration::from_millis(millis)).await;
            question.raw(&whole).await;
        }
        Manner::Half => drop(question.raw(&whole[..whole.len() - 9]).await),
        Manner::Garbage => drop(question.raw("\0\r\n\r\n").await),
        Manner::Refusal => question.problem("503 Service Unavailable", "{}").await,
        Manner::HangUp => drop(question),
        // Longer than anybody waits.
        Manner::Never => {
            sleep(Duration::from_secs(60)).await;
            drop(question);
        }
    }
}

/// A connection in memory, as hyper wants it.
struct Memory(DuplexStream);

impl AsyncRead for Memory {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Memory {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl hyper_util::client::legacy::connect::Connection for Memory {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

/// An issuer whose connections go to this hub, through a client that keeps what may be kept.
pub(super) fn issuer(connections: mpsc::UnboundedSender<Box<dyn Stream>>) -> HubToken {
    let connector = tower::service_fn(move |_: Uri| {
        let (ours, theirs) = connection();
        let _ = connections.send(Box::new(theirs));
        ready(Ok::<_, io::Error>(TokioIo::new(Memory(ours))))
    });
    let client = Client::builder(TokioExecutor::new()).build::<_, Full<Bytes>>(connector);
    HubToken::tcp("http://127.0.0.1:1", APP, SECRET).unwrap().http_client(client)
}

/// Serves all questions in these manners, and makes a new token every so often.
async fn serve(mut hub: Hub, manners: Vec<Manner>, newest: Newest, every: Duration) {
    let mut manners = manners.into_iter().cycle();
    let mut answers = FuturesUnordered::new();
    let mut next = Box::pin(sleep(every));
    loop {
        tokio::select! {
            () = &mut next => {
                newest.send_modify(|generation| *generation += 1);
                next = Box::pin(sleep(every));
            }
            question = hub.any() => answers.push(answer(question, manners.next().unwrap(), newest.clone())),
            Some(()) = answers.next() => {}
        }
    }
}

fn simulated<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(test)
}

fn number(text: &str) -> u64 {
    text.strip_prefix("token-").unwrap().parse().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_answer_is_of_another_question_and_no_token_goes_back(
        manners in prop::collection::vec(manner(), 1..12),
        starts in prop::collection::vec((0..15_000_u64, any::<bool>()), 1..12),
        every in 200..4000_u64,
    ) {
        simulated(async {
            let newest = Newest::new(watch::Sender::new(1));
            let (connections, hub) = Hub::memory();
            let issuer = issuer(connections);
            let serving = tokio::spawn(serve(hub, manners, newest.clone(), Duration::from_millis(every)));
            let rejected = token("rejected").await;
            let seen = AtomicU64::new(0);
            let mut calls: FuturesUnordered<_> = starts.into_iter().map(|(start, refresh)| {
                let (issuer, newest, rejected, seen) = (&issuer, &newest, rejected.clone(), &seen);
                async move {
                    sleep(Duration::from_millis(start)).await;
                    let least = *newest.borrow();
                    let how = if refresh { Mint::rejecting(rejected) } else { Mint::normal() };
                    let minted = timeout(DEADLINE, issuer.mint(how)).await.expect("within its time");
                    if let Ok(minted) = minted {
                        let before = seen.load(SeqCst);
                        let generation = number(&text(minted).await);
                        assert!(generation >= least, "{generation} is the answer to an earlier question than {least}");
                        assert!(generation >= before, "{generation} came after {before}");
                        seen.fetch_max(generation, SeqCst);
                    }
                }
            }).collect();
            while calls.next().await.is_some() {}
            serving.abort();
        });
    }

    #[test]
    fn a_cache_never_goes_back_and_finds_the_newest_in_the_end(
        manners in prop::collection::vec(manner(), 1..12),
        refreshes in prop::collection::vec(0..9000_u64, 0..6),
        every in 500..4000_u64,
    ) {
        simulated(async {
            let newest = Newest::new(watch::Sender::new(1));
            let (connections, hub) = Hub::memory();
            let cache = TokenCache::new(issuer(connections));
            // It is well from some question on.
            let well = std::iter::repeat_n(Manner::After(10), 1000);
            let manners: Vec<_> = manners.into_iter().chain(well).collect();
            let serving = tokio::spawn(serve(hub, manners, newest.clone(), Duration::from_millis(every)));
            let watching = async {
                let mut held = 0;
                loop {
                    let present = cache.current().map_or(0, |token| number(token.as_str()));
                    assert!(present >= held, "{present} came after {held}");
                    held = present;
                    sleep(Duration::from_millis(50)).await;
                }
            };
            let using = async {
                for pause in refreshes {
                    if let Ok(token) = cache.token().await {
                        let _ = cache.refresh(&token).await;
                    }
                    sleep(Duration::from_millis(pause)).await;
                }
                let _ = cache.token().await;
                sleep(Duration::from_secs(420)).await;
                let _ = cache.token().await;
                let present = *newest.borrow();
                sleep(Duration::from_millis(450)).await;
                let held = cache.current().map_or(0, |token| number(token.as_str()));
                assert!(held >= present, "{held} is held while the hub has {present}");
            };
            tokio::select! {
                () = using => {}
                () = watching => {}
            }
            serving.abort();
        });
    }
}
