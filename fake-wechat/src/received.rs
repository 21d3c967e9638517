//! [`Received`]: what arrived of a body.

use bytes::BytesMut;
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use sha2::{Digest, Sha256};

/// So much of a body is kept.
const KEPT: usize = 1024 * 1024;

/// Length, hash and beginning of a body.
#[derive(Default)]
pub(crate) struct Received {
    pub(crate) len: u64,
    hash: Sha256,
    /// The first MiB.
    pub(crate) kept: BytesMut,
    /// Whether it arrived to its end.
    pub(crate) complete: bool,
}

impl Received {
    pub(crate) async fn read(body: &mut Incoming) -> Self {
        let mut received = Self::default();
        // Once the answer is out, the server announces no end before the next request: the length alone tells.
        while !body.is_end_stream() {
            match body.frame().await {
                Some(Ok(frame)) => {
                    if let Some(chunk) = frame.data_ref() {
                        received.add(chunk);
                    }
                }
                Some(Err(_)) => return received,
                None => break,
            }
        }
        received.complete = true;
        received
    }

    fn add(&mut self, chunk: &[u8]) {
        self.len += chunk.len() as u64;
        self.hash.update(chunk);
        let room = KEPT - self.kept.len();
        self.kept.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }

    /// In hex.
    pub(crate) fn sha256(&self) -> String {
        format!("{:x}", self.hash.clone().finalize())
    }
}
