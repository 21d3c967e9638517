//! Small servers on loopback: one that puts TLS before a fake WeChat, one that is a proxy, one that says nothing, none.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;
use tower_wechat::testing::FakeWeChat;

/// A certificate authority of our own.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn pem(&self) -> Vec<u8> {
        self.0.pem().into_bytes()
    }

    /// TLS for localhost, with a certificate of this authority.
    fn acceptor(&self) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let leaf =
            CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }

    /// A WeChat behind TLS. Its base URL.
    pub async fn serve(&self, wechat: &FakeWeChat) -> String {
        self.serve_url(&wechat.url()).await
    }

    /// What is at this URL, behind TLS. Its base URL then.
    pub async fn serve_url(&self, url: &str) -> String {
        let (acceptor, to) = (self.acceptor(), address_of(url));
        let address = listen(move |stream| {
            let (acceptor, to) = (acceptor.clone(), to.clone());
            async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    join(&mut stream, &to).await;
                }
            }
        })
        .await;
        format!("https://localhost:{}", address.port())
    }

    /// A proxy that is spoken to over TLS. Its URL, and the heads that it saw.
    pub async fn proxy(&self) -> (String, Heads) {
        let (acceptor, heads) = (self.acceptor(), Heads::default());
        let seen = heads.clone();
        let address = listen(move |stream| {
            let (acceptor, seen) = (acceptor.clone(), seen.clone());
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    pass_on(stream, "200 OK", &seen).await;
                }
            }
        })
        .await;
        (format!("https://user:SENTINEL@localhost:{}", address.port()), heads)
    }
}

/// What a proxy was told.
#[derive(Clone, Default)]
pub struct Heads(Arc<Mutex<Vec<String>>>);

impl Heads {
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// A proxy that answers a CONNECT with this status, and goes on if that is a success. Its address, and the heads that it saw.
pub async fn proxy(status: &'static str) -> (SocketAddr, Heads) {
    let heads = Heads::default();
    let seen = heads.clone();
    let address = listen(move |stream| {
        let seen = seen.clone();
        async move { pass_on(stream, status, &seen).await }
    })
    .await;
    (address, heads)
}

async fn pass_on(mut stream: impl AsyncRead + AsyncWrite + Unpin, status: &str, seen: &Heads) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    seen.0.lock().unwrap().push(head.clone());
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    if method == "CONNECT" {
        let answer = format!("HTTP/1.1 {status}\r\n\r\n");
        if stream.write_all(answer.as_bytes()).await.is_ok() && status.starts_with("200") {
            join(&mut stream, target).await;
        }
        return;
    }
    // Servers take a target in absolute form too, so the head may go on as it is.
    if let Ok(mut server) = TcpStream::connect(address_of(target)).await
        && server.write_all(head.as_bytes()).await.is_ok()
    {
        let _ = copy_bidirectional(&mut stream, &mut server).await;
    }
}

/// A server that takes connections and never says a word.
pub async fn silent() -> SocketAddr {
    listen(|stream| async move {
        let _stream = stream;
        std::future::pending::<()>().await;
    })
    .await
}

/// An address that refuses connections as long as the socket lives: bound, so that nobody else gets it, but not listening.
pub fn deaf() -> (tokio::net::TcpSocket, SocketAddr) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// `host:port` of a URL that has a port.
fn address_of(url: &str) -> String {
    let (_, rest) = url.split_once("://").unwrap();
    rest.split('/').next().unwrap().to_owned()
}

async fn join(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), to: &str) {
    if let Ok(mut server) = TcpStream::connect(to).await {
        let _ = copy_bidirectional(stream, &mut server).await;
    }
}

async fn listen<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream));
        }
    });
    address
}
