//! What the log says where something does not work.

use std::{
    io,
    sync::{Arc, Mutex},
};

use account::Account;
use axum::{body::Body, http::StatusCode};
use fake_wechat::{Answer, FakeWeChat, Fault};
use tokio::net::TcpListener;
use tracing::subscriber::DefaultGuard;

use super::callback::{NOW, Played, Sent, text};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// What the bot itself logs in this thread until the guard is dropped.
    fn start() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let log_to = tracing_subscriber::fmt()
            .with_env_filter("bot_echo=info")
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(log_to))
    }

    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut self.0.lock().unwrap())).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_follow_up_is_sent_only_if_wechat_says_so() {
    let played = Played::new(None).await;
    let (log, _guard) = Log::start();
    played.post(Sent::default()).await;
    assert_eq!(log.take(), "");
    let json = |text: &'static str| Fault::Answer(Answer::json(text));
    let others =
        [Fault::Garbage, Fault::Empty, Fault::Http(502), json("{}"), json("[0]"), json(r#"{"errcode":"#)];
    for (id, fault) in (2..).zip(others) {
        played.wechat().fail_apis(fault.clone());
        let (status, _) = played.post(Sent { body: text("hi", id), ..Sent::default() }).await;
        assert_eq!(status, StatusCode::OK);
        let said = log.take();
        assert!(
            said.contains("a follow-up was not sent") && said.contains("is not WeChat's"),
            "{fault:?}: {said}"
        );
    }
    played.wechat().fail_apis(Fault::Errcode(45015));
    played.post(Sent { body: text("hi", 99), ..Sent::default() }).await;
    let said = log.take();
    assert!(said.contains("45015"), "{said}");
}

#[tokio::test]
async fn a_follow_up_that_was_not_sent_is_logged_with_its_cause() {
    let mut account = Account::wechat().await.unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    account.base_url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let played = Played::at(account, None);
    let (log, _guard) = Log::start();
    played.post(Sent::default()).await;
    let said = log.take();
    assert!(said.to_lowercase().contains("connection refused"), "{said}");

    let played = Played::new(None).await;
    played.post(Sent::default()).await;
    played.wechat().fail_apis(Fault::Reset);
    played.post(Sent { body: text("hi", 2), ..Sent::default() }).await;
    let said = log.take();
    assert!(said.to_lowercase().contains("connection reset"), "{said}");
    assert!(!said.contains("access_token="), "{said}");
}

#[tokio::test]
async fn why_a_rejected_token_was_not_replaced_is_logged() {
    let played = Played::new(None).await;
    let (log, _guard) = Log::start();
    played.post(Sent::default()).await;
    played.wechat().revoke();
    // Somebody has reset the secret.
    played.wechat().fail_tokens(Fault::Errcode(40125));
    played.post(Sent { body: text("hi", 2), ..Sent::default() }).await;
    let said = log.take();
    assert!(
        said.contains("40001") && said.contains("40125") && said.contains("the secret is wrong"),
        "{said}"
    );
    assert!(!said.contains(FakeWeChat::APP_SECRET), "{said}");
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_and_logged() {
    let played = Played::new(None).await;
    let (log, _guard) = Log::start();
    let request = || Sent::default().request();
    let refused = async |request, expected, told| {
        let (status, body) = played.ask(request).await;
        assert_eq!((status, body.as_str()), (expected, "refused"));
        let said = log.take();
        assert!(said.contains("a callback was refused") && said.contains(told), "{said}");
    };
    let too_much = Sent { body: "x".repeat(64 * 1024 + 1), ..Sent::default() };
    refused(too_much.request(), StatusCode::PAYLOAD_TOO_LARGE, "its body cannot be read").await;
    let no_text = request().map(|_| Body::from(vec![0xff; 100]));
    refused(no_text, StatusCode::BAD_REQUEST, "its body cannot be read").await;
    for method in ["GET", "POST"] {
        let mut twice = request();
        *twice.method_mut() = method.parse().unwrap();
        *twice.uri_mut() = format!("/?timestamp={NOW}&timestamp={NOW}").parse().unwrap();
        refused(twice, StatusCode::BAD_REQUEST, "its query cannot be read").await;
    }
    tokio::time::pause();
    let never = futures_util::stream::pending::<Result<axum::body::Bytes, io::Error>>();
    let late = request().map(|_| Body::from_stream(never));
    refused(late, StatusCode::REQUEST_TIMEOUT, "it did not come in full").await;
}
