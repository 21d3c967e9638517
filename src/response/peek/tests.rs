use std::{
    collections::VecDeque,
    convert::Infallible,
    future::Future,
    future::poll_fn,
    marker::PhantomPinned,
    pin::pin,
    rc::Rc,
    sync::atomic::{AtomicUsize, Ordering},
};

use bytes::{Bytes, buf::Chain};
use futures_util::FutureExt;
use http::{HeaderMap, Method, Response, StatusCode, header};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Empty, Full};
use pin_project_lite::pin_project;
use proptest::{collection::vec, prelude::*, sample::select};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use tokio::time::timeout;

use super::*;

const LIMIT: usize = 4096;
const REJECTION: &str =
    r#"{"errcode":42001,"errmsg":"access_token expired rid: 66c669e3-210a005b-256a5f92"}"#;

#[derive(Clone, Debug, PartialEq)]
enum Step<D> {
    Data(D),
    Trailers(HeaderMap),
    Fail(&'static str),
    /// Not ready, but wakes at once.
    Later,
    /// Not ready for this long.
    Slow(Duration),
    /// Never ready.
    Stuck,
}
use Step::{Data, Fail, Later, Slow, Stuck, Trailers};

pin_project! {
    /// Does as it is told, counts how often it was asked, must not be moved, nor asked again after its end.
    struct Script<D> {
        steps: VecDeque<Step<D>>,
        slow: Option<Pin<Box<Sleep>>>,
        asked: Arc<AtomicUsize>,
        ended: bool,
        #[pin]
        _pinned: PhantomPinned,
    }
}

impl<D> Script<D> {
    fn new(steps: impl IntoIterator<Item = Step<D>>) -> Self {
        Self {
            steps: steps.into_iter().collect(),
            slow: None,
            asked: Arc::default(),
            ended: false,
            _pinned: PhantomPinned,
        }
    }
}

impl<D: Buf> Body for Script<D> {
    type Data = D;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<D>, &'static str>>> {
        let this = self.as_mut().project();
        this.asked.fetch_add(1, Ordering::Relaxed);
        if let Some(slow) = this.slow {
            ready!(slow.as_mut().poll(cx));
            *this.slow = None;
        }
        match this.steps.pop_front() {
            Some(Data(data)) => Poll::Ready(Some(Ok(Frame::data(data)))),
            Some(Trailers(map)) => Poll::Ready(Some(Ok(Frame::trailers(map)))),
            Some(Fail(why)) => Poll::Ready(Some(Err(why))),
            Some(Later) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Slow(time)) => {
                *this.slow = Some(Box::pin(sleep(time)));
                self.poll_frame(cx)
            }
            Some(Stuck) => {
                this.steps.push_front(Stuck);
                Poll::Pending
            }
            None => {
                assert!(!*this.ended, "asked again after its end");
                *this.ended = true;
                Poll::Ready(None)
            }
        }
    }

    /// Exact, as if there had been a `content-length`.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.steps.iter().map(length).sum())
    }
}

fn length<D: Buf>(step: &Step<D>) -> u64 {
    match step {
        Data(data) => data.remaining().try_into().unwrap(),
        _ => 0,
    }
}

/// A look as a future.
struct Peeking<R: Body> {
    peek: Peek<R>,
    memory: Arc<Memory>,
    codes: &'static [i64],
}

impl<R: Body> Future for Peeking<R> {
    type Output = Verdict<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Verdict<R>> {
        let memory = self.memory.clone();
        let look = Look { timeout: TIMEOUT, codes: self.codes, memory: &memory };
        self.peek.poll(cx, &look)
    }
}

const TIMEOUT: Duration = Duration::from_millis(250);

fn peek<R: Body>(body: R) -> Peeking<R> {
    peek_within(body, usize::MAX)
}

