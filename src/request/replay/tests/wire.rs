//! Both sends through hyper's client, to a server that rejects the first when the test says so.

use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
};
use tokio::{net::TcpListener, sync::mpsc, task::JoinSet};

use http_body::SizeHint;

use super::*;
use crate::error::BoxError;

/// What takes longer hangs: each test takes seconds at most.
const HANGS: Duration = Duration::from_secs(30);

/// A request as it came off the wire.
#[derive(Clone, Debug, Default, PartialEq)]
struct Upload {
    length: Option<String>,
    coding: Option<String>,
    bytes: Vec<u8>,
    trailers: Option<HeaderMap>,
}

impl Upload {
    /// Reads until there are so many bytes, or all.
    async fn read(request: &mut Request<Incoming>, enough: usize) -> Self {
        let header = |name| Some(request.headers().get(name)?.to_str().unwrap().to_owned());
        let mut upload =
            Self { length: header("content-length"), coding: header("transfer-encoding"), ..Self::default() };
        while upload.bytes.len() < enough
            && let Some(Ok(frame)) = request.body_mut().frame().await
        {
            match frame.into_data() {
                Ok(data) => upload.bytes.extend(data),
                Err(frame) => upload.trailers = frame.into_trailers().ok(),
            }
        }
        upload
    }

    /// How the body was framed, which the server sees first.
    fn framing(&self) -> (Option<&str>, Option<&str>) {
        (self.length.as_deref(), self.coding.as_deref())
    }
}

/// A server that rejects the first request after so many bytes, and keeps the rest of that request unread.
struct Server {
    address: std::net::SocketAddr,
    uploads: mpsc::UnboundedReceiver<Upload>,
    _connections: JoinSet<()>,
}

impl Server {
    async fn start(rejects_after: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, uploads) = mpsc::unbounded_channel();
        let held = Arc::new(Mutex::new(None));
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            let mut accepted = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (sender, held) = (sender.clone(), held.clone());
                let answer = service_fn(move |mut request: Request<Incoming>| {
                    let (sender, held) = (sender.clone(), held.clone());
                    async move {
                        let is_first = held.lock().unwrap().is_none();
                        let enough = if is_first { rejects_after } else { usize::MAX };
                        sender.send(Upload::read(&mut request, enough).await).unwrap();
                        let mut response = Response::new(Empty::<Bytes>::new());
                        if is_first {
                            *response.status_mut() = StatusCode::FORBIDDEN;
                            *held.lock().unwrap() = Some(request);
                        }
                        Ok::<_, std::convert::Infallible>(response)
                    }
                });
                accepted.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        Self { address, uploads, _connections: connections }
    }
}

/// Tells when hyper has let go of a body.
struct Watched<B> {
    body: ReplayBody<B>,
    _held: Option<mpsc::Sender<()>>,
}

impl<B: Body<Data = Bytes, Error: Into<BoxError>>> Body for Watched<B> {
    type Data = Bytes;
    type Error = ReplayBodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ReplayBodyError>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Sends the body until it is rejected, takes it over, does `then`, sends it again.
///
/// The receiver that `then` gets ends when hyper drops the first body.
async fn send_twice<B>(
    body: B,
    rejects_after: usize,
    then: impl AsyncFnOnce(mpsc::Receiver<()>),
) -> ([Upload; 2], Server)
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let mut server = Server::start(rejects_after).await;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let url = format!("http://{}/", server.address);
    let send = async |body, held| {
        let body = Watched { body, _held: held };
        let request = Request::builder().method(Method::POST).uri(&url);
        let request = request.header("trailer", "x-checksum").body(body).unwrap();
        client.request(request).await.unwrap().status()
    };
    let (first, replay) = record(body, 32 << 20, &plenty());
    let (held, first_is_gone) = mpsc::channel(1);
    assert_eq!(send(first, Some(held)).await, StatusCode::FORBIDDEN);
    let second = replay.take().unwrap();
    then(first_is_gone).await;
    assert_eq!(send(second, None).await, StatusCode::OK);
    let first = server.uploads.recv().await.unwrap();
    let second = server.uploads.recv().await.unwrap();
    ([first, second], server)
}

async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANGS, what).await.expect("it hangs")
}

#[tokio::test]
async fn a_body_in_one_piece_keeps_its_length() {
    let bodies = [Bytes::new(), Bytes::from(r#"{"touser":"o-1"}"#), vec![7; 10 << 20].into()];
    for body in bodies {
        for rejects_after in [0, 1, usize::MAX] {
            let sent = send_twice(Full::new(body.clone()), rejects_after, async |_| {});
            let ([first, second], ..) = in_time(sent).await;
            // hyper announces nothing for an empty body, wrapped or not.
            let length = (!body.is_empty()).then(|| body.len().to_string());
            assert_eq!(first.framing(), (length.as_deref(), None));
            assert_eq!(second.framing(), first.framing());
            assert!(second.bytes == body, "{length:?} bytes became other bytes");
        }
    }
}

#[tokio::test]
async fn a_stream_is_sent_again_wherever_it_was_rejected() {
    const CHUNKS: usize = 40;
    let chunk = |n: usize| vec![u8::try_from(n).unwrap(); 100 + n];
    let whole: Vec<u8> = (0..CHUNKS).flat_map(chunk).collect();
    for known in [true, false] {
        for sent_before in [0, 1, CHUNKS / 2, CHUNKS] {
            let (feed, body) = script(known.then_some(whole.len() as u64));
            (0..sent_before).for_each(|n| feed.data(chunk(n)));
            let enough = (0..sent_before).flat_map(chunk).count();
            let sent = send_twice(body, enough, async |mut first_is_gone| {
                // The source is silent: only the take-over can have woken hyper.
                assert_eq!(first_is_gone.recv().await, None);
                (sent_before..CHUNKS).for_each(|n| feed.data(chunk(n)));
                if !known {
                    feed.step(Step::Trailers(trailers()));
                }
                feed.end();
            });
            let ([first, second], _server) = in_time(sent).await;
            let length = known.then(|| whole.len().to_string());
            let coding = (!known).then_some("chunked");
            assert_eq!(first.framing(), (length.as_deref(), coding));
            assert_eq!(second.framing(), first.framing());
            assert!(whole.starts_with(&first.bytes));
            assert!(second.bytes == whole, "after {sent_before} chunks");
            assert_eq!(second.trailers, (!known).then(trailers));
            in_time(feed.released()).await;
        }
    }
}

#[tokio::test]
async fn a_server_that_never_reads_the_upload_holds_nothing_up() {
    // More than fits into the sockets, so that hyper is stuck on writing when the answer comes.
    let (feed, body) = script(None);
    let chunk = Bytes::from(vec![7; 1 << 20]);
    (0..16).for_each(|_| feed.step(Step::Data(chunk.clone())));
    let sent = send_twice(body, 0, async |_| {
        feed.data("the end");
        feed.end();
    });
    let ([_, second], _server) = in_time(sent).await;
    assert_eq!(second.bytes.len(), 16 * chunk.len() + "the end".len());
    assert!(second.bytes.ends_with(b"the end"));
    in_time(feed.released()).await;
}
