//! Nobody gets to see the token: not in a URL, not in an error, not at another host.

use std::{
    error::Error as StdError,
    fmt::{self, Write},
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderValue, StatusCode, header};
use reqwest::{Url, redirect::Policy};
use tower::buffer::Buffer;
use tower_wechat::{Error, issuer::Minted, testing::Answer};

use super::*;
use crate::reqwest::support::issuers::{TWO_HOURS, scripted};

type BoxError = Box<dyn StdError + Send + Sync>;

/// A cache with a token, and that token's text.
async fn warm(wechat: &FakeWeChat) -> (TokenCache, String) {
    let cache = TokenCache::new(stable(wechat));
    let token = cache.token().await.unwrap().as_str().to_owned();
    (cache, token)
}

fn client_error(error: &Error) -> &reqwest::Error {
    assert_eq!(error.kind(), ErrorKind::Inner);
    error.downcast_ref().unwrap()
}

/// All that can be read off an error.
pub fn shown(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(error) = source {
        write!(text, " {error} {error:?}").unwrap();
        source = error.source();
    }
    text
}

fn redirect(to: &str) -> Answer {
    Answer::default().status(StatusCode::FOUND).header(header::LOCATION, HeaderValue::from_str(to).unwrap())
}

#[tokio::test]
async fn the_url_is_the_callers_own() {
    let wechat = FakeWeChat::start().await;
    let (cache, token) = warm(&wechat).await;
    for path in ["/cgi-bin/x", "/cgi-bin/x?", "/cgi-bin/x?a=%2f&b#part", "/cgi-bin/x?a&"] {
        let url = Url::parse(&format!("{}{path}", wechat.url())).unwrap();
        let request = http().get(url.clone()).build().unwrap();
        let response = wechat_client(&cache).execute(request).await.unwrap();
        assert_eq!(*response.url(), url);
        assert!(!format!("{response:?}").contains(&token));
        assert_eq!(errcode(response).await, 0);
    }
}

#[tokio::test]
async fn an_untouched_request_keeps_its_url() {
    let wechat = FakeWeChat::start().await;
    let (cache, token) = warm(&wechat).await;
    let url = format!("{}/cgi-bin/x?access_token={token}", wechat.url());
    wechat.set_answer("/cgi-bin/x", redirect("/cgi-bin/y?access_token=mine"));
    let request = http().get(&url).build().unwrap();
    let response = wechat_client(&cache).execute(request).await.unwrap();
    assert!(response.url().as_str().ends_with("/cgi-bin/y?access_token=mine"));
}

#[tokio::test]
async fn errors_of_status_and_body_show_no_token() {
    let wechat = FakeWeChat::start().await;
    let (cache, token) = warm(&wechat).await;
    for status in [412, 500] {
        wechat.fail_next_apis(1, Fault::Http(status));
        let response = wechat_client(&cache).execute(message(&wechat)).await.unwrap();
        let error = response.error_for_status().unwrap_err();
        assert_eq!(error.status().unwrap(), status);
        assert!(shown(&error).contains(SEND) && !shown(&error).contains(&token));
    }
    for fault in [Fault::Garbage, Fault::CutOff] {
        wechat.fail_next_apis(1, fault);
        let response = wechat_client(&cache).execute(message(&wechat)).await.unwrap();
        let error = response.json::<Value>().await.unwrap_err();
        assert!(shown(&error).contains(SEND) && !shown(&error).contains(&token));
    }
}

#[tokio::test]
async fn errors_of_the_connection_show_no_token() {
    let wechat = FakeWeChat::start().await;
    let (cache, token) = warm(&wechat).await;

    wechat.fail_next_apis(1, Fault::Reset);
    let error = wechat_client(&cache).execute(message(&wechat)).await.unwrap_err();
    assert!(client_error(&error).url().unwrap().as_str().ends_with(SEND));
    assert!(!shown(&error).contains(&token));

    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let origin = format!("http://{closed}");
    let client = WeChatAuthLayer::new(&cache).allow_origin(&origin).unwrap().layer(http());
    let request = http().get(format!("{origin}{SEND}")).build().unwrap();
    let error = client.execute(request).await.unwrap_err();
    assert!(client_error(&error).is_connect());
    assert!(client_error(&error).url().unwrap().as_str().ends_with(SEND));
    assert!(!shown(&error).contains(&token));
}