/// A look for which that much memory is left.
fn peek_within<R: Body>(body: R, memory: usize) -> Peeking<R> {
    Peeking { peek: Peek::new(body, LIMIT), memory: Memory::new(memory), codes: &[40001, 40014, 42001] }
}

fn peek_for<R: Body>(body: R, codes: &'static [i64]) -> Peeking<R> {
    Peeking { codes, ..peek(body) }
}

fn text(text: &str) -> Step<Bytes> {
    Data(Bytes::copy_from_slice(text.as_bytes()))
}

fn bytewise(text: &str) -> Vec<Step<Bytes>> {
    let text = Bytes::copy_from_slice(text.as_bytes());
    (0..text.len()).map(|at| Data(text.slice(at..=at))).collect()
}

fn trailers() -> HeaderMap {
    HeaderMap::from_iter([(header::ETAG, "\"x\"".parse().unwrap())])
}

/// Code, completeness and body; the code and completeness of an answer that passed are none.
fn open<R: Body>(verdict: Verdict<R>) -> (Option<(i64, bool)>, PeekedBody<R>) {
    match verdict {
        Verdict::Passed { body, .. } => (None, body),
        Verdict::Rejected { errcode, body, whole } => (Some((errcode, whole)), body),
    }
}

/// Everything that a body yields, as the script would say it.
async fn steps_of<R: Body>(body: R) -> Vec<Step<R::Data>>
where
    R::Error: Into<&'static str>,
{
    let mut body = pin!(body);
    let mut steps = Vec::new();
    while let Some(item) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        steps.push(match item.map(Frame::into_data) {
            Ok(Ok(data)) => Data(data),
            Ok(Err(frame)) => Trailers(frame.into_trailers().ok().unwrap()),
            Err(why) => Fail(why.into()),
        });
    }
    steps
}

#[test]
fn the_head_tells_where_a_look_cannot_matter() {
    let may = |change: &dyn Fn(&mut Response<Full<Bytes>>), method: Method| {
        let mut response = Response::new(Full::from(REJECTION));
        change(&mut response);
        may_be_rejection(&method, &response, LIMIT)
    };
    let with = |name: &'static str, value: &[u8]| {
        let value = header::HeaderValue::from_bytes(value).unwrap();
        may(
            &|response| {
                response.headers_mut().insert(name, value.clone());
            },
            Method::GET,
        )
    };
    for method in [Method::GET, Method::POST, Method::from_bytes(b"QUERY").unwrap()] {
        assert!(may(&|_| (), method));
    }
    assert!(!may(&|_| (), Method::HEAD));
    assert!(!may(&|_| (), Method::CONNECT));
    for (status, expected) in [
        (200, true),
        (201, true),
        (299, true),
        (101, false),
        (204, false),
        (205, false),
        (206, false),
        (304, false),
        (401, false),
        (412, false),
        (502, false),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(may(&|response| *response.status_mut() = status, Method::GET), expected, "{status}");
    }
    for kind in ["application/json; encoding=utf-8", "text/plain", "text/html", "image/jpeg", ""] {
        assert!(with("content-type", kind.as_bytes()), "{kind}");
    }
    assert!(with("content-encoding", b"Identity"));
    assert!(!with("content-encoding", b"gzip"));
    assert!(!with("content-encoding", b"identity, br"));
    for coding in ["", "identity, identity", "none", "utf-8", "identity;q=1"] {
        assert!(with("content-encoding", coding.as_bytes()), "{coding:?} is no coding");
    }
    for coding in ["GZIP", "x-gzip", "deflate", "zstd", "br;q=1", " br "] {
        assert!(!with("content-encoding", coding.as_bytes()), "{coding:?}");
    }
    assert!(with("content-disposition", b"inline; filename=\"attachment\""));
    assert!(!with("content-disposition", b"attachment"));
    assert!(!with("content-disposition", "Attachment ; filename=\"图.jpg\"".as_bytes()));
    assert!(with("content-length", b"4096"));
    assert!(!with("content-length", b"4097"), "known from the head");
    for (length, expected) in [(4096, true), (4097, false)] {
        let body = Full::from(vec![b' '; length]);
        assert_eq!(may(&|response| *response.body_mut() = body.clone(), Method::GET), expected);
    }
    assert!(!may_be_rejection(&Method::GET, &Response::new(Empty::<Bytes>::new()), LIMIT));
    assert!(!may_be_rejection(&Method::GET, &Response::new(Full::<Bytes>::from(REJECTION)), 0));
}

