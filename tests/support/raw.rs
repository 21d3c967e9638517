//! A server that writes bytes and nothing else, for what no decent HTTP server would do.

#![allow(dead_code, reason = "every test file uses another part of this")]

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

    /// Answers one request with this JSON, and tells its method and target.
    pub async fn serve(&self, json: &str) -> String {
        let (head, mut stream) = self.accept().await;
        let length = json.len();
        let answer =
            format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{json}");
        stream.write_all(answer.as_bytes()).await.unwrap();
        let line = head.lines().next().unwrap();
        line.strip_suffix(" HTTP/1.1").unwrap().to_owned()
    }

    /// The same, and answers with these bytes.
    pub async fn answer(&self, bytes: &[u8]) -> TcpStream {
        let (_, mut stream) = self.accept().await;
        stream.write_all(bytes).await.unwrap();
        stream
    }
}
