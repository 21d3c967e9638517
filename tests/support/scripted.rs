//! What speaks as much of the Redis protocol as a test says.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Answers commands one after another.
pub struct Scripted {
    pub port: u16,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Scripted {
    /// Takes this long for each command, of which `answer` sees the text.
    pub async fn start(pace: Duration, answer: impl Fn(&str) -> String + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        Self {
            port: listener.local_addr().unwrap().port(),
            connections,
            task: tokio::spawn(async move {
                while let Ok((client, _)) = listener.accept().await {
                    count.fetch_add(1, SeqCst);
                    tokio::spawn(serve(client, pace, answer.clone()));
                }
            }),
        }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// How many there have been.
    pub fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut client: TcpStream, pace: Duration, answer: impl Fn(&str) -> String) {
    let mut read = vec![0; 65536];
    while let Ok(n @ 1..) = client.read(&mut read).await {
        let text = String::from_utf8_lossy(&read[..n]).into_owned();
        // Every command is an array, and nothing in the tests' arguments looks like another.
        for command in text.split('*').skip(1) {
            if !pace.is_zero() {
                tokio::time::sleep(pace).await;
            }
            if client.write_all(answer(command).as_bytes()).await.is_err() {
                return;
            }
        }
    }
}