#[tokio::test(start_paused = true)]
async fn a_rejection_is_seen_however_it_comes_and_nothing_of_it_is_lost() {
    let whole = [text(REJECTION)];
    let scripts = [
        whole.to_vec(),
        vec![Later, text(""), text(REJECTION), Later, text(""), Later],
        bytewise(REJECTION),
        bytewise(REJECTION).into_iter().flat_map(|step| [Later, step, Later]).collect(),
        vec![text(REJECTION), Trailers(trailers())],
        vec![text(REJECTION), Later, Trailers(trailers()), Later],
    ];
    for script in scripts {
        let length: u64 = script.iter().map(length).sum();
        let (found, body) = open(peek(Script::new(script.clone())).await);
        assert_eq!(found, Some((42001, true)), "{script:?}");
        assert_eq!(body.size_hint().exact(), Some(length));
        assert!(!body.is_end_stream());
        let expected: Vec<_> = script.into_iter().filter(|step| *step != Later).collect();
        assert_eq!(steps_of(body).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_keeps_its_place() {
    for (script, found) in [
        (vec![Fail("reset")], None),
        (vec![text("{\"errcode\":4200"), Fail("reset"), text("1}")], None),
        (vec![text("{\"errcode\":42001,"), Later, Fail("reset")], Some((42001, false))),
        (vec![text("{\"errcode\":42001,"), Fail("reset"), text("\"errmsg\":\"\"}")], Some((42001, false))),
        (vec![text("\u{ff}"), Fail("reset")], None),
    ] {
        let (verdict, body) = open(peek(Script::new(script.clone())).await);
        assert_eq!(verdict, found, "{script:?}");
        assert!(!body.is_end_stream());
        let expected: Vec<_> = script.into_iter().filter(|step| *step != Later).collect();
        assert_eq!(steps_of(body).await, expected);
    }
}

#[test]
fn no_second_frame_is_waited_for_once_the_verdict_is_known() {
    let filler = format!("{{\"a\":\"{}", "x".repeat(LIMIT));
    for first in [
        "\u{ff}\u{d8}",
        "[",
        "{}",
        r#"{"errcode":0,"errmsg":"ok""#,
        r#"{"errcode":45009,"#,
        r#"{"errcode":"45009""#,
        &filler,
        &filler[..LIMIT],
    ] {
        let script = Script::new([text(first), Stuck]);
        let asked = script.asked.clone();
        let (found, _) = open(peek(script).now_or_never().expect("one frame is enough"));
        assert_eq!((found, asked.load(Ordering::Relaxed)), (None, 1), "{first}");
    }
    let undecided = peek(Script::new([text(&filler[..LIMIT - 1]), Stuck]));
    assert!(undecided.now_or_never().is_none(), "a byte less, and the next frame matters");
}

#[tokio::test(start_paused = true)]
async fn no_more_than_the_limit_is_looked_at() {
    let late = format!("{{\"a\":\"{}\",\"errcode\":42001}}", "x".repeat(LIMIT - 24));
    assert_eq!(late.len(), LIMIT);
    let (found, _) = open(peek(Full::<Bytes>::from(late.clone())).await);
    assert_eq!(found, Some((42001, true)), "decided by the last byte in reach");

    let later = late.replace("\"a\"", "\"ab\"");
    for script in [vec![text(&later)], bytewise(&later)] {
        let (found, body) = open(peek(Script::new(script.clone())).await);
        assert_eq!(found, None, "one byte out of reach, in however many frames");
        assert_eq!(steps_of(body).await, script);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejection_without_an_end_is_not_read_for_ever() {
    for endless in ["xxxxxxxx", ""] {
        let mut script = vec![text("{\"errcode\":42001,\"errmsg\":\"")];
        script.resize(3 * LIMIT, text(endless));
        let script = Script::new(script);
        let asked = script.asked.clone();
        let (found, _) = open(peek(script).await);
        assert_eq!(found, Some((42001, false)));
        assert!(asked.load(Ordering::Relaxed) <= LIMIT);
    }
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_a_rejection_is_waited_for_one_second_and_no_longer() {
    let start = text("{\"errcode\":42001,");
    let end = text("\"errmsg\":\"\"}");
    let almost = Duration::from_millis(999);
    let little = Duration::from_millis(2);

    let script = [start.clone(), Slow(almost), end.clone()];
    let (found, body) = open(peek(Script::new(script)).await);
    assert_eq!(found, Some((42001, true)));
    assert_eq!(steps_of(body).await, [start.clone(), end.clone()]);

    // The wait is for the whole rest, not for each frame of it.
    let drip = [Slow(Duration::from_millis(400)), text(" ")];
    let drips = [start.clone()].into_iter().chain(drip.into_iter().cycle().take(40));
    for script in [Script::new([start.clone(), Stuck]), Script::new(drips)] {
        let mut peek = peek(script);
        assert!(timeout(almost, &mut peek).await.is_err());
        let (found, _) = open(timeout(little, peek).await.expect("a second is over"));
        assert_eq!(found, Some((42001, false)));
    }

    // What comes too late still comes.
    let script = [start.clone(), Slow(Duration::from_secs(5)), end.clone()];
    let (found, body) = open(peek(Script::new(script)).await);
    assert_eq!(found, Some((42001, false)));
    assert_eq!(body.size_hint().exact(), Some(29));
    assert_eq!(steps_of(body).await, [start, end]);
}

#[test]
fn without_a_runtime_the_rest_is_not_waited_for() {
    let start = text("{\"errcode\":42001,");
    let script = Script::new([start.clone(), Later, text("}")]);
    let (found, body) = open(peek(script).now_or_never().expect("given up at once"));
    assert_eq!(found, Some((42001, false)));
    assert_eq!(steps_of(body).now_or_never(), Some(vec![start, text("}")]));

    let (found, _) = open(peek(Full::<Bytes>::from(REJECTION)).now_or_never().unwrap());
    assert_eq!(found, Some((42001, true)));
}

#[tokio::test(start_paused = true)]
async fn an_answer_says_that_the_token_was_accepted_or_says_nothing_of_it() {
    for (script, accepted) in [
        (vec![text(r#"{"errcode":0}"#)], true),
        (vec![text(r#"{"errcode":45009}"#)], true),
        (bytewise(r#"{"errmsg":"","errcode":48001}"#), true),
        (vec![text(r#"{"total":3}"#)], true),
        (vec![text("GIF89a")], true),
        (vec![], true),
        (vec![text(r#"{"errcode":-1,"errmsg":"system error"}"#)], false),
        (bytewise(r#"{"errmsg":"","errcode":-1}"#), false),
        (vec![text("{"), Fail("reset")], false),
        (vec![text("{"), Slow(TIMEOUT * 2), text(r#""errcode":0}"#)], false),
    ] {
        let Verdict::Passed { accepted: told, .. } = peek(Script::new(script.clone())).await else {
            panic!("{script:?} is no rejection");
        };
        assert_eq!(told, accepted, "{script:?}");
    }
}

/// A download that is made as it is asked for.
struct Download {
    left: usize,
    made: Arc<AtomicUsize>,
}

impl Body for Download {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready((self.left > 0).then(|| {
            self.left -= 1;
            self.made.fetch_add(1, Ordering::Relaxed);
            Ok(Frame::data(Bytes::from(vec![0xFF; 1 << 16])))
        }))
    }
}

#[tokio::test(start_paused = true)]
async fn a_download_of_64_mb_streams_on_from_its_first_frame() {
    let made = Arc::new(AtomicUsize::new(0));
    let download = Download { left: 1024, made: made.clone() };
    let (found, mut body) = open(peek(download).now_or_never().unwrap());
    assert_eq!((found, made.load(Ordering::Relaxed)), (None, 1));
    let mut read = 0;
    for frame in 1..=1024 {
        read += body.frame().await.unwrap().unwrap().into_data().unwrap().len();
        assert_eq!(made.load(Ordering::Relaxed), frame, "never ahead of its reader");
    }
    assert!(body.frame().await.is_none());
    assert_eq!(read, 64 << 20);
}

#[tokio::test(start_paused = true)]
async fn what_was_looked_at_is_not_copied() {
    let frames = [Bytes::from("{\"errcode\":"), Bytes::from(String::from("42001}"))];
    let (_, body) = open(peek(Script::new(frames.clone().map(Data))).await);
    for (frame, step) in frames.iter().zip(steps_of(body).await) {
        assert!(matches!(step, Data(data) if data.as_ptr() == frame.as_ptr()));
    }
}

#[tokio::test(start_paused = true)]
async fn frames_of_several_pieces_are_read_where_they_lie() {
    fn chain(text: &'static str, cut: usize) -> Chain<&'static [u8], &'static [u8]> {
        let (head, tail) = text.as_bytes().split_at(cut);
        head.chain(tail)
    }
    for cut in 0..=REJECTION.len() {
        let (found, body) = open(peek(Script::new([Data(chain(REJECTION, cut))])).await);
        assert_eq!(found, Some((42001, true)), "cut at {cut}");
        assert_eq!(body.collect().await.unwrap().to_bytes(), REJECTION);
    }
}

/// Shows no more than its first piece, as a `Buf` may that does not implement `chunks_vectored`.
#[derive(Clone, Debug, PartialEq)]
struct Pieces(VecDeque<&'static [u8]>);

impl Buf for Pieces {
    fn remaining(&self) -> usize {
        self.0.iter().map(|piece| piece.len()).sum()
    }

    fn chunk(&self) -> &[u8] {
        self.0.front().copied().unwrap_or_default()
    }

    fn advance(&mut self, mut count: usize) {
        while let Some(piece) = self.0.pop_front() {
            if count < piece.len() {
                self.0.push_front(&piece[count..]);
                return;
            }
            count -= piece.len();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_does_not_show_itself_passes() {
    for (pieces, expected) in [
        ([&b"{\"errcode\":"[..], b"42001}"], None),
        ([b"{\"errcode\":42001,", b"\"errmsg\":\"\"}"], Some((42001, true))),
    ] {
        let frame = Pieces(pieces.into());
        // The second frame would decide wrongly, were the hidden piece left out.
        let script = [Data(frame.clone()), Data(Pieces([&b"40001}"[..]].into()))];
        let (found, body) = open(peek(Script::new(script.clone())).await);
        assert_eq!(found, expected);
        assert_eq!(steps_of(body).await, script);
    }
}

#[tokio::test(start_paused = true)]
async fn an_untouched_body_is_the_inner_one() {
    let body = PeekedBody::untouched(Full::<Bytes>::from(REJECTION));
    assert_eq!(body.size_hint().exact(), Some(REJECTION.len().try_into().unwrap()));
    assert!(!body.is_end_stream());
    assert_eq!(format!("{body:?}"), "PeekedBody { .. }");
    assert_eq!(body.collect().await.unwrap().to_bytes(), REJECTION);
    assert!(PeekedBody::untouched(Empty::<Bytes>::new()).is_end_stream());
}

#[tokio::test(start_paused = true)]
async fn a_body_read_to_its_end_says_so() {
    let (_, body) = open(peek(Script::new([text(REJECTION)])).await);
    let mut body = Box::pin(body);
    assert!(body.frame().await.is_some());
    assert!(body.is_end_stream());
    assert_eq!(body.size_hint().exact(), Some(0));
    assert!(body.frame().await.is_none());
    assert!(body.frame().await.is_none(), "the script panics when asked after its end");
}

#[tokio::test(start_paused = true)]
async fn only_the_listed_codes_are_rejections() {
    for (body, expected) in [("{\"errcode\":-7}", Some((-7, true))), (REJECTION, None)] {
        let (found, _) = open(peek_for(Full::<Bytes>::from(body), &[-7]).await);
        assert_eq!(found, expected);
    }
}

#[test]
fn bodies_stay_send_and_sync() {
    assert_impl_all!(PeekedBody<Script<Bytes>>: Send, Sync);
    assert_impl_all!(PeekedBody<Full<Bytes>>: Send, Sync, Unpin);
    assert_impl_all!(PeekedBody<hyper::body::Incoming>: Send, Sync, Unpin);
    assert_impl_all!(Peek<Script<Bytes>>: Send, Sync, Unpin);
    assert_not_impl_any!(PeekedBody<Script<Bytes>>: Unpin);
    assert_not_impl_any!(PeekedBody<Full<NotSend>>: Send, Sync);
}

/// As for `Send` and `Sync`, so is it with what cannot be sent.
struct NotSend(Rc<[u8]>);

impl Buf for NotSend {
    fn remaining(&self) -> usize {
        self.0.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.0
    }

    fn advance(&mut self, count: usize) {
        self.0 = self.0[count..].into();
    }
}

/// A body's text, cut into frames anyhow, with waits and empty frames between, and any end.
fn script() -> impl Strategy<Value = (Vec<Step<Bytes>>, String)> {
    let body = select(vec![
        REJECTION.to_owned(),
        "{\"errmsg\":\"\u{1}\u{4e2d}\",\"errcode\":\"40001\"}".to_owned(),
        "{\"errcode\":0,\"list\":[{\"errcode\":40001}]}".to_owned(),
        "{\"data\":\"{\\\"errcode\\\":40001}\"}".to_owned(),
        "\u{ff}\u{d8}\u{ff}\u{e0}{\"errcode\":40001}".to_owned(),
        "[{\"errcode\":40001}]".to_owned(),
    ]);
    let end = select(vec![None, Some(Trailers(trailers())), Some(Fail("reset"))]);
    (body, vec((0..24_usize, 0..4_u8), 0..40), end).prop_map(|(body, cuts, end)| {
        let mut rest = Bytes::from(body.clone());
        let mut steps = Vec::new();
        for (length, waits) in cuts {
            steps.resize(steps.len() + usize::from(waits / 2), Later);
            steps.push(Data(rest.split_to(length.min(rest.len()))));
        }
        steps.push(Data(rest));
        steps.extend(end);
        (steps, body)
    })
}

proptest! {
    #[test]
    fn any_answer_comes_out_as_it_went_in((steps, text) in script()) {
        let mut scanner = ErrcodeScanner::new();
        scanner.push(text.as_bytes());
        let code = match scanner.finish() {
            Found::Code(code) if code != 0 => Some(code),
            _ => None,
        };
        let cut = steps.last() == Some(&Fail("reset"));
        let length: u64 = steps.iter().map(length).sum();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (found, body) = open(peek(Script::new(steps.clone())).await);
            prop_assert_eq!(found, code.map(|code| (code, !cut)));
            prop_assert_eq!(body.size_hint().exact(), Some(length));
            let expected: Vec<_> = steps.into_iter().filter(|step| *step != Later).collect();
            prop_assert_eq!(steps_of(body).await, expected);
            Ok(())
        })?;
    }
}
