use std::{fmt::Write, sync::Arc, time::Duration};

use account::Account;
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use fake_wechat::{FakeWeChat, Fault};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::{APP, KEY, WECHATS_APP, WECHATS_KEY, WECHATS_TOKEN};
use crate::{
    bot::Bot,
    callback::router,
    crypto::Cipher,
    customer::Customer,
    message::{Message, encrypted},
    refusal::Refusal,
    signature::sign,
};

const TOKEN: &str = "token";
pub(super) const NOW: u64 = 1_714_037_059;

pub(super) struct Played {
    account: Account,
    bot: Arc<Bot>,
}

/// What WeChat sends.
pub(super) struct Sent {
    pub(super) token: &'static str,
    pub(super) timestamp: u64,
    pub(super) body: String,
    /// By which key and for which app.
    pub(super) encrypted: Option<(&'static str, &'static str)>,
}

impl Default for Sent {
    fn default() -> Self {
        Self { token: TOKEN, timestamp: NOW, body: text("hello", 1), encrypted: None }
    }
}

impl Played {
    pub(super) async fn new(key: Option<&str>) -> Self {
        Self::at(Account::wechat().await.unwrap(), key)
    }

    pub(super) fn at(account: Account, key: Option<&str>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let cipher = key.map(|key| Cipher::new(key, APP).unwrap());
        let mut bot = Bot::new(TOKEN.to_owned(), cipher, Customer::new(&account).unwrap());
        bot.clock = || NOW;
        Self { bot: Arc::new(bot), account }
    }

    pub(super) fn wechat(&self) -> &FakeWeChat {
        self.account.fake().expect("no WECHAT_APP_ID in the environment of a test")
    }

