//! A hyper server on a free port, whose answers a test gives.

use std::{
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, request::Parts};
use http_body_util::{BodyExt, Full, channel, combinators::UnsyncBoxBody};
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
    upgrade::OnUpgrade,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{AbortHandle, JoinSet},
};
use tokio_rustls::TlsAcceptor;

use crate::wire::BoxError;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wire {
    Http1,
    /// With prior knowledge.
    Http2,
    Http2Tls,
}

pub const WIRES: [Wire; 3] = [Wire::Http1, Wire::Http2, Wire::Http2Tls];

pub const REJECTION: &str =
    r#"{"errcode":40001,"errmsg":"invalid credential, access_token is invalid or not latest"}"#;
pub const ACCEPTED: &str = r#"{"errcode":0,"errmsg":"ok"}"#;

pub type Answer = UnsyncBoxBody<Bytes, BoxError>;
/// An error ends the connection, or resets the stream for the reason in it.
pub type Answered = Result<Response<Answer>, BoxError>;

/// A body of this text.
pub fn text(text: impl Into<Bytes>) -> Answer {
    Full::new(text.into()).map_err(|never| match never {}).boxed_unsync()
}

#[expect(clippy::unnecessary_wraps, reason = "it is what a script returns")]
pub fn json(body: impl Into<Bytes>) -> Answered {
    Ok(Response::builder().header("content-type", "application/json").body(text(body)).unwrap())
}

/// A body that is fed by and by.
pub fn fed() -> (channel::Sender<Bytes, BoxError>, Answer) {
    let (sender, body) = channel::Channel::new(1);
    (sender, body.boxed_unsync())
}

/// What an HTTP/2 client is allowed.
#[derive(Clone, Copy, Default)]
pub struct Limits {
    /// Bytes under way, for each stream and for the connection.
    pub window: Option<u32>,
    /// Requests at the same time.
    pub streams: Option<u32>,
}

/// Stops with the test.
pub struct Server {
    wire: Wire,
    port: u16,
    root: Option<CertificateDer<'static>>,
    shared: Arc<Shared>,
    listening: AbortHandle,
    _tasks: JoinSet<()>,
}

struct Shared {
    seen: watch::Sender<Vec<Arc<Seen>>>,
    /// The least token that is accepted.
    floor: AtomicU64,
    /// Uploads that are neither read nor dropped.
    kept: Mutex<Vec<Incoming>>,
    open: watch::Sender<usize>,
    ending: watch::Sender<bool>,
}

/// A request as it came off the wire.
pub struct Seen {
    pub head: Parts,
    pub connection: usize,
    upload: watch::Sender<Upload>,
}

#[derive(Clone, Default)]
pub struct Upload {
    pub bytes: Vec<u8>,
    pub trailers: Option<HeaderMap>,
    /// All of it is here.
    pub whole: bool,
    /// It was broken off.
    pub broken: bool,
}

impl Upload {
    fn is_over(&self) -> bool {
        self.whole || self.broken
    }
}

impl Seen {
    /// The number of the token, or 0 if there was none.
    pub fn token(&self) -> u64 {
        let query = self.head.uri.query().unwrap_or_default();
        query.rsplit_once("access_token=TOKEN-").map_or(0, |(_, number)| number.parse().unwrap())
    }

    pub fn upload(&self) -> Upload {
        self.upload.borrow().clone()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        Some(self.head.headers.get(name)?.to_str().unwrap())
    }

    /// How the body was framed.
    pub fn framing(&self) -> (Option<&str>, Option<&str>, Option<&str>) {
        (self.header("content-length"), self.header("transfer-encoding"), self.header("trailer"))
    }

    /// The upload, once all of it has come, or it was broken off.
    pub async fn ended(&self) -> Upload {
        let mut upload = self.upload.subscribe();
        upload.wait_for(Upload::is_over).await.unwrap().clone()
    }
}

