//! Nobody gets to see the token: not in a URL, not in an error, not at another host.

use std::{fmt::Write, time::Duration};

use http::{HeaderValue, StatusCode, header};
use reqwest::{Url, redirect::Policy};
use tower_wechat::{Error, testing::Answer};

use super::*;

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
fn shown(error: &(dyn std::error::Error + 'static)) -> String {
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
