//! What is done to the platform.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::{Refusal, parameters::Parameters};
use crate::{
    answer::Answer,
    faults::Fault,
    fingerprint::Fingerprint,
    gate::Gate,
    received::Received,
    state::{Scripted, State},
};

pub(super) fn carry_out(state: &State, name: &str, said: &Parameters<'_>) -> Result<Value, Refusal> {
    let mut done = json!({ "done": name });
    match name {
        "revoke" => {
            let app = said.text("app");
            state.tokens(|tokens, _| match app.as_deref() {
                Some(app) if !tokens.ids().any(|id| id == app) => Err(unknown(app)),
                app => {
                    tokens.revoke(app);
                    Ok(())
                }
            })?;
        }
        "revoke_unnoticed" => state.tokens(|tokens, _| tokens.revoke_unnoticed()),
        "expire" => state.tokens(|tokens, _| tokens.expire()),
        "advance" => {
            let seconds = Parameters::needed("seconds", said.number("seconds")?)?;
            state.clock.advance(Duration::from_secs(seconds));
        }
        "mint_elsewhere" => {
            let app = Parameters::needed("app", said.text("app"))?;
            let text = state.tokens(|tokens, now| tokens.mint_elsewhere(&app, now));
            done["token"] = Fingerprint::of(&text.ok_or_else(|| unknown(&app))?).to_string().into();
        }
        "login_code" => {
            let open_id = Parameters::needed("openid", said.text("openid"))?;
            done["code"] = state.lock().users.code(&open_id).into();
        }
        "fail_next" => {
            let (gate, fault) = (gate(state, said)?, fault(said)?);
            gate.fail_next(said.number("times")?.unwrap_or(1), fault);
        }
        "fail" => gate(state, said)?.fail(fault(said)?),
        "heal" => state.heal(),
        "latency" => {
            let milliseconds = Parameters::needed("milliseconds", said.number("milliseconds")?)?;
            gate(state, said)?.set_latency(Duration::from_millis(milliseconds));
        }
        "clear_seen" => state.lock().log.clear(),
        _ => return Err(format!("`{name}` is listed, and nobody carries it out").into()),
    }
    Ok(done)
}

/// The body of the call, under its own content type, is what the path is answered with from now on.
pub(super) fn answer(
    state: &State,
    said: &Parameters<'_>,
    headers: &HeaderMap,
    body: &Received,
) -> Result<Value, Refusal> {
    let path = Parameters::needed("path", said.text("path"))?;
    let status = said.number("status")?.map_or(Ok(StatusCode::OK), known)?;
    let open = match said.text("open").as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(other) => return Err(format!("`open` is true or false, not `{other}`").into()),
    };
    let mut answer = Answer::default().status(status).body(body.kept.clone());
    if let Some(content_type) = headers.get(header::CONTENT_TYPE) {
        answer = answer.header(header::CONTENT_TYPE, content_type.clone());
    }
    state.lock().answers.insert(path.into_owned(), Scripted { answer, open });
    Ok(json!({ "done": "answer" }))
}

fn gate<'s>(state: &'s State, said: &Parameters<'_>) -> Result<&'s Gate, String> {
    match said.text("at").as_deref() {
        Some("tokens") => Ok(&state.token_gate),
        None | Some("apis") => Ok(&state.api_gate),
        Some(other) => Err(format!("`at` is tokens or apis, not `{other}`")),
    }
}

fn fault(said: &Parameters<'_>) -> Result<Fault, String> {
    let wanted = [
        said.number("errcode")?.map(Fault::Errcode),
        said.number("http")?.map(known).transpose()?.map(|status| Fault::Http(status.as_u16())),
        said.number("expires_in")?.map(Fault::ExpiresIn),
        said.text("fault").map(|name| named(&name)).transpose()?,
    ];
    let mut wanted = wanted.into_iter().flatten();
    match (wanted.next(), wanted.next()) {
        (Some(fault), None) => Ok(fault),
        _ => Err("give one of `errcode`, `http`, `expires_in` and `fault`".to_owned()),
    }
}

fn known(status: u16) -> Result<StatusCode, String> {
    StatusCode::from_u16(status).map_err(|_| format!("`{status}` is no HTTP status"))
}

fn named(name: &str) -> Result<Fault, String> {
    Ok(match name {
        "busy" => Fault::Busy,
        "garbage" => Fault::Garbage,
        "empty" => Fault::Empty,
        "hang" => Fault::Hang,
        "reset" => Fault::Reset,
        "cut_off" => Fault::CutOff,
        "lost" => Fault::Lost,
        _ => {
            let names = "busy, garbage, empty, hang, reset, cut_off or lost";
            return Err(format!("`fault` is {names}, not `{name}`"));
        }
    })
}

fn unknown(app: &str) -> Refusal {
    format!("there is no account `{app}` here").into()
}
