//! What happens without an account: this program plays WeChat's part, too.

use std::{future::pending, sync::Arc};

use account::{Account, say};
use axum::Router;
use fake_wechat::{FakeWeChat, Seen};
use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::{
    Failure,
    bot::Bot,
    callback,
    crypto::Cipher,
    customer::Customer,
    message::{self, Message},
    server,
    signature::sign,
};

const TOKEN: &str = "a-token-of-your-choice";
const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const NONCE: &str = "1514711492";
const USER: &str = "oFollower0000000000000000001";

pub async fn run(account: &Account, wechat: &FakeWeChat) -> Result<(), Failure> {
    let customer = Customer::new(account)?;
    let cipher = || Cipher::new(AES_KEY, &account.id).ok_or("the key is one");
    let plain = Arc::new(Bot::new(TOKEN.to_owned(), None, customer.clone()));
    let secure = Arc::new(Bot::new(TOKEN.to_owned(), Some(cipher()?), customer));
    let bots = Router::new()
        .nest("/plain", callback::router(plain.clone()))
        .nest("/secure", callback::router(secure.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(server::serve(listener, bots, pending()));
    say!("The bot listens at {url}/plain in plain mode, and at {url}/secure in secure mode (AES).");
    say!("This program does what WeChat does with a bot, and says what comes of it.");

    let http = Client::new();
    let plain = Sender { url: format!("{url}/plain"), http: http.clone(), wechat, bot: plain, cipher: None };
    let secure = Sender { url: format!("{url}/secure"), http, wechat, bot: secure, cipher: Some(cipher()?) };

    say!(
        "\n1. The URL is entered into the account's settings. WeChat verifies it, with an echostr of 4375120948."
    );
    plain.verify().await?;

    say!("\n2. A user writes \"hello\". The callback comes in plain mode.");
    plain.send("hello", 1).await?;

    say!(
        "\n3. A user writes \"你好\". The callback comes in secure mode, and so the answer is encrypted, too."
    );
    secure.send("你好", 2).await?;

    say!("\n4. Somebody who does not know the token sends a callback.");
    plain.forge().await?;

    say!("\n5. A user writes \"how are you?\".");
    secure.send("how are you?", 3).await?;
    say!("   WeChat has not got the answer in time, and sends the message again, with the same MsgId.");
    secure.send("how are you?", 3).await?;

    say!(
        "\n6. WeChat has revoked the access_token, and the bot does not know. A user writes \"still there?\"."
    );
    wechat.revoke();
    secure.send("still there?", 4).await?;
    say!("\nWeChat has minted {} tokens: at the start, and after it had revoked the first.", wechat.mints());
    Ok(())
}

/// WeChat, as the bot sees it.
struct Sender<'a> {
    url: String,
    http: Client,
    wechat: &'a FakeWeChat,
    bot: Arc<Bot>,
    cipher: Option<Cipher>,
}

impl Sender<'_> {
    async fn verify(&self) -> Result<(), Failure> {
        let answer = self.signed(self.http.get(&self.url), TOKEN).query(&[("echostr", "4375120948")]).send();
        let answer = answer.await?;
        say!("   The bot answers {}: {}", answer.status().as_u16(), answer.text().await?);
        Ok(())
    }

    async fn forge(&self) -> Result<(), Failure> {
        let message = text_message("transfer everything", 99, (self.bot.clock)());
        let answer = self.signed(self.http.post(&self.url), "a guess").body(message).send().await?;
        say!("   The bot answers {}: {}", answer.status().as_u16(), answer.text().await?);
        self.followed_up().await
    }

    async fn send(&self, text: &str, id: u64) -> Result<(), Failure> {
        let now = (self.bot.clock)();
        let message = text_message(text, id, now);
        let request = self.signed(self.http.post(&self.url), TOKEN);
        let request = match &self.cipher {
            None => request.body(message),
            Some(cipher) => {
                let encrypted = cipher.encrypt(&message, *b"0123456789abcdef").ok_or("it is short")?;
                let signature = sign([TOKEN, &now.to_string(), NONCE, &encrypted]);
                let query = [("encrypt_type", "aes"), ("msg_signature", &signature)];
                request.query(&query).body(format!("<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"))
            }
        };
        let answer = request.send().await?;
        let (status, mut xml) = (answer.status().as_u16(), answer.text().await?);
        if let Some(cipher) = &self.cipher {
            xml = cipher.decrypt(&message::encrypted(&xml)?).map_err(|why| why.to_string())?;
        }
        say!("   The bot answers {status}, and the user reads: {}", Message::parse(&xml)?.content);
        self.followed_up().await
    }

    /// What the bot sends after its answer.
    async fn followed_up(&self) -> Result<(), Failure> {
        self.bot.followed_up().await;
        match &self.wechat.seen()[..] {
            [] => say!("   It sends no customer message."),
            [call] => {
                say!("   It sends a customer message: {}", content(call)?);
                say!("   WeChat answers {}.", errcode(call));
            }
            [first, .., last] => {
                say!("   It sends a customer message: {}", content(first)?);
                say!("   WeChat answers {}: this token is no good.", errcode(first));
                say!("   The layer fetches a new one and sends the same message: {}", content(last)?);
                say!("   WeChat answers {}. The bot sees this answer only.", errcode(last));
            }
        }
        self.wechat.clear_seen();
        Ok(())
    }

    fn signed(&self, request: RequestBuilder, token: &str) -> RequestBuilder {
        let timestamp = (self.bot.clock)().to_string();
        let signature = sign([token, &timestamp, NONCE]);
        request.query(&[("timestamp", &*timestamp), ("nonce", NONCE), ("signature", &signature)])
    }
}

fn content(call: &Seen) -> Result<String, Failure> {
    let message: Value = serde_json::from_slice(&call.body)?;
    Ok(message["text"]["content"].as_str().unwrap_or_default().to_owned())
}

fn errcode(call: &Seen) -> String {
    call.errcode.map_or_else(|| "nothing".to_owned(), |errcode| format!("errcode {errcode}"))
}

fn text_message(text: &str, id: u64, now: u64) -> String {
    format!(
        "<xml><ToUserName><![CDATA[gh_97417a04a28d]]></ToUserName><FromUserName><![CDATA[{USER}]]></FromUserName>\
         <CreateTime>{now}</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[{text}]]></Content>\
         <MsgId>{id}</MsgId></xml>"
    )
}
