//! A server that writes bytes and nothing else, for what no decent HTTP server would do.

#![allow(dead_code)]

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Listens on loopback; one connection after the other.
pub struct Raw {
    listener: TcpListener,
}

impl Raw {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { listener }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap())
    }

    /// Takes a connection and reads the head of one request. The connection stays open as long as the stream.
    pub async fn accept(&self) -> (String, TcpStream) {
        let (mut stream, _) = self.listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        (String::from_utf8(head).unwrap(), stream)
    }

    /// The same, and answers with these bytes.
    pub async fn answer(&self, bytes: &[u8]) -> TcpStream {
        let (_, mut stream) = self.accept().await;
        stream.write_all(bytes).await.unwrap();
        stream
    }
}
