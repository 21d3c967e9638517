//! WeChat's callback: `GET` to verify the URL, `POST` with a message or an event.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{
        DefaultBodyLimit, Query, Request, State,
        rejection::{QueryRejection, StringRejection},
    },
    http::header,
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use tokio::time::timeout;

use crate::{
    bot::Bot,
    message::{self, Message},
    refusal::Refusal,
    reply,
    signature::is_signed,
};

/// A message has a few KB, encrypted or not.
const LONGEST_BODY: usize = 64 * 1024;
/// WeChat hangs up after 5 seconds, and tries again, three times in all.
const LONGEST_ANSWER: Duration = Duration::from_millis(4500);
/// In seconds. It leaves room for a clock that is wrong.
const OLDEST: u64 = 300;

/// What WeChat says in the query of a callback.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    timestamp: String,
    nonce: String,
    signature: String,
    echostr: String,
    encrypt_type: String,
    msg_signature: String,
}

pub fn router(bot: Arc<Bot>) -> Router {
    Router::new()
        .route("/", get(verify).post(receive))
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(from_fn(in_time))
        .with_state(bot)
}

/// WeChat asks once whether this is the right URL, when it is entered into the account's settings.
async fn verify(
    State(bot): State<Arc<Bot>>,
    said: Result<Query<Said>, QueryRejection>,
) -> Result<String, Refusal> {
    let Query(said) = said.map_err(Refusal::Query)?;
    check_time(&bot, &said)?;
    check_signature(&bot, &said)?;
    Ok(said.echostr)
}

async fn receive(
    State(bot): State<Arc<Bot>>,
    said: Result<Query<Said>, QueryRejection>,
    body: Result<String, StringRejection>,
) -> Result<Response, Refusal> {
    // axum would answer what it cannot read with a text of its own, and log nothing.
    let (Query(said), body) = (said.map_err(Refusal::Query)?, body.map_err(Refusal::Body)?);
    let message = read(&bot, &said, &body)?;
    let Some(text) = bot.respond(&message) else {
        // Nothing for the user. Without this word, the user is told that the account is out of order.
        return Ok("success".into_response());
    };
    let now = (bot.clock)();
    let mut reply = reply::text(&message, &text, now);
    if let Some(cipher) = &bot.cipher {
        reply = reply::sealed(&reply, cipher, &bot.token, &said.nonce, now).ok_or(Refusal::NoReply)?;
    }
    Ok(([(header::CONTENT_TYPE, "application/xml; charset=utf-8")], reply).into_response())
}

async fn in_time(request: Request, next: Next) -> Result<Response, Refusal> {
    timeout(LONGEST_ANSWER, next.run(request)).await.map_err(|_| Refusal::Late)
}

/// The message, if it is WeChat's.
fn read(bot: &Bot, said: &Said, body: &str) -> Result<Message, Refusal> {
    check_time(bot, said)?;
    let Some(cipher) = &bot.cipher else {
        check_signature(bot, said)?;
        return Message::parse(body).map_err(Refusal::Xml);
    };
    if said.encrypt_type != "aes" {
        return Err(Refusal::NotEncrypted);
    }
    let encrypted = message::encrypted(body).map_err(Refusal::Xml)?;
    // `signature` says nothing about the body; this one does.
    if !is_signed([&bot.token, &said.timestamp, &said.nonce, &encrypted], &said.msg_signature) {
        return Err(Refusal::Signature);
    }
    let decrypted = cipher.decrypt(&encrypted).map_err(Refusal::Encryption)?;
    Message::parse(&decrypted).map_err(Refusal::Xml)
}

fn check_signature(bot: &Bot, said: &Said) -> Result<(), Refusal> {
    let is_good = is_signed([&bot.token, &said.timestamp, &said.nonce], &said.signature);
    if is_good { Ok(()) } else { Err(Refusal::Signature) }
}

/// Whoever has seen a callback could send it again, for ever.
fn check_time(bot: &Bot, said: &Said) -> Result<(), Refusal> {
    match said.timestamp.parse::<u64>() {
        Ok(timestamp) if (bot.clock)().abs_diff(timestamp) <= OLDEST => Ok(()),
        _ => Err(Refusal::Time),
    }
}
