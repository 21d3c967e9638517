//! Somebody else at the same `ConcurrencyLimit`.

use std::pin::pin;

use bytes::Bytes;
use futures_util::future::poll_immediate;
use http::Request;
use http_body_util::Full;
use tokio::sync::{oneshot, watch};
use tower::{Service, ServiceExt, limit::ConcurrencyLimit};
use tower_wechat::ReplayBody;

use crate::wire::soon;

/// Takes the permit as soon as it is free, and tells so; gives it back when it is told.
pub struct Neighbour {
    has_it: watch::Receiver<bool>,
    give_back: watch::Sender<bool>,
}

impl Neighbour {
    /// Queues before this returns.
    pub async fn queue<S>(limited: &ConcurrencyLimit<S>) -> Self
    where
        S: Service<Request<ReplayBody<Full<Bytes>>>, Error: std::fmt::Debug + Send> + Clone + Send + 'static,
    {
        let (told, has_it) = watch::channel(false);
        let give_back = watch::Sender::new(false);
        let mut done = give_back.subscribe();
        let mut service = limited.clone();
        let (queue, queued) = oneshot::channel();
        tokio::spawn(async move {
            {
                let mut ready = pin!(ServiceExt::<Request<ReplayBody<Full<Bytes>>>>::ready(&mut service));
                let at_once = poll_immediate(&mut ready).await;
                queue.send(()).unwrap();
                if at_once.is_none() {
                    ready.await.unwrap();
                }
            }
            told.send_replace(true);
            // It keeps its readiness, as a service does that is ready and not called.
            done.wait_for(|done| *done).await.unwrap();
            drop(service);
        });
        soon(queued).await.unwrap();
        Self { has_it, give_back }
    }

    pub async fn has_it(&mut self) {
        soon(self.has_it.wait_for(|has| *has)).await.unwrap();
    }

    pub fn give_back(self) {
        self.give_back.send_replace(true);
    }
}
