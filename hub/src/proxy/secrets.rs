//! Calls that carry the app's secret themselves: a client has its own in that place, and the hub puts the app's there.
//!
//! They are few, and each is named: any other call with a secret in its query is refused, above all one that would be answered
//! with a token of the app's.

use std::sync::Arc;

use axum::{body::Body, extract::Request, response::Response};
use http::{
    Method,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use serde_json::{Map, Value};
use tower_wechat::AppId;
use zeroize::Zeroizing;

use super::{caller::Caller, query, send};
use crate::{app::App, body, client::Right, known::Known, problem::Problem, table::Table};

/// Where the app's secret stands in the query, or may: the logins of mini programs
/// (<https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/user-login/code2Session.html>) and web sites
/// (<https://developers.weixin.qq.com/doc/offiaccount/OA_Web_Apps/Wechat_webpage_authorization.html>), and the reset of the day's
/// calls.
const PATHS: [&str; 4] =
    ["/sns/jscode2session", "/sns/oauth2/access_token", "/cgi-bin/clear_quota", "/cgi-bin/clear_quota/v2"];

/// Where it stands in the body
/// (<https://developers.weixin.qq.com/doc/oplatform/openApi/OpenApiDoc/openapi/clearQuotaByAppSecret.html>).
const IN_BODY: &str = "/cgi-bin/clear_quota/v2";

/// What the documentation of these calls calls a secret.
const NAMES: [&str; 3] = ["secret", "appsecret", "corpsecret"];

/// A client's secret in a call, and the app that it is for.
pub(super) struct Shown {
    secret: String,
    app: Option<String>,
}

/// The secret in a call's query, if there is one.
pub(super) fn in_query(request: &Request) -> Result<Option<Shown>, Problem> {
    let text = request.uri().query().unwrap_or_default();
    let Some(secret) = query::one_of(text, &NAMES)? else { return Ok(None) };
    if !PATHS.contains(&request.uri().path()) {
        return Err(Problem::bad_request("no secret is taken in the query of this call"));
    }
    Ok(Some(Shown { secret, app: query::one_of(text, &["appid"])? }))
}

/// Whether a call has its secret in the body.
pub(super) fn is_in_body(request: &Request) -> bool {
    *request.method() == Method::POST && request.uri().path() == IN_BODY
}

/// Sends the call with the app's secret in the query.
pub(super) async fn call(table: &Table, request: Request, shown: Shown) -> Result<Response, Problem> {
    let exchanged = Exchanged::of(table, request.uri().path(), &shown)?;
    let query = query::with_value(request.uri().query().unwrap_or_default(), &NAMES, &exchanged.secret);
    let (_, query) = query::take_token(&query)?;
    exchanged.send(table, request, &query).await
}

/// The same with the app's secret in the body, which is JSON or a form.
pub(super) async fn call_with_body(table: &Table, request: Request) -> Result<Response, Problem> {
    let (mut head, body) = request.into_parts();
    head.headers.remove(CONTENT_LENGTH);
    let limits = (table.limits.body_bytes, table.limits.header_timeout);
    let body = body::read(body, limits).await?;
    let is_form = head
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    let wrong = || Problem::bad_request("the body has `appid` and `appsecret`, as JSON or as a form");
    let text = std::str::from_utf8(&body).map_err(|_| wrong())?;
    let path = head.uri.path();
    let (exchanged, body) = if is_form {
        let secret = query::one_of(text, &NAMES)?.ok_or_else(wrong)?;
        let exchanged = Exchanged::of(table, path, &Shown { secret, app: query::one_of(text, &["appid"])? })?;
        let body = query::with_value(text, &NAMES, &exchanged.secret);
        (exchanged, body)
    } else {
        let mut json: Map<String, Value> = serde_json::from_str(text).map_err(|_| wrong())?;
        let text_of = |name: &str| json.get(name).and_then(Value::as_str).map(str::to_owned);
        let secret = text_of("appsecret").ok_or_else(wrong)?;
        let exchanged = Exchanged::of(table, path, &Shown { secret, app: text_of("appid") })?;
        json.insert("appsecret".to_owned(), exchanged.secret.as_str().into());
        // Strings and numbers always have a JSON.
        let body = serde_json::to_string(&json).unwrap_or_default();
        (exchanged, body)
    };
    let (_, query) = query::take_token(head.uri.query().unwrap_or_default())?;
    exchanged.send(table, Request::from_parts(head, Body::from(body)), &query).await
}

/// An app's secret, in exchange for that of a client which may call this for the app.
struct Exchanged {
    known: Arc<Known>,
    id: AppId,
    app: Arc<App>,
    secret: Zeroizing<String>,
}

impl Exchanged {
    fn of(table: &Table, path: &str, shown: &Shown) -> Result<Self, Problem> {
        let known = table.client(&shown.secret).ok_or_else(Problem::wrong_secret)?;
        let exchanged = || {
            known.admit()?;
            let id = shown.app.as_deref().filter(|app| !app.is_empty());
            let id = AppId::from(id.ok_or_else(|| Problem::missing(41002, "there is no `appid`"))?);
            known.may(Right::Proxy, &id)?;
            known.may_call(path)?;
            let app = table.apps.get(&id).cloned().ok_or_else(Problem::no_such_app)?;
            let secret = app.secret().ok_or_else(Problem::secret_not_known)?;
            Ok(Self { known: known.clone(), id, app, secret: Zeroizing::new(secret.expose().to_owned()) })
        };
        exchanged().map_err(|problem: Problem| problem.for_client(known.name()))
    }

    async fn send(self, table: &Table, request: Request, query: &str) -> Result<Response, Problem> {
        let caller = Caller { known: Some(self.known), id: self.id, app: self.app };
        send::bare(table, caller, request, query).await
    }
}
