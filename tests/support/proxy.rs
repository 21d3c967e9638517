//! A TCP proxy that can misbehave.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU16, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};

/// Stands between a client and `127.0.0.1:<port>`.
pub struct Proxy {
    pub port: u16,
    how: Arc<How>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct How {
    to: AtomicU16,
    paused: AtomicBool,
    mute: AtomicBool,
    swallow: AtomicBool,
    cut: Notify,
}

impl Proxy {
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let how = Arc::new(How::default());
        how.to.store(port, SeqCst);
        Self {
            port: listener.local_addr().unwrap().port(),
            how: how.clone(),
            task: tokio::spawn(async move {
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(forward(client, how.clone()));
                }
            }),
        }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Cuts every connection; new ones are welcome.
    pub fn cut(&self) {
        self.how.cut.notify_waiters();
    }

    /// Leads new connections to another port.
    pub fn lead_to(&self, port: u16) {
        self.how.to.store(port, SeqCst);
    }

    /// Holds everything back, as a network that has lost its way does: nothing breaks, nothing arrives.
    pub fn pause(&self, paused: bool) {
        self.how.paused.store(paused, SeqCst);
    }

    /// Drops what is published.
    pub fn mute(&self, mute: bool) {
        self.how.mute.store(mute, SeqCst);
    }

    /// Cuts the connection instead of passing the next answer on.
    pub fn swallow_next_answer(&self) {
        self.how.swallow.store(true, SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(mut client: TcpStream, how: Arc<How>) {
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", how.to.load(SeqCst))).await else {
        return;
    };
    let (mut from_client, mut from_server) = (vec![0; 65536], vec![0; 65536]);
    let cut = how.cut.notified();
    tokio::pin!(cut);
    loop {
        tokio::select! {
            () = &mut cut => return,
            read = client.read(&mut from_client) => {
                let Ok(n @ 1..) = read else { return };
                how.wait().await;
                if server.write_all(&from_client[..n]).await.is_err() {
                    return;
                }
            }
            read = server.read(&mut from_server) => {
                let Ok(n @ 1..) = read else { return };
                how.wait().await;
                if how.swallow.swap(false, SeqCst) {
                    return;
                }
                let mut answer = from_server[..n].to_vec();
                if how.mute.load(SeqCst) {
                    answer = without_messages(&answer);
                }
                if client.write_all(&answer).await.is_err() {
                    return;
                }
            }
        }
    }
}

impl How {
    async fn wait(&self) {
        while self.paused.load(SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Takes pushed messages out: six lines after the head, which are three strings with their lengths.
fn without_messages(answer: &[u8]) -> Vec<u8> {
    let head: &[u8] = b">3\r\n$7\r\nmessage\r\n";
    let mut rest = answer.to_vec();
    while let Some(start) = rest.windows(head.len()).position(|window| window == head) {
        let lines = rest[start..].split_inclusive(|&byte| byte == b'\n').take(7);
        let len: usize = lines.map(<[u8]>::len).sum();
        rest.drain(start..start + len);
    }
    rest
}
