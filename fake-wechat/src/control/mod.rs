//! Control calls: what a test in another language does to the platform, and what it asks of it.
//!
//! They lie below [`BELOW`], are there only if the builder switched them on, and count as no request.

mod orders;
mod parameters;
mod report;

use http::{HeaderValue, Method, Request, StatusCode, header};
use hyper::body::Incoming;
use serde_json::{Value, json};

use self::parameters::Parameters;
use crate::{answer::Answer, received::Received, reply::Reply, state::State};

pub(crate) const BELOW: &str = "/_fake/";

/// Every call, the method it wants, and the parameters that it may have.
const CALLS: [(&str, Method, &[&str]); 18] = [
    ("", Method::GET, &[]),
    ("counters", Method::GET, &[]),
    ("seen", Method::GET, &["last"]),
    ("wait", Method::GET, &["at", "requests"]),
    ("revoke", Method::POST, &["app"]),
    ("revoke_unnoticed", Method::POST, &[]),
    ("expire", Method::POST, &[]),
    ("advance", Method::POST, &["seconds"]),
    ("mint_elsewhere", Method::POST, &["app"]),
    ("login_code", Method::POST, &["openid"]),
    (
        "fail_next",
        Method::POST,
        &["at", "times", "errcode", "http", "expires_in", "token", "slow", "fault", "status"],
    ),
    ("fail", Method::POST, &["at", "errcode", "http", "expires_in", "token", "slow", "fault", "status"]),
    ("heal", Method::POST, &[]),
    ("hold", Method::POST, &["at"]),
    ("release", Method::POST, &["at"]),
    ("latency", Method::POST, &["at", "milliseconds"]),
    ("answer", Method::POST, &["path", "status", "open"]),
    ("clear_seen", Method::POST, &[]),
];

/// Why a call was not carried out.
struct Refusal {
    status: StatusCode,
    why: String,
}

pub(crate) async fn answer(state: &State, request: Request<Incoming>) -> Reply {
    let (status, answer) = match carry_out(state, request).await {
        Ok(answer) => (StatusCode::OK, answer),
        Err(refusal) => (refusal.status, json!({ "error": refusal.why })),
    };
    // Not in WeChat's own spelling of JSON: these are not WeChat's words.
    Answer::default()
        .status(status)
        .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .body(format!("{answer}\n"))
        .into()
}

async fn carry_out(state: &State, request: Request<Incoming>) -> Result<Value, Refusal> {
    let (parts, mut body) = request.into_parts();
    let received = Received::read(&mut body).await;
    let name = parts.uri.path().strip_prefix(BELOW).unwrap_or_default();
    let Some((_, method, names)) = CALLS.iter().find(|(call, ..)| *call == name) else {
        let why = format!("there is no such control call; GET {BELOW} lists them");
        return Err(Refusal { status: StatusCode::NOT_FOUND, why });
    };
    if parts.method != *method {
        let why = format!("{BELOW}{name} wants {method}");
        return Err(Refusal { status: StatusCode::METHOD_NOT_ALLOWED, why });
    }
    let parameters = Parameters::new(parts.uri.query().unwrap_or_default(), names)?;
    match name {
        "" => Ok(list()),
        "counters" => Ok(report::counters(state)),
        "seen" => report::seen(state, &parameters),
        "wait" => report::wait(state, &parameters).await,
        _ => orders::Order { said: &parameters, headers: &parts.headers, body: &received }
            .carry_out(state, name),
    }
}

fn list() -> Value {
    let calls = CALLS.iter().map(|(name, method, names)| {
        let parameters = names.iter().map(|name| format!("{name}=")).collect::<Vec<_>>().join("&");
        format!("{method} {BELOW}{name}{}{parameters}", if names.is_empty() { "" } else { "?" })
    });
    json!({ "calls": calls.collect::<Vec<_>>() })
}

impl From<String> for Refusal {
    fn from(why: String) -> Self {
        Self { status: StatusCode::BAD_REQUEST, why }
    }
}
