//! The same as `inner` and `drive` in reqwest's types: of the version that we are a layer over, and of the older one that
//! `wechat-mp-sdk` is.

use std::{
    fmt::Debug,
    future::{Ready, ready},
    hint::black_box,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use tower::{Layer, Service};

use crate::{
    answer::Answer,
    case::{Case, SENT},
    drive::{at_once, read},
};

macro_rules! over {
    ($module:ident, $reqwest:ident) => {
        pub mod $module {
            use super::*;

            #[derive(Clone)]
            pub struct Inner {
                answer: Answer,
                /// Whether a request has a token; unasked if there is none.
                check: Option<bool>,
            }

            impl Service<$reqwest::Request> for Inner {
                type Response = $reqwest::Response;
                type Error = $reqwest::Error;
                type Future = Ready<Result<Self::Response, Self::Error>>;

                fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
                    Poll::Ready(Ok(()))
                }

                fn call(&mut self, mut request: $reqwest::Request) -> Self::Future {
                    let read = request.body_mut().take().map_or(0, read);
                    if let Some(expected) = self.check {
                        let sent = request.url().query_pairs().any(|(key, _)| key == "access_token");
                        assert_eq!(sent, expected);
                        assert_eq!(read, SENT.len());
                    }
                    drop(black_box(request));
                    let mut response = http::Response::new($reqwest::Body::from(self.answer.body.clone()));
                    response.headers_mut().insert(CONTENT_TYPE, self.answer.content_type.clone());
                    response.headers_mut().insert(CONTENT_LENGTH, self.answer.length.clone());
                    ready(Ok(response.into()))
                }
            }

            /// Sends this many requests through a layer, after one that is checked.
            pub fn requests<L>(layer: &L, case: Case, sent: bool, count: u64)
            where
                L: Layer<Inner>,
                L::Service: Service<$reqwest::Request, Response = $reqwest::Response, Error: Debug>,
            {
                let inner = Inner { answer: case.answer(), check: None };
                drive(layer.layer(Inner { check: Some(sent), ..inner.clone() }), case, 1);
                drive(layer.layer(inner), case, count);
            }

            fn drive<S>(mut service: S, case: Case, count: u64)
            where
                S: Service<$reqwest::Request, Response = $reqwest::Response, Error: Debug>,
            {
                let url: $reqwest::Url = case.uri().to_string().parse().unwrap();
                let length = case.answer().body.len();
                let mut context = Context::from_waker(Waker::noop());
                for _ in 0..count {
                    let mut request = $reqwest::Request::new($reqwest::Method::POST, url.clone());
                    let json = HeaderValue::from_static("application/json");
                    request.headers_mut().insert(CONTENT_TYPE, json);
                    *request.body_mut() = Some(SENT.into());
                    let _: Poll<_> = service.poll_ready(&mut context);
                    let response = at_once(service.call(request)).unwrap();
                    let body: Bytes = at_once(response.bytes()).unwrap();
                    assert_eq!(black_box(body).len(), length);
                }
            }
        }
    };
}

over!(new, reqwest);
over!(old, reqwest012);
