//! Tickets: those that pages sign with, and those of QR codes.

use serde_json::{Value, json};

use super::call::Call;
use crate::{reply::Reply, rules, tickets::LIFE};

/// `expires_in` does not count down, as users have seen it from WeChat.
pub(super) fn ticket(call: &Call<'_>) -> Reply {
    let (account, kind) = (call.verdict.account.as_deref().unwrap_or_default(), call.parameter("type"));
    let now = call.state.clock.now();
    let ticket = call.state.lock().tickets.present(account, call.path(), &kind, now);
    call.success(json!({ "ticket": &*ticket, "expires_in": LIFE.as_secs() }))
}

pub(super) fn qr_code(call: &Call<'_>) -> Reply {
    let Value::Object(body) = call.body() else {
        return call.error(47001);
    };
    let mut code = json!({
        "ticket": rules::random_text(96),
        "url": format!("http://weixin.qq.com/q/{}", rules::random_text(22)),
    });
    let is_permanent =
        body.get("action_name").and_then(Value::as_str).is_some_and(|name| name.starts_with("QR_LIMIT"));
    if !is_permanent {
        code["expire_seconds"] = body.get("expire_seconds").cloned().unwrap_or(json!(60));
    }
    call.json(&code)
}
