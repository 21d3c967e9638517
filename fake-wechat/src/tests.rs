//! Every documented behaviour once, through a plain HTTP client.

mod answers;
mod apis;
mod control;
mod control_calls;
mod families;
mod faults;
mod quota;
mod ranges;
mod sns;
mod tokens;
mod uploads;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};

use crate::{Answer, FakeWeChat, Fault, media_byte, rules::Rules};

/// An answer, read to its end.
struct Got {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    fn errcode(&self) -> i64 {
        self.json()["errcode"].as_i64().expect("an errcode")
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A token endpoint's success.
#[derive(Debug, PartialEq, Eq)]
struct Token {
    text: String,
    expires_in: i64,
}

fn client() -> Client<HttpConnector, Full<Bytes>> {
    // No connection outlives its answer, so that each of them shows what happens to one.
    Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http()
}

impl FakeWeChat {
    async fn try_send(
        &self,
        method: Method,
        path_and_query: &str,
        body: impl Into<Bytes>,
    ) -> Result<Got, Box<dyn std::error::Error + Send + Sync>> {
        self.try_send_with(method, path_and_query, None, body).await
    }

    async fn try_send_with(
        &self,
        method: Method,
        path_and_query: &str,
        header: Option<(HeaderName, &str)>,
        body: impl Into<Bytes>,
    ) -> Result<Got, Box<dyn std::error::Error + Send + Sync>> {
        let mut request = Request::builder().method(method).uri(self.url() + path_and_query);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body.into()))?;
        let (head, body) = client().request(request).await?.into_parts();
        Ok(Got { status: head.status, headers: head.headers, body: body.collect().await?.to_bytes() })
    }

    async fn get(&self, path_and_query: &str) -> Got {
        self.try_send(Method::GET, path_and_query, "").await.unwrap()
    }

    async fn post(&self, path_and_query: &str, body: impl Into<Bytes>) -> Got {
        self.try_send(Method::POST, path_and_query, body).await.unwrap()
    }

    async fn get_with(&self, path_and_query: &str, name: HeaderName, value: &str) -> Got {
        self.try_send_with(Method::GET, path_and_query, Some((name, value)), "").await.unwrap()
    }

    /// Sends a body of this content type; of none if it is empty.
    async fn post_as(&self, path_and_query: &str, kind: &str, body: impl Into<Bytes>) -> Got {
        let header = (!kind.is_empty()).then_some((header::CONTENT_TYPE, kind));
        self.try_send_with(Method::POST, path_and_query, header, body).await.unwrap()
    }

    /// Calls an API with this token, and says with which code it answers.
    async fn call(&self, token: &str) -> i64 {
        self.get(&format!("/cgi-bin/any?access_token={token}")).await.errcode()
    }

    async fn classic(&self) -> Token {
        granted(&self.get(&classic_url()).await)
    }

    async fn stable(&self) -> Token {
        granted(&self.post("/cgi-bin/stable_token", stable_body(false)).await)
    }

    async fn forced(&self) -> Got {
        self.post("/cgi-bin/stable_token", stable_body(true)).await
    }

    async fn wecom(&self) -> Token {
        granted(&self.get(&wecom_url()).await)
    }
}

fn granted(got: &Got) -> Token {
    let answer = got.json();
    Token {
        text: answer["access_token"].as_str().expect("a token").to_owned(),
        expires_in: answer["expires_in"].as_i64().expect("a life"),
    }
}

fn classic_url() -> String {
    let (id, secret) = (FakeWeChat::APP_ID, FakeWeChat::APP_SECRET);
    format!("/cgi-bin/token?grant_type=client_credential&appid={id}&secret={secret}")
}

fn wecom_url() -> String {
    let (id, secret) = (FakeWeChat::CORP_ID, FakeWeChat::CORP_SECRET);
    format!("/cgi-bin/gettoken?corpid={id}&corpsecret={secret}")
}

fn stable_body(force: bool) -> String {
    json!({
        "grant_type": "client_credential",
        "appid": FakeWeChat::APP_ID,
        "secret": FakeWeChat::APP_SECRET,
        "force_refresh": force,
    })
    .to_string()
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
