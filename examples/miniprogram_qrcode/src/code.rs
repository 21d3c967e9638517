//! [`Codes`]: asks WeChat for the picture of one scene.

use std::time::Duration;

use account::Account;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::json;
use tower::ServiceBuilder;
use tower_wechat::{ReplayBody, TokenCache, WeChatAuth, WeChatAuthLayer, WeChatError, issuer::StableToken};

use crate::{Failure, error::CodeError, options::EnvVersion, picture::Picture, scene::Scene};

/// For the token, both sends of a call and the picture together.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The largest code, 1280 pixels wide, has less.
const LARGEST: usize = 4 * 1024 * 1024;

type Https = Client<HttpsConnector<HttpConnector>, ReplayBody<Full<Bytes>>>;

pub struct Codes {
    client: WeChatAuth<Https>,
    url: String,
    /// Whose codes they are.
    pub app_id: String,
}

impl Codes {
    pub fn new(account: &Account) -> Result<Self, Failure> {
        let issuer = StableToken::new(&account.id, &account.secret).base_url(&account.base_url)?;
        let https = HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
        let client = ServiceBuilder::new()
            // This is all that there is to do for the token: every request below has a good one.
            .layer(WeChatAuthLayer::new(TokenCache::new(issuer)))
            .service(Client::builder(TokioExecutor::new()).build(https));
        let url = format!("{}/wxa/getwxacodeunlimit", account.base_url);
        Ok(Self { client, url, app_id: account.id.clone() })
    }

    /// The picture for a scene.
    pub async fn picture(
        &self,
        page: &str,
        version: EnvVersion,
        scene: &Scene,
    ) -> Result<Picture, CodeError> {
        let is_released = version == EnvVersion::Release;
        let asked = json!({
            "scene": scene.as_str(), "page": page, "env_version": version.name(), "check_path": is_released,
            // A transparent ground, for which WeChat sends a PNG.
            "is_hyaline": true,
        });
        let answer = tokio::time::timeout(TIMEOUT, self.ask(asked.to_string()));
        let answer = match answer.await {
            Ok(answer) => answer.map_err(CodeError::Failed)?,
            Err(_) => return Err(CodeError::Failed("WeChat did not answer in time".into())),
        };
        // WeChat calls errors a success, and sometimes text; only the content tells.
        if let Some(error) = WeChatError::parse(&answer) {
            return Err(CodeError::Refused(error));
        }
        let length = answer.len();
        Picture::new(answer).ok_or(CodeError::NoPicture(length))
    }

    async fn ask(&self, body: String) -> Result<Bytes, Failure> {
        let request = Request::post(&self.url)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::<Bytes>::from(body))?;
        let answer = self.client.send(request).await?;
        if answer.status() != StatusCode::OK {
            return Err(format!("WeChat answers with status {}", answer.status().as_u16()).into());
        }
        Ok(Limited::new(answer.into_body(), LARGEST).collect().await?.to_bytes())
    }
}