    pub(super) async fn ask(&self, request: Request<Body>) -> (StatusCode, String) {
        let answer = router(self.bot.clone()).oneshot(request).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        self.bot.followed_up().await;
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    pub(super) async fn post(&self, sent: Sent) -> (StatusCode, String) {
        self.ask(sent.request()).await
    }

    /// The texts that the user got besides the answers.
    fn follow_ups(&self) -> Vec<String> {
        let seen = self.wechat().seen().into_iter().filter(|seen| seen.errcode == Some(0));
        let text =
            |seen: fake_wechat::Seen| -> serde_json::Value { serde_json::from_slice(&seen.body).unwrap() };
        seen.map(|seen| text(seen)["text"]["content"].as_str().unwrap().to_owned()).collect()
    }
}

impl Sent {
    pub(super) fn request(self) -> Request<Body> {
        let timestamp = self.timestamp.to_string();
        let signature = sign([self.token, &timestamp, "n"]);
        let mut url = format!("/?timestamp={timestamp}&nonce=n&signature={signature}&openid=o1");
        let mut body = self.body;
        if let Some((key, app)) = self.encrypted {
            let encrypted = Cipher::new(key, app).unwrap().encrypt(&body, *b"0123456789abcdef").unwrap();
            let signature = sign([self.token, &timestamp, "n", &encrypted]);
            write!(url, "&encrypt_type=aes&msg_signature={signature}").unwrap();
            body = format!("<xml><ToUserName>gh_1</ToUserName><Encrypt>{encrypted}</Encrypt></xml>");
        }
        Request::post(url).body(body.into()).unwrap()
    }
}

pub(super) fn text(content: &str, id: u64) -> String {
    format!(
        "<xml><ToUserName>gh_1</ToUserName><FromUserName>o1</FromUserName><CreateTime>{NOW}</CreateTime>\
         <MsgType>text</MsgType><Content>{content}</Content><MsgId>{id}</MsgId></xml>"
    )
}

const REFUSED: (StatusCode, &str) = (StatusCode::FORBIDDEN, "refused");

#[tokio::test]
async fn the_url_is_verified() {
    let played = Played::new(None).await;
    let verify = |timestamp: u64, token| {
        let signature = sign([token, &timestamp.to_string(), "n"]);
        let url = format!("/?signature={signature}&timestamp={timestamp}&nonce=n&echostr=437512%3Cb%3E");
        Request::get(url).body(Body::empty()).unwrap()
    };
    assert_eq!(played.ask(verify(NOW, TOKEN)).await, (StatusCode::OK, "437512<b>".into()));
    for refused in [verify(NOW, "other"), verify(NOW - 301, TOKEN), verify(NOW + 301, TOKEN)] {
        let (status, body) = played.ask(refused).await;
        assert_eq!((status, body.as_str()), REFUSED);
    }
    let (status, _) = played.ask(Request::get("/").body(Body::empty()).unwrap()).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

/// WeChat's own example, at the time when it was made.
#[tokio::test]
async fn wechats_own_verification() {
    let played = Played::new(None).await;
    let customer = Customer::new(&played.account).unwrap();
    let mut bot = Bot::new(WECHATS_TOKEN.to_owned(), Cipher::new(WECHATS_KEY, WECHATS_APP), customer);
    bot.clock = || 1_714_036_504;
    let url = "/?signature=f464b24fc39322e44b38aa78f5edd27bd1441696&echostr=4375120948345356249\
        &timestamp=1714036504&nonce=1514711492";
    let answer = router(Arc::new(bot)).oneshot(Request::get(url).body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "4375120948345356249");
}

#[tokio::test]
async fn a_plain_message_is_answered_and_followed_up() {
    let played = Played::new(None).await;
    let (status, reply) = played.post(Sent::default()).await;
    let reply = Message::parse(&reply).unwrap();
    assert_eq!((status, reply.content.as_str()), (StatusCode::OK, "One moment, please."));
    assert_eq!((reply.to_user_name.as_str(), reply.from_user_name.as_str()), ("o1", "gh_1"));
    assert_eq!(played.follow_ups(), ["You wrote: hello"]);
}

#[tokio::test]
async fn an_encrypted_message_is_answered_in_kind() {
    let played = Played::new(Some(KEY)).await;
    let sent = Sent { body: text("你好", 1), encrypted: Some((KEY, APP)), ..Sent::default() };
    let (status, reply) = played.post(sent).await;
    assert_eq!(status, StatusCode::OK);
    let content = encrypted(&reply).unwrap();
    let signature = sign([TOKEN, &NOW.to_string(), "n", &content]);
    assert!(reply.contains(&format!("<MsgSignature><![CDATA[{signature}]]></MsgSignature>")));
    let reply = Cipher::new(KEY, APP).unwrap().decrypt(&content).unwrap();
    assert_eq!(Message::parse(&reply).unwrap().content, "One moment, please.");
    assert_eq!(played.follow_ups(), ["You wrote: 你好"]);
}

#[tokio::test]
async fn a_message_that_comes_again_is_followed_up_once() {
    let played = Played::new(None).await;
    for _ in 0..3 {
        let (status, reply) = played.post(Sent::default()).await;
        assert_eq!(
            (status, Message::parse(&reply).unwrap().content.as_str()),
            (StatusCode::OK, "One moment, please.")
        );
    }
    played.post(Sent { body: text("another", 2), ..Sent::default() }).await;
    assert_eq!(played.follow_ups(), ["You wrote: hello", "You wrote: another"]);
}

#[tokio::test]
async fn a_revoked_token_is_not_noticed() {
    let played = Played::new(None).await;
    played.post(Sent::default()).await;
    played.wechat().revoke();
    played.post(Sent { body: text("still there?", 2), ..Sent::default() }).await;
    assert_eq!(played.follow_ups(), ["You wrote: hello", "You wrote: still there?"]);
    assert_eq!(played.wechat().mints(), 2);
}

#[tokio::test]
async fn the_answer_does_not_wait_for_wechat() {
    let played = Played::new(None).await;
    let hold = played.wechat().hold_apis();
    let answer = router(played.bot.clone()).oneshot(Sent::default().request()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(played.follow_ups().is_empty());
    hold.release();
    played.bot.followed_up().await;
    assert_eq!(played.follow_ups(), ["You wrote: hello"]);
}

/// Or else the user would often read the second before the first.
#[tokio::test]
async fn the_answer_is_ahead_of_the_follow_up() {
    let played = Played::new(None).await;
    let answer = router(played.bot.clone()).oneshot(Sent::default().request()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(played.follow_ups().is_empty());
    played.bot.followed_up().await;
    assert_eq!(played.follow_ups(), ["You wrote: hello"]);
}

/// Or else messages would heap up, and the bot would not come to an end.
#[tokio::test]
async fn a_wechat_that_does_not_answer_is_given_up() {
    let played = Played::new(None).await;
    played.post(Sent::default()).await;
    played.wechat().fail_apis(Fault::Hang);
    tokio::time::pause();
    let sent = played.post(Sent { body: text("another", 2), ..Sent::default() });
    let (status, _) = tokio::time::timeout(Duration::from_secs(60), sent).await.unwrap();
    assert_eq!(status, StatusCode::OK);
    assert_eq!(played.follow_ups(), ["You wrote: hello"]);
}

/// The body of a callback may be anybody's, and the log's lines are the bot's.
#[test]
fn what_a_log_says_of_a_refusal_is_one_short_line() {
    let long = format!("<xml></{}>", "x".repeat(60_000));
    for body in ["<xml></a\n2026-01-01T00:00:00Z  INFO all is well>", &long] {
        let said = Refusal::Xml(encrypted(body).unwrap_err()).to_string();
        assert!(!said.contains('\n') && said.len() < 400, "{said}");
    }
}

#[tokio::test]
async fn other_kinds_of_message_are_answered_with_success() {
    let played = Played::new(None).await;
    let picture = text("", 1).replace("<MsgType>text", "<MsgType>image");
    assert_eq!(
        played.post(Sent { body: picture, ..Sent::default() }).await,
        (StatusCode::OK, "success".into())
    );
    assert!(played.follow_ups().is_empty());
}

#[tokio::test]
async fn what_is_refused() {
    let plain = Played::new(None).await;
    let secure = Played::new(Some(KEY)).await;
    let sealed = |key, app| Sent { encrypted: Some((key, app)), ..Sent::default() };
    let by_others = [
        (&plain, Sent { token: "a guess", ..Sent::default() }),
        (&plain, Sent { timestamp: NOW - 301, ..Sent::default() }),
        (&plain, Sent { timestamp: NOW + 301, ..Sent::default() }),
        (&plain, Sent { timestamp: u64::MAX, ..Sent::default() }),
        // Not encrypted, where it has to be.
        (&secure, Sent::default()),
        (&secure, Sent { token: "a guess", ..sealed(KEY, APP) }),
        (&secure, Sent { timestamp: NOW - 301, ..sealed(KEY, APP) }),
        (&secure, sealed(WECHATS_KEY, APP)),
        (&secure, sealed(KEY, WECHATS_APP)),
    ];
    for (number, (played, sent)) in by_others.into_iter().enumerate() {
        let (status, body) = played.post(sent).await;
        assert_eq!((status, body.as_str()), REFUSED, "{number}");
    }
    for body in ["", "<xml>", "hello", "<!DOCTYPE x [<!ENTITY a \"b\">]><xml><Content>&a;</Content></xml>"] {
        let body = body.to_owned();
        let (status, _) = plain.post(Sent { body: body.clone(), ..Sent::default() }).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        let (status, _) = secure.post(Sent { body, ..sealed(KEY, APP) }).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
    }
    assert!(plain.follow_ups().is_empty() && secure.follow_ups().is_empty());
}
