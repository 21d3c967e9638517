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

/// A control call: its parameters, and what it brought with it.
pub(super) struct Order<'a> {
    pub(super) said: &'a Parameters<'a>,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a Received,
}

impl Order<'_> {
    pub(super) fn carry_out(&self, state: &State, name: &str) -> Result<Value, Refusal> {
        let said = self.said;
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
                let (gate, fault) = (gate(state, said)?, self.fault()?);
                gate.fail_next(said.number("times")?.unwrap_or(1), fault);
            }
            "fail" => gate(state, said)?.fail(self.fault()?),
            "heal" => state.heal(),
            "hold" => gate(state, said)?.order_hold(true),
            "release" => gate(state, said)?.order_hold(false),
            "latency" => {
                let milliseconds = Parameters::needed("milliseconds", said.number("milliseconds")?)?;
                gate(state, said)?.set_latency(Duration::from_millis(milliseconds));
            }
            "answer" => self.script(state)?,
            "clear_seen" => state.lock().log.clear(),
            _ => return Err(format!("`{name}` is listed, and nobody carries it out").into()),
        }
        Ok(done)
    }

    /// The path is answered with what this call brought, from now on.
    fn script(&self, state: &State) -> Result<(), Refusal> {
        let path = Parameters::needed("path", self.said.text("path"))?;
        let open = match self.said.text("open").as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => return Err(format!("`open` is true or false, not `{other}`").into()),
        };
        let answer = self.answer()?;
        state.lock().answers.insert(path.into_owned(), Scripted { answer, open });
        Ok(())
    }

    /// The body of this call under its own content type.
    fn answer(&self) -> Result<Answer, String> {
        let status = self.said.number("status")?.map_or(Ok(StatusCode::OK), known)?;
        let answer = Answer::default().status(status).body(self.body.kept.clone());
        Ok(match self.headers.get(header::CONTENT_TYPE) {
            Some(content_type) => answer.header(header::CONTENT_TYPE, content_type.clone()),
            None => answer,
        })
    }

    fn fault(&self) -> Result<Fault, String> {
        let said = self.said;
        let wanted = [
            said.number("errcode")?.map(Fault::Errcode),
            said.number("http")?.map(known).transpose()?.map(|status| Fault::Http(status.as_u16())),
            said.number("expires_in")?.map(Fault::ExpiresIn),
            said.text("token").map(|text| Fault::Token(text.into_owned())),
            said.number("slow")?.map(|pause| Fault::Slow(Duration::from_millis(pause))),
            said.text("fault").map(|name| self.named(&name)).transpose()?,
        ];
        let mut wanted = wanted.into_iter().flatten();
        let (Some(fault), None) = (wanted.next(), wanted.next()) else {
            return Err("give one of `errcode`, `http`, `expires_in`, `token`, `slow` and `fault`".to_owned());
        };
        if said.text("status").is_some() && !matches!(fault, Fault::Answer(_)) {
            return Err(
                "`status` goes with `fault=answer`; for a page of HTML with it give `http`".to_owned()
            );
        }
        Ok(fault)
    }

    fn named(&self, name: &str) -> Result<Fault, String> {
        Ok(match name {
            "busy" => Fault::Busy,
            "garbage" => Fault::Garbage,
            "empty" => Fault::Empty,
            "answer" => Fault::Answer(self.answer()?),
            "hang" => Fault::Hang,
            "reset" => Fault::Reset,
            "cut_off" => Fault::CutOff,
            "lost" => Fault::Lost,
            _ => {
                let names = "busy, garbage, empty, answer, hang, reset, cut_off or lost";
                return Err(format!("`fault` is {names}, not `{name}`"));
            }
        })
    }
}

pub(super) fn gate<'s>(state: &'s State, said: &Parameters<'_>) -> Result<&'s Gate, String> {
    match said.text("at").as_deref() {
        Some("tokens") => Ok(&state.token_gate),
        None | Some("apis") => Ok(&state.api_gate),
        Some(other) => Err(format!("`at` is tokens or apis, not `{other}`")),
    }
}

fn known(status: u16) -> Result<StatusCode, String> {
    StatusCode::from_u16(status).map_err(|_| format!("`{status}` is no HTTP status"))
}

fn unknown(app: &str) -> Refusal {
    format!("there is no account `{app}` here").into()
}