/// One request, and what can be done about it.
pub struct Exchange {
    pub seen: Arc<Seen>,
    /// From 1.
    pub number: usize,
    body: Incoming,
    pub upgrade: OnUpgrade,
    cut: watch::Sender<bool>,
    shared: Arc<Shared>,
}

impl Exchange {
    /// Whether the token is good.
    pub fn is_accepted(&self) -> bool {
        self.seen.token() >= self.shared.floor.load(Ordering::SeqCst)
    }

    /// Ready once so many requests have come to the server.
    pub async fn requests(&self, count: usize) {
        self.shared.seen.subscribe().wait_for(|seen| seen.len() >= count).await.unwrap();
    }

    /// Reads until there are so many bytes, or all.
    pub async fn read(&mut self, enough: usize) {
        while self.seen.upload.borrow().bytes.len() < enough {
            let frame = self.body.frame().await;
            let more = matches!(frame, Some(Ok(_)));
            self.seen.upload.send_modify(|upload| match frame {
                None => upload.whole = true,
                Some(Err(_)) => upload.broken = true,
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => upload.bytes.extend(data),
                    Err(frame) => upload.trailers = frame.into_trailers().ok(),
                },
            });
            if !more {
                return;
            }
        }
    }

    pub async fn read_all(&mut self) {
        self.read(usize::MAX).await;
    }

    /// Reads on in the background: so many bytes at a time, with a pause after each.
    pub fn read_on(mut self, step: usize, pause: Duration) {
        tokio::spawn(async move {
            let mut enough = 0;
            loop {
                enough += step;
                self.read(enough).await;
                if self.seen.upload.borrow().is_over() {
                    return;
                }
                tokio::time::sleep(pause).await;
            }
        });
    }

    /// Neither reads the rest of the upload nor drops it.
    pub fn keep(self) {
        self.shared.kept.lock().unwrap().push(self.body);
    }

    /// Ends the connection as if a cable had been cut.
    pub async fn cut(self) -> Answered {
        self.cut.send_replace(true);
        std::future::pending().await
    }

    /// The usual: reads all, and judges the token.
    pub async fn usual(mut self) -> Answered {
        self.read_all().await;
        json(if self.is_accepted() { ACCEPTED } else { REJECTION })
    }
}

impl Server {
    pub async fn start<F, O>(wire: Wire, answer: F) -> Self
    where
        F: Fn(Exchange) -> O + Clone + Send + Sync + 'static,
        O: Future<Output = Answered> + Send + 'static,
    {
        Self::with(wire, Limits::default(), answer).await
    }