#[tokio::test]
async fn a_request_has_its_own_timeout() {
    let wechat = FakeWeChat::start().await;
    let (cache, token) = warm(&wechat).await;
    let _held = wechat.hold_apis();
    let mut request = message(&wechat);
    *request.timeout_mut() = Some(Duration::from_millis(50));
    let error = wechat_client(&cache).execute(request).await.unwrap_err();
    assert!(client_error(&error).is_timeout());
    assert!(client_error(&error).url().unwrap().as_str().ends_with(SEND));
    assert!(!shown(&error).contains(&token));
}

#[tokio::test]
async fn a_redirect_takes_no_token_along() {
    let (wechat, other) = tokio::join!(FakeWeChat::start(), FakeWeChat::start());
    let (cache, token) = warm(&wechat).await;
    let path = "/cgi-bin/message/custom/send";
    for (to, shown) in [
        ("/cgi-bin/other?a=1".to_owned(), "/cgi-bin/other?a=1".to_owned()),
        (format!("/x?access_token={token}"), "/x".to_owned()),
        (format!("/x?a&access%5Ftoken={token}&b=%2f"), "/x?a&b=%2f".to_owned()),
        (format!("/x/{token}"), SEND.to_owned()),
    ] {
        wechat.set_answer(path, redirect(&format!("{}{to}", other.url())));
        let response = wechat_client(&cache).execute(message(&wechat)).await.unwrap();
        assert!(response.url().as_str().ends_with(&shown), "{}", response.url());
        assert!(!format!("{response:?}").contains(&token));
        assert!(response.extensions().get::<AuthOutcome>().is_none(), "not WeChat's word");
    }
    for seen in other.seen() {
        assert!(!seen.headers.contains_key(header::REFERER));
    }

    wechat.set_answer(path, redirect(&format!("{}/x", other.url())));
    let client = WeChatAuthLayer::new(&cache).layer(builder().redirect(Policy::none()).build().unwrap());
    let response = client.execute(message(&wechat)).await.unwrap();
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(other.seen().len(), 4, "not followed");
}

#[tokio::test]
async fn an_answer_from_another_host_is_no_proof_that_a_refresh_helped() {
    let (wechat, other) = tokio::join!(FakeWeChat::start(), FakeWeChat::start());
    let cache = TokenCache::new(classic(&wechat));
    let client = wechat_client(&cache);
    let away = redirect(&format!("{}/x", other.url()));
    for round in 1..=6 {
        wechat.fail_next_apis(1, Fault::Errcode(40001));
        wechat.fail_next_apis(1, Fault::Answer(away.clone()));
        let response = client.execute(message(&wechat)).await.unwrap();
        assert_eq!(outcome(&response).replayed(), round <= 5, "{round}");
    }
    assert_eq!((wechat.mints(), other.seen().len()), (6, 5));
}

/// Why the docs say what they say about the `Referer`. When this fails, they can be milder.
#[tokio::test]
async fn by_itself_reqwest_tells_the_next_host() {
    let (wechat, other) = tokio::join!(FakeWeChat::start(), FakeWeChat::start());
    let (cache, token) = warm(&wechat).await;
    wechat.set_answer("/cgi-bin/x", redirect(&format!("{}/y", other.url())));
    let careless = WeChatAuthLayer::new(&cache).layer(builder().referer(true).build().unwrap());
    let request = http().get(format!("{}/cgi-bin/x", wechat.url())).build().unwrap();
    careless.execute(request).await.unwrap();
    let referer = other.seen()[0].headers[header::REFERER].to_str().unwrap().to_owned();
    assert!(referer.contains(&token));
}

#[tokio::test]
async fn what_a_redirect_policy_says_shows_no_token() {
    let wechat = FakeWeChat::start().await;
    let (cache, token) = warm(&wechat).await;
    let strict = Policy::custom(|attempt| {
        let text = format!("from {}", attempt.previous()[0]);
        attempt.error(text)
    });
    let strict = WeChatAuthLayer::new(&cache).layer(builder().redirect(strict).build().unwrap());
    let none = WeChatAuthLayer::new(&cache).layer(builder().redirect(Policy::limited(0)).build().unwrap());
    wechat.set_answer("/cgi-bin/message/custom/send", redirect("/x"));
    for (client, kept) in [(strict, false), (none, true)] {
        let error = client.execute(message(&wechat)).await.unwrap_err();
        assert!(!shown(&error).contains(&token), "{}", shown(&error).replace(&token, "***"));
        assert_eq!(error.downcast_ref::<reqwest::Error>().is_some(), kept);
    }
    wechat.set_answer("/cgi-bin/message/custom/send", redirect(&format!("ftp://h/?access_token={token}")));
    let error = wechat_client(&cache).execute(message(&wechat)).await.unwrap_err();
    assert!(!shown(&error).contains(&token), "{}", shown(&error).replace(&token, "***"));
}

