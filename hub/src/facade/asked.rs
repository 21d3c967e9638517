//! What an SDK asks a token endpoint, in the shape of the endpoint.
//!
//! The shapes are WeChat's
//! ([token](https://developers.weixin.qq.com/doc/offiaccount/Basic_Information/Get_access_token.html),
//! [stable_token](https://developers.weixin.qq.com/doc/offiaccount/Basic_Information/getStableAccessToken.html)) and WeCom's
//! ([gettoken](https://developer.work.weixin.qq.com/document/path/91039)).

use std::time::Duration;

use axum::extract::{Query, Request};
use http::Method;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use tower_wechat::Platform;

use crate::{body, problem::Problem};

/// A token endpoint.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Token,
    StableToken,
    GetToken,
}

/// A question for a token.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub(super) struct Asked {
    grant_type: Option<String>,
    #[serde(alias = "corpid")]
    appid: Option<String>,
    #[serde(alias = "corpsecret")]
    secret: Option<String>,
    /// Whether the present token is said to be of no use.
    #[serde(deserialize_with = "yes")]
    pub(super) force_refresh: bool,
}

impl Endpoint {
    /// Whether apps of this platform have their tokens from here.
    pub(super) fn is_of(self, platform: &Platform) -> bool {
        platform.name() == if self == Self::GetToken { "wecom" } else { "wechat" }
    }

    /// What is asked.
    pub(super) async fn read(self, request: Request, limits: (usize, Duration)) -> Result<Asked, Problem> {
        let asked = if self == Self::StableToken {
            if request.method() != Method::POST {
                return Err(Problem::missing(43002, "/cgi-bin/stable_token is asked by POST"));
            }
            let body = body::read(request.into_body(), limits).await?;
            body::json_object(&body).ok_or_else(|| {
                Problem::missing(47001, "the body is no JSON object of a question for a token")
            })?
        } else {
            let Query(asked) = Query::<Asked>::try_from_uri(request.uri())
                .map_err(|_| Problem::bad_request("each parameter is given once at most"))?;
            // Only the stable endpoint has it.
            Asked { force_refresh: false, ..asked }
        };
        if self != Self::GetToken && asked.grant_type.as_deref() != Some("client_credential") {
            return Err(Problem::missing(40002, "`grant_type` is client_credential"));
        }
        Ok(asked)
    }
}

impl Asked {
    pub(super) fn app(&self) -> Result<&str, Problem> {
        let app = self.appid.as_deref().filter(|app| !app.is_empty());
        app.ok_or_else(|| Problem::missing(41002, "there is no `appid` (at WeCom: `corpid`)"))
    }

    /// The client's secret, which stands where the app's would.
    pub(super) fn secret(&self) -> Option<&str> {
        self.secret.as_deref().filter(|secret| !secret.is_empty())
    }
}

/// Whether a value says yes, in whatever way: some SDKs write `"true"`, and some `null` for no.
fn yes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(matches!(value, Value::Bool(true)) || value.as_str() == Some("true") || value.as_u64() == Some(1))
}