    pub async fn with<F, O>(wire: Wire, limits: Limits, answer: F) -> Self
    where
        F: Fn(Exchange) -> O + Clone + Send + Sync + 'static,
        O: Future<Output = Answered> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            seen: watch::Sender::default(),
            floor: AtomicU64::new(0),
            kept: Mutex::default(),
            open: watch::Sender::new(0),
            ending: watch::Sender::new(false),
        });
        let tls = (wire == Wire::Http2Tls).then(acceptor);
        let (root, tls) = tls.unzip();
        let mut tasks = JoinSet::new();
        let accepting = shared.clone();
        let (give, mut streams) = tokio::sync::mpsc::unbounded_channel::<TcpStream>();
        let listening = tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = give.send(stream);
            }
        });
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            let mut number = 0;
            while let Some(stream) = streams.recv().await {
                number += 1;
                let (tls, shared, answer) = (tls.clone(), accepting.clone(), answer.clone());
                connections.spawn(async move {
                    shared.open.send_modify(|open| *open += 1);
                    let connection = Connection { wire, limits, number, shared: shared.clone() };
                    match tls {
                        None => connection.serve(stream, answer).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                connection.serve(stream, answer).await;
                            }
                        }
                    }
                    shared.open.send_modify(|open| *open -= 1);
                });
            }
            // The listener is gone; connections are not.
            while connections.join_next().await.is_some() {}
        });
        Self { wire, port, root, shared, listening, _tasks: tasks }
    }

    /// Judges tokens, and has no other script.
    pub async fn usual(wire: Wire) -> Self {
        Self::start(wire, Exchange::usual).await
    }

    pub fn wire(&self) -> Wire {
        self.wire
    }

    pub fn url(&self) -> String {
        let scheme = if self.wire == Wire::Http2Tls { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    pub fn root(&self) -> Option<CertificateDer<'static>> {
        self.root.clone()
    }

    /// Tokens with a lower number are rejected from now on.
    pub fn reject_below(&self, token: u64) {
        self.shared.floor.store(token, Ordering::SeqCst);
    }

    pub fn seen(&self) -> Vec<Arc<Seen>> {
        self.shared.seen.borrow().clone()
    }

    /// The requests, once there are so many.
    pub async fn requests(&self, count: usize) -> Vec<Arc<Seen>> {
        self.shared.seen.subscribe().wait_for(|seen| seen.len() >= count).await.unwrap().clone()
    }

    /// The tokens that requests came with, in order.
    pub fn tokens(&self) -> Vec<u64> {
        self.seen().iter().map(|seen| seen.token()).collect()
    }

    /// Takes no more connections; those that are there stay.
    pub async fn stop_listening(&self) {
        self.listening.abort();
        while !self.listening.is_finished() {
            tokio::task::yield_now().await;
        }
    }

    /// Ends all connections in good order, and comes back when they are closed on both sides.
    pub async fn end_connections(&self) {
        self.shared.ending.send_replace(true);
        self.all_closed().await;
    }

    /// Ready once no connection is open.
    pub async fn all_closed(&self) {
        self.shared.open.subscribe().wait_for(|open| *open == 0).await.unwrap();
    }
}

struct Connection {
    wire: Wire,
    limits: Limits,
    number: usize,
    shared: Arc<Shared>,
}

impl Connection {
    async fn serve<I, F, O>(self, io: I, answer: F)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Fn(Exchange) -> O + Clone + Send + Sync + 'static,
        O: Future<Output = Answered> + Send + 'static,
    {
        let Self { wire, limits, number: connection, shared } = self;
        let cut = watch::Sender::new(false);
        let (cutting, ending) = (cut.clone(), shared.ending.subscribe());
        let service = service_fn(move |mut request: Request<Incoming>| {
            let upgrade = hyper::upgrade::on(&mut request);
            let (head, body) = request.into_parts();
            let seen = Arc::new(Seen { head, connection, upload: watch::Sender::default() });
            let mut number = 0;
            shared.seen.send_modify(|all| {
                all.push(seen.clone());
                number = all.len();
            });
            answer(Exchange { seen, number, body, upgrade, cut: cut.clone(), shared: shared.clone() })
        });
        let io = TokioIo::new(io);
        let mut cutting = cutting.subscribe();
        let cutting = async { drop(cutting.wait_for(|cut| *cut).await) };
        let mut ending = ending;
        let ended = async { drop(ending.wait_for(|ending| *ending).await) };
        if wire == Wire::Http1 {
            let serving = http1::Builder::new().serve_connection(io, service).with_upgrades();
            let mut serving = std::pin::pin!(serving);
            tokio::select! {
                _ = serving.as_mut() => return,
                () = cutting => return,
                () = ended => {}
            }
            serving.as_mut().graceful_shutdown();
            let _ = serving.await;
        } else {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            let Limits { window, streams } = limits;
            builder.initial_connection_window_size(window).initial_stream_window_size(window);
            builder.max_concurrent_streams(streams.unwrap_or(200));
            let mut serving = std::pin::pin!(builder.serve_connection(io, service));
            tokio::select! {
                _ = serving.as_mut() => return,
                () = cutting => return,
                () = ended => {}
            }
            serving.as_mut().graceful_shutdown();
            let _ = serving.await;
        }
    }
}

/// A certificate for this machine, and TLS with it that offers HTTP/2.
fn acceptor() -> (CertificateDer<'static>, TlsAcceptor) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    (certificate, TlsAcceptor::from(Arc::new(config)))
}