/// An error whose own words are few, and whose cause is the client's.
struct Terse(Arc<dyn StdError + Send + Sync>);

impl fmt::Debug for Terse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Terse")
    }
}

impl fmt::Display for Terse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it failed")
    }
}

impl StdError for Terse {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0)
    }
}

#[tokio::test]
async fn an_error_that_was_wrapped_shows_no_token() {
    let wechat = FakeWeChat::start().await;
    let (cache, token) = warm(&wechat).await;
    wechat.fail_apis(Fault::Reset);
    let wrapping = http().map_err(|error: reqwest::Error| Terse(Arc::new(error)));
    let error = WeChatAuthLayer::new(&cache).layer(wrapping).execute(message(&wechat)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Inner);
    assert!(!shown(&error).contains(&token), "{}", shown(&error).replace(&token, "***"));
}

/// Fails before it is called, and says what it was last called with.
#[derive(Clone)]
struct Exhausted(Client, Arc<Mutex<Option<BoxError>>>);

impl Service<Request> for Exhausted {
    type Response = Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(self.1.lock().unwrap().take().map_or(Ok(()), Err))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (client, last) = (self.0.clone(), self.1.clone());
        Box::pin(async move {
            match client.execute(request).await {
                Ok(response) => Ok(response),
                Err(error) => {
                    let text = error.url().map(ToString::to_string).unwrap_or_default();
                    *last.lock().unwrap() = Some(error.into());
                    Err(format!("at {text}").into())
                }
            }
        })
    }
}

#[tokio::test]
async fn what_a_buffer_remembers_shows_no_token() {
    let wechat = FakeWeChat::start().await;
    let (cache, token) = warm(&wechat).await;
    wechat.fail_apis(Fault::Reset);
    let buffer = Buffer::new(Exhausted(http(), Arc::default()), 1);
    let auth = WeChatAuthLayer::new(&cache).layer(buffer);
    // The first error is the call's own. Each after it is the buffer's, whose service is not ready any more.
    for _ in 0..3 {
        let error = auth.execute(message(&wechat)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Inner);
        assert!(!shown(&error).contains(&token), "{}", shown(&error).replace(&token, "***"));
    }
    assert!(wechat.api_requests() < 3, "the buffer is closed");
}

/// A cache that mints this text.
async fn minting(text: &'static str) -> TokenCache {
    let cache = TokenCache::new(scripted(move |_| std::future::ready(Ok(Minted::new(text, TWO_HOURS)))));
    cache.token().await.unwrap();
    cache
}

#[tokio::test]
async fn a_short_token_withholds_no_errors() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let origin = format!("http://{closed}");
    // Each is part of the text of any such error.
    for text in ["127", "err", "0", "tcp"] {
        let cache = minting(text).await;
        let client = WeChatAuthLayer::new(&cache).allow_origin(&origin).unwrap().layer(http());
        let error = client.execute(http().get(format!("{origin}{SEND}")).build().unwrap()).await.unwrap_err();
        assert!(client_error(&error).is_connect(), "{text}: {error:?}");
        assert!(client_error(&error).url().unwrap().as_str().ends_with(SEND));
        assert!(!shown(&error).contains("access_token"), "{}", shown(&error));
    }
}

/// A token of which parts are escaped in a URL, shown as it was before that.
#[tokio::test]
async fn what_a_redirect_policy_decodes_shows_no_token() {
    const ODD: &str = "odd+token/with=escapes&more";
    let wechat = FakeWeChat::start().await;
    let cache = minting(ODD).await;
    let telling = Policy::custom(|attempt| {
        let pairs: Vec<_> =
            attempt.previous()[0].query_pairs().map(|(_, value)| value.into_owned()).collect();
        attempt.error(format!("with {pairs:?}"))
    });
    let client = WeChatAuthLayer::new(&cache).allow_origin(&wechat.url()).unwrap();
    let client = client.layer(builder().redirect(telling).build().unwrap());
    wechat.set_open_answer("/cgi-bin/message/custom/send", redirect("/x"));
    let error = client.execute(message(&wechat)).await.unwrap_err();
    assert!(!shown(&error).contains(ODD), "{}", shown(&error));
}
