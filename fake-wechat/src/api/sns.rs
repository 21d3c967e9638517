//! Logins of users, and what their own tokens open.

use serde_json::{Value, json};

use super::call::Call;
use crate::{reply::Reply, users};

/// `None` for a path that is not known here.
pub(super) fn answer(call: &Call<'_>) -> Option<Reply> {
    let answer = match call.path() {
        "/sns/jscode2session" => session(call),
        "/sns/oauth2/access_token" => login(call),
        "/sns/oauth2/refresh_token" => refresh(call),
        "/sns/userinfo" => Ok(describe(call)),
        "/sns/auth" => Ok(json!({ "errcode": 0, "errmsg": "ok" })),
        _ => return None,
    };
    Some(answer.map_or_else(|errcode| call.error(errcode), |answer| call.json(&answer)))
}

fn session(call: &Call<'_>) -> Result<Value, i64> {
    let open_id = redeem(call, "js_code")?;
    Ok(json!({
        "session_key": users::session_key(),
        "openid": open_id,
        "unionid": users::union_id(&open_id),
    }))
}

fn login(call: &Call<'_>) -> Result<Value, i64> {
    let open_id = redeem(call, "code")?;
    let (app, now) = (call.parameter("appid"), call.state.clock.now());
    Ok(granted(&call.state.lock().users.grant(&app, &open_id, now)))
}

fn refresh(call: &Call<'_>) -> Result<Value, i64> {
    is_grant(call, "refresh_token")?;
    let app = call.parameter("appid");
    call.state.tokens(|tokens, _| tokens.official(&app))?;
    let now = call.state.clock.now();
    let grant = call.state.lock().users.refresh(&app, &call.parameter("refresh_token"), now)?;
    Ok(granted(&grant))
}

fn granted(grant: &users::Grant) -> Value {
    json!({
        "access_token": grant.access_token,
        "expires_in": users::LIFE.as_secs(),
        "refresh_token": grant.refresh_token,
        "openid": grant.open_id,
        "scope": "snsapi_userinfo",
        "unionid": users::union_id(&grant.open_id),
    })
}

fn describe(call: &Call<'_>) -> Value {
    let open_id = call.state.lock().users.who(&call.parameter("access_token")).unwrap_or_default();
    json!({
        "openid": open_id,
        "nickname": "",
        "sex": 0,
        "province": "",
        "city": "",
        "country": "",
        "headimgurl": "",
        "privilege": [],
        "unionid": users::union_id(&open_id),
    })
}

/// Whom the code is of, if the app's secret is right.
fn redeem(call: &Call<'_>, parameter: &str) -> Result<String, i64> {
    let (id, secret, code) = (call.parameter("appid"), call.parameter("secret"), call.parameter(parameter));
    call.state.tokens(|tokens, _| tokens.authorised(&id, &secret))?;
    is_grant(call, "authorization_code")?;
    if code.is_empty() {
        return Err(41008);
    }
    call.state.lock().users.redeem(&code)
}

fn is_grant(call: &Call<'_>, expected: &str) -> Result<(), i64> {
    if call.parameter("grant_type") == expected { Ok(()) } else { Err(40002) }
}
