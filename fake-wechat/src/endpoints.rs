//! The three token endpoints.

use http::{Method, Request};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::{
    api,
    faults::Fault,
    query,
    reply::Reply,
    server::HangUp,
    state::State,
    tokens::{Ask, Granted, Space},
};

pub(crate) const CLASSIC: &str = "/cgi-bin/token";
pub(crate) const STABLE: &str = "/cgi-bin/stable_token";
pub(crate) const WECOM: &str = "/cgi-bin/gettoken";

/// What a request says, wherever it says it.
#[derive(Default)]
struct Said {
    grant_type: String,
    id: String,
    secret: String,
    forced: bool,
}

pub(crate) async fn answer(state: &State, request: Request<Incoming>) -> Result<Reply, HangUp> {
    let reply = respond(state, request).await?;
    state.token_gate.answered(reply.errcode);
    Ok(reply)
}

async fn respond(state: &State, request: Request<Incoming>) -> Result<Reply, HangUp> {
    let space = match request.uri().path() {
        CLASSIC => Space::Classic,
        STABLE => Space::Stable,
        _ => Space::WeCom,
    };
    let fault = state.token_gate.enter().await;
    if let Some(fault) = &fault
        && let Some(struck) = fault.strike(space == Space::WeCom).await
    {
        return struck;
    }
    let scripted = state.lock().answers.get(request.uri().path()).map(|scripted| scripted.answer.clone());
    let reply = if api::is_chunked(request.headers()) {
        api::precondition_failed()
    } else if let Some(answer) = scripted {
        answer.into()
    } else {
        match read(space, request).await {
            Ok(said) => grant(state, space, &said, fault.as_ref()),
            Err(errcode) => Reply::error(errcode, space == Space::WeCom),
        }
    };
    match fault {
        Some(fault) => fault.spoil(reply),
        None => Ok(reply),
    }
}

/// Reads a complete request, or says what is wrong with it.
async fn read(space: Space, request: Request<Incoming>) -> Result<Said, i64> {
    let is_wecom = space == Space::WeCom;
    let said = if space == Space::Stable {
        if request.method() != Method::POST {
            return Err(43002);
        }
        let Ok(body) = request.into_body().collect().await else {
            return Err(47001);
        };
        let Ok(Value::Object(body)) = serde_json::from_slice::<Value>(&body.to_bytes()) else {
            return Err(47001);
        };
        let text = |key| body.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        Said {
            grant_type: text("grant_type"),
            id: text("appid"),
            secret: text("secret"),
            forced: body.get("force_refresh") == Some(&Value::Bool(true)),
        }
    } else {
        if request.method() != Method::GET {
            return Err(43001);
        }
        let text = |key| {
            let query = request.uri().query().unwrap_or_default();
            query::get(query, key).unwrap_or_default().into_owned()
        };
        let (id, secret) = if is_wecom { ("corpid", "corpsecret") } else { ("appid", "secret") };
        Said { grant_type: text("grant_type"), id: text(id), secret: text(secret), forced: false }
    };
    if !is_wecom && said.grant_type != "client_credential" {
        return Err(40002);
    }
    if said.id.is_empty() {
        return Err(41002);
    }
    if said.secret.is_empty() {
        return Err(41004);
    }
    Ok(said)
}

fn grant(state: &State, space: Space, said: &Said, fault: Option<&Fault>) -> Reply {
    let is_wecom = space == Space::WeCom;
    let ask = Ask {
        space,
        id: &said.id,
        secret: &said.secret,
        forced: said.forced,
        text: match fault {
            Some(Fault::Token(text)) => Some(text.clone()),
            _ => None,
        },
    };
    let Granted { text, left } = match state.tokens(|tokens, now| tokens.ask(ask, now)) {
        Ok(granted) => granted,
        Err(errcode) => return Reply::error(errcode, is_wecom),
    };
    let expires_in = match fault {
        Some(Fault::ExpiresIn(seconds)) => json!(seconds),
        _ => json!(left.as_secs()),
    };
    if is_wecom {
        let answer =
            json!({ "errcode": 0, "errmsg": "ok", "access_token": &*text, "expires_in": expires_in });
        Reply::json(&answer, true)
    } else {
        Reply::json(&json!({ "access_token": &*text, "expires_in": expires_in }), false)
    }
}
