//! What a hub refuses, and what its clients make of that.

use std::time::Duration;

use tower_wechat::issuer::{Issuer, Mint};

use super::{SECRET, failure_of, mint, token, unix};

#[tokio::test]
async fn each_refusal_says_what_to_do() {
    let (_folder, mut hub, issuer) = unix();
    for (status, says, permanent) in [
        ("400 Bad Request", "different versions", true),
        ("401 Unauthorized", "does not know this client secret", true),
        ("403 Forbidden", "rights `token` and `refresh`", true),
        ("404 Not Found", "no such app for this client", true),
        ("407 Proxy Authentication Required", "a user and a password", true),
        ("408 Request Timeout", "in time", false),
        ("413 Payload Too Large", "body_bytes", true),
        ("418 I'm a teapot", "refused the question", true),
        ("429 Too Many Requests", "too often", false),
        ("431 Request Header Fields Too Large", "header_bytes", true),
        ("500 Internal Server Error", "what is before it", false),
        ("502 Bad Gateway", "what is before it", false),
        ("503 Service Unavailable", "no token at the moment", false),
        ("302 Found", "redirect", true),
        ("201 Created", "a status that no hub answers with", false),
        ("204 No Content", "a status that no hub answers with", false),
    ] {
        for problem in [r#"{"type":"about:blank","detail":"because \u0007of this"}"#, "<html>", ""] {
            if status.starts_with("204") && !problem.is_empty() {
                continue;
            }
            let error =
                failure_of(&issuer, &mut hub, async |question| question.problem(status, problem).await).await;
            let text = error.to_string();
            assert!(text.contains(says) && text.contains(&status[..3]), "{status}: {text}");
            assert_eq!(error.is_transient(), !permanent, "{status}");
            assert_eq!(error.is_of_this_host(), status.starts_with("407"), "{status}");
            assert_eq!(text.contains(": because of this"), problem.contains("detail"), "{status}: {text}");
            assert_eq!((error.errcode(), error.rid(), error.retry_after()), (None, None, None));
        }
    }
}

#[tokio::test]
async fn the_platforms_code_and_the_pause_are_handed_on() {
    let (_folder, mut hub, issuer) = unix();
    let problem = r#"{"title":"no token","detail":"the platform refused","errcode":45009,"rid":"r-1","hint":"h-1","retry_after":600}"#;
    let answer = async |question: crate::support::hub::Question| {
        question.problem("503 Service Unavailable", problem).await;
    };
    let error = failure_of(&issuer, &mut hub, answer).await;
    assert_eq!((error.errcode(), error.rid(), error.hint()), (Some(45009), Some("r-1"), Some("h-1")));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(600)));
    assert!(error.to_string().contains("the platform refused"), "{error}");

    for (headers, body, pause) in [
        ("retry-after: 7\r\n", "", Some(7)),
        ("retry-after: 7\r\n", r#"{"retry_after":9}"#, Some(7)),
        ("retry-after: Wed, 21 Oct 2015 07:28:00 GMT\r\n", r#"{"retry_after":8.5}"#, Some(9)),
        ("retry-after: 99999999999\r\n", "", Some(3600)),
        ("", r#"{"retry_after":1e300}"#, Some(3600)),
        ("", r#"{"retry_after":-1}"#, None),
        ("", r#"{"retry_after":"soon","errcode":"x","rid":7}"#, None),
    ] {
        let answer = async |question: crate::support::hub::Question| {
            question.answer("429 Too Many Requests", headers, body).await;
        };
        let error = failure_of(&issuer, &mut hub, answer).await;
        assert_eq!(error.retry_after(), pause.map(Duration::from_secs), "{headers}{body}");
    }
}

#[tokio::test]
async fn a_text_of_the_hub_that_quotes_a_secret_is_not_shown() {
    let (_folder, mut hub, issuer) = unix();
    let long = "x".repeat(60);
    let many = "word ".repeat(200);
    for (detail, shown) in [
        (format!("Bearer {SECRET}?"), None),
        (format!("{}\u{0}{}", &SECRET[..10], &SECRET[10..]), None),
        (format!("what is {long}"), Some("what is …".to_owned())),
        (many.clone(), Some(many[..199].to_owned())),
    ] {
        let problem = serde_json::json!({ "detail": detail, "rid": detail }).to_string();
        let answer = async |question: crate::support::hub::Question| {
            question.problem("503 Service Unavailable", &problem).await;
        };
        let error = failure_of(&issuer, &mut hub, answer).await;
        let text = error.to_string();
        match shown {
            Some(shown) => assert!(text.contains(&shown) && text.len() < 500, "{text}"),
            None => assert!(text.contains("(HTTP 503)") && !text.contains("Bearer"), "{text}"),
        }
    }
    // A token that it has told of before, and one that it was told of.
    let first = mint(&issuer, &mut hub, Mint::normal(), async |question| question.tell("tok-first", 1).await);
    first.await.unwrap();
    let rejected = token("tok-rejected").await;
    for quoted in ["tok-first", "tok-rejected"] {
        let answering = async {
            let problem = format!(r#"{{"detail":"{quoted} is no good"}}"#);
            hub.ask().await.problem("503 Service Unavailable", &problem).await;
        };
        let (minted, ()) = tokio::join!(issuer.mint(Mint::rejecting(rejected.clone())), answering);
        let error = minted.unwrap_err();
        assert!(!error.to_string().contains(quoted), "{error}");
    }
}
