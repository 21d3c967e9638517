//! [`Inner`]: a service that reads the request, as a client does that writes it to a socket, and answers at once.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    hint::black_box,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    Request, Response,
    header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE},
};
use http_body::Body;
use http_body_util::Full;
use tower::Service;

use crate::{answer::Answer, drive::read};

#[derive(Clone)]
pub struct Inner {
    answer: Answer,
    check: Option<Sent>,
}

/// Where a request has its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    Nowhere,
    Query,
    Header,
}

impl Inner {
    pub fn new(answer: Answer) -> Self {
        Self { answer, check: None }
    }

    /// Panics at a request that has its token elsewhere.
    pub fn checking(self, sent: Sent) -> Self {
        Self { check: Some(sent), ..self }
    }
}

impl<B> Service<Request<B>> for Inner
where
    B: Body<Data = Bytes>,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let read = read(body);
        if let Some(expected) = self.check {
            let in_query = parts.uri.query().is_some_and(|query| query.contains("access_token="));
            let sent = match parts.headers.get(AUTHORIZATION) {
                Some(_) => Sent::Header,
                None if in_query => Sent::Query,
                None => Sent::Nowhere,
            };
            assert_eq!(sent, expected);
            assert_eq!(read, if parts.method == "GET" { 0 } else { crate::case::SENT.len() });
        }
        drop(black_box(parts));
        let mut response = Response::new(Full::new(self.answer.body.clone()));
        response.headers_mut().insert(CONTENT_TYPE, self.answer.content_type.clone());
        response.headers_mut().insert(CONTENT_LENGTH, self.answer.length.clone());
        ready(Ok(response))
    }
}
