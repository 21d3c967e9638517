//! One connection: HTTP/1.1, within its time limits.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
};

use axum::body::Body;
use http::{HeaderMap, Request, Response, Version, header::HOST};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    select,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    answering::{Answering, InAnswer},
    phase::Phase,
    stopping::Stopping,
    stream::Watched,
};
use crate::{
    peer::Peer,
    problem::Problem,
    service::{Answers, refused},
};

/// What all connections of a listener have in common.
#[derive(Clone)]
pub(super) struct Serving {
    pub(super) answers: Answers,
    pub(super) header_bytes: usize,
    /// To end once the present request is answered.
    pub(super) stop: CancellationToken,
    /// To end at once.
    pub(super) cut: CancellationToken,
}

impl Serving {
    /// Serves a connection to its end: the client's, a time limit, another connection that needs the place, or, once its
    /// present request is answered, the server's.
    pub(super) async fn serve<S>(self, stream: S, peer: Peer, phase: Arc<Phase>)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let Self { answers, header_bytes, stop, cut } = self;
        let io = TokioIo::new(Watched::new(stream, phase.clone()));
        let (in_request, stopping) = (phase.clone(), Stopping(stop.clone()));
        let service = service_fn(move |mut request: Request<Incoming>| {
            let in_answer = InAnswer::begin(in_request.clone());
            let is_length_double = in_request.is_length_double();
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(stopping.clone());
            answer(answers.clone(), request, in_answer, is_length_double)
        });
        let connection = http1::Builder::new().max_buf_size(header_bytes).serve_connection(io, service);
        let mut connection = pin!(connection);
        let mut limit = pin!(sleep_until(end(&phase)));
        let mut stops = false;
        loop {
            let planned = limit.deadline();
            select! {
                biased;
                // How it ended is the client's business.
                _ = connection.as_mut() => return,
                () = earlier(&phase, planned) => limit.as_mut().reset(end(&phase)),
                () = phase.place().is_needed() => return,
                () = stop.cancelled(), if !stops => {
                    stops = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = cut.cancelled() => return,
                () = limit.as_mut() => {
                    let end = end(&phase);
                    if end <= planned {
                        return;
                    }
                    limit.as_mut().reset(end);
                }
            }
        }
    }
}

/// When the connection must have made progress; a while from now where nothing limits it.
fn end(phase: &Phase) -> Instant {
    phase.deadline().unwrap_or_else(|| crate::clock::now() + super::phase::IDLE)
}

/// Ready where the limit has come nearer than was planned. It is looked at whenever the connection was.
fn earlier(phase: &Phase, planned: Instant) -> impl Future<Output = ()> {
    poll_fn(move |_| match phase.deadline() {
        Some(deadline) if deadline < planned => Poll::Ready(()),
        _ => Poll::Pending,
    })
}

async fn answer(
    answers: Answers,
    request: Request<Incoming>,
    in_answer: InAnswer,
    is_length_double: bool,
) -> Result<Response<Answering>, Infallible> {
    let response = if !has_one_host(request.version(), request.headers()) {
        refused(&request, Problem::bad_request("an HTTP/1.1 request has one `Host` header"))
    } else if is_length_double {
        refused(&request, Problem::bad_request("the request says in two ways how long its body is"))
    } else {
        answers.answer(request.map(Body::new)).await
    };
    Ok(response.map(|body: Body| in_answer.until(body)))
}

/// A server refuses what lacks a host or has two (RFC 9112, 3.2).
fn has_one_host(version: Version, headers: &HeaderMap) -> bool {
    let hosts = headers.get_all(HOST).iter().count();
    hosts == 1 || (hosts == 0 && version < Version::HTTP_11)
}
