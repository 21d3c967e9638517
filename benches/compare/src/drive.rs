//! Sends requests one after another, and polls by hand: there is no executor whose work would be counted.

use std::{
    fmt::Debug,
    future::Future,
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower::{Layer, Service};

use crate::{
    case::Case,
    inner::{Inner, Sent},
};

/// Sends this many requests through a layer, after one that is checked.
pub fn requests<L, R>(layer: &L, case: Case, sent: Sent, count: u64)
where
    L: Layer<Inner>,
    L::Service: Service<Request<Full<Bytes>>, Response = Response<R>, Error: Debug>,
    R: Body<Data = Bytes>,
{
    let inner = Inner::new(case.answer());
    drive(layer.layer(inner.clone().checking(sent)), case, 1);
    drive(layer.layer(inner), case, count);
}

fn drive<S, R>(mut service: S, case: Case, count: u64)
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>, Error: Debug>,
    R: Body<Data = Bytes>,
{
    let uri = case.uri();
    let length = case.answer().body.len();
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..count {
        let request = case.request(&uri);
        let _: Poll<_> = service.poll_ready(&mut context);
        let response = at_once(service.call(request)).unwrap();
        let (parts, body) = response.into_parts();
        assert_eq!(read(body), length);
        drop(black_box(parts));
    }
}

/// What a future yields that does not wait.
pub fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("nothing here waits"),
    }
}

/// Reads a body to its end, and tells how long it was.
pub fn read<B: Body<Data = Bytes>>(body: B) -> usize {
    let mut body = pin!(body);
    let mut context = Context::from_waker(Waker::noop());
    let mut length = 0;
    loop {
        match body.as_mut().poll_frame(&mut context) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    length += black_box(data).len();
                }
            }
            Poll::Ready(Some(Err(_))) => unreachable!("nothing here fails"),
            Poll::Ready(None) => return length,
            Poll::Pending => unreachable!("nothing here waits"),
        }
    }
}
