//! A token hub that says what a test tells it to, over real sockets or in memory.

#![allow(dead_code, reason = "every test file uses another part of this")]

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream},
    net::{TcpListener, UnixListener},
    sync::mpsc,
    task::{AbortHandle, JoinSet},
    time::timeout,
};

/// Longer than anything takes that comes at all.
const SOON: Duration = Duration::from_secs(20);

pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// What somebody asks, over a connection that ends with this.
pub struct Question {
    /// Request line and headers.
    pub head: String,
    pub body: String,
    stream: Box<dyn Stream>,
}

impl Question {
    /// Method and target.
    pub fn line(&self) -> &str {
        self.head.lines().next().unwrap().strip_suffix(" HTTP/1.1").unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let headers = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        headers.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    fn is_poll(&self) -> bool {
        self.line().contains("newer_than=")
    }

    /// Answers with this token.
    pub async fn tell(self, token: &str, generation: u64) {
        self.json("200 OK", &told(token, generation)).await;
    }

    pub async fn json(self, status: &str, json: &str) {
        self.answer(status, "content-type: application/json\r\n", json).await;
    }

    pub async fn problem(self, status: &str, json: &str) {
        self.answer(status, "content-type: application/problem+json\r\n", json).await;
    }

    pub async fn nothing_new(self) {
        self.raw("HTTP/1.1 204 No Content\r\n\r\n").await;
    }

    pub async fn answer(self, status: &str, headers: &str, body: &str) {
        let length = body.len();
        self.raw(&format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}")).await;
    }

    /// Writes these bytes. The connection lasts as long as what this returns.
    pub async fn raw(mut self, bytes: &str) -> Self {
        // Who asked may have gone.
        let _ = self.stream.write_all(bytes.as_bytes()).await;
        self
    }

    /// Waits until whoever asked hangs up.
    pub async fn hung_up(mut self) {
        let end = timeout(SOON, self.stream.read(&mut [0; 64])).await.expect("somebody hangs up");
        assert!(matches!(end, Ok(0) | Err(_)), "nothing else is said on this connection");
    }
}

/// The answer that tells of this token, of two hours.
pub fn told(token: &str, generation: u64) -> String {
    format!(r#"{{"access_token":"{token}","expires_in":7200,"generation":{generation},"platform":"wechat"}}"#)
}

/// A hub whose answers are the test's. It goes, with all its connections, when this is dropped.
pub struct Hub {
    asks: mpsc::UnboundedReceiver<Question>,
    polls: mpsc::UnboundedReceiver<Question>,
    tasks: Vec<AbortHandle>,
}

impl Hub {
    pub fn unix(path: &Path) -> Self {
        let _ = std::fs::remove_file(path);
        let listener = UnixListener::bind(path).unwrap();
        let (connections, hub) = Self::memory();
        hub.accepting(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = connections.send(Box::new(stream));
            }
        })
    }

    /// Its URL, too.
    pub async fn tcp() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (connections, hub) = Self::memory();
        let hub = hub.accepting(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = connections.send(Box::new(stream));
            }
        });
        (hub, url)
    }

    fn accepting(mut self, accept: impl Future<Output = ()> + Send + 'static) -> Self {
        self.tasks.push(tokio::spawn(accept).abort_handle());
        self
    }

    /// One that gets its connections through this.
    pub fn memory() -> (mpsc::UnboundedSender<Box<dyn Stream>>, Self) {
        let (connections, mut incoming) = mpsc::unbounded_channel::<Box<dyn Stream>>();
        let (asked, asks) = mpsc::unbounded_channel();
        let (polled, polls) = mpsc::unbounded_channel();
        let serving = tokio::spawn(async move {
            let mut reading = JoinSet::new();
            while let Some(stream) = incoming.recv().await {
                let (asked, polled) = (asked.clone(), polled.clone());
                reading.spawn(async move {
                    if let Some(question) = read(stream).await {
                        let queue = if question.is_poll() { polled } else { asked };
                        let _ = queue.send(question);
                    }
                });
            }
        });
        (connections, Self { asks, polls, tasks: vec![serving.abort_handle()] })
    }

    /// The next question for a token, or of a refresh.
    pub async fn ask(&mut self) -> Question {
        timeout(SOON, self.asks.recv()).await.expect("somebody asks").unwrap()
    }

    /// The next wait for a newer token.
    pub async fn poll(&mut self) -> Question {
        timeout(SOON, self.polls.recv()).await.expect("somebody listens").unwrap()
    }

    /// The next question of either kind, however long that takes. There is none once nobody can ask.
    pub async fn any(&mut self) -> Question {
        let next = async {
            tokio::select! {
                Some(question) = self.asks.recv() => question,
                Some(question) = self.polls.recv() => question,
            }
        };
        next.await
    }

    /// Whether nobody has asked anything that was not answered.
    pub fn is_quiet(&mut self) -> bool {
        self.asks.try_recv().is_err() && self.polls.try_recv().is_err()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

async fn read(mut stream: Box<dyn Stream>) -> Option<Question> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    Some(Question { head, body: String::from_utf8(body).unwrap(), stream })
}

/// The two ends of a connection in memory.
pub fn connection() -> (DuplexStream, DuplexStream) {
    tokio::io::duplex(256 * 1024)
}

/// A folder for a socket, with a path that is short enough for one. It goes when this is dropped.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        let name = format!("hub-{}-{:x}", std::process::id(), fastrand::u64(..));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn socket(&self) -> PathBuf {
        self.0.join("hub.sock")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
