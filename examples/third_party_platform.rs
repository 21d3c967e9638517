//! A third-party platform (第三方平台), which calls APIs for the accounts that have authorised it:
//! `component_verify_ticket` → `component_access_token` → `authorizer_access_token`.
//!
//! `cargo run --example third_party_platform` plays it against a small fake WeChat inside the program.
//!
//! Each of the two tokens has an issuer of one's own and a cache. The authorizer's issuer makes its call through a client
//! that has the component's token from the component's cache, and so is healed like any other.

#[path = "common/open_platform.rs"]
mod open_platform;

use std::{
    collections::HashMap,
    error::Error,
    sync::{Arc, Mutex},
    time::Duration,
};

use open_platform::OpenPlatform;
use serde_json::{Value, json};
use tower::Layer;
use tower_wechat::{
    AppId, Platform, TokenCache, TokenError, TokenPool, WeChatAuth, WeChatAuthLayer,
    issuer::{AccountKey, Issuer, Mint, MintFuture, Minted},
};

/// Mints the platform's own token, from the ticket that WeChat pushes every ten minutes.
struct Component {
    platform: Platform,
    base: String,
    app: AppId,
    secret: String,
    ticket: Arc<Mutex<String>>,
    http: reqwest::Client,
}

impl Issuer for Component {
    fn mint(&self, _how: Mint) -> MintFuture<'_> {
        Box::pin(async move {
            let json = json!({
                "component_appid": self.app.as_str(),
                "component_appsecret": self.secret,
                "component_verify_ticket": *self.ticket.lock().unwrap(),
            });
            let url = format!("{}/cgi-bin/component/api_component_token", self.base);
            let response = self.http.post(url).json(&json).send().await.map_err(no_answer)?;
            minted(&read(response, &self.platform).await?, "component_access_token")
        })
    }

    fn platform(&self) -> &Platform {
        &self.platform
    }

    fn account(&self) -> AccountKey {
        AccountKey::new("component", &self.base, self.app.clone(), None)
    }
}

/// Mints the token of an account that has authorised the platform.
struct Authorizer {
    platform: Platform,
    base: String,
    component: AppId,
    app: AppId,
    refresh_tokens: RefreshTokens,
    http: reqwest::Client,
    /// Puts the platform's token into requests.
    auth: WeChatAuth<reqwest::Client>,
}

impl Issuer for Authorizer {
    fn mint(&self, _how: Mint) -> MintFuture<'_> {
        Box::pin(async move {
            let json = json!({
                "component_appid": self.component.as_str(),
                "authorizer_appid": self.app.as_str(),
                "authorizer_refresh_token": self.refresh_tokens.of(&self.app),
            });
            let url = format!("{}/cgi-bin/component/api_authorizer_token", self.base);
            let request = self.http.post(url).json(&json).build().map_err(no_answer)?;
            let response = self.auth.execute(request).await.map_err(|error| {
                // Where the platform has no token, that is why this account has none.
                let failure = error.downcast_ref::<TokenError>().cloned();
                failure.unwrap_or_else(|| TokenError::transient("api_authorizer_token did not answer"))
            })?;
            let answer = read(response, &self.platform).await?;
            // Without a wait in between: once the cache gives this mint up, nothing after the next `.await` is done.
            if let Some(newest) = answer["authorizer_refresh_token"].as_str() {
                self.refresh_tokens.save(&self.app, newest);
            }
            minted(&answer, "authorizer_access_token")
        })
    }

    fn platform(&self) -> &Platform {
        &self.platform
    }

    fn account(&self) -> AccountKey {
        let authorised = format!("{}/{}", self.base, self.component.as_str());
        AccountKey::new("authorizer", &authorised, self.app.clone(), None)
    }
}

/// A successful answer, or the error that the built-in issuers would make of it.
async fn read(response: reqwest::Response, platform: &Platform) -> Result<Value, TokenError> {
    let (status, body) = (response.status(), response.bytes().await);
    let body = body.map_err(no_answer)?;
    match TokenError::from_answer(status, &body, platform) {
        Some(error) => Err(error),
        None => serde_json::from_slice(&body).map_err(|_| TokenError::transient("the answer is no JSON")),
    }
}

fn no_answer(error: reqwest::Error) -> TokenError {
    let is_of_this_host = error.is_connect() && !error.is_timeout();
    // The URL may have a token in it.
    let failure = TokenError::transient(error.without_url().to_string());
    if is_of_this_host { failure.of_this_host() } else { failure }
}

fn minted(answer: &Value, name: &str) -> Result<Minted, TokenError> {
    match (answer[name].as_str(), answer["expires_in"].as_u64()) {
        (Some(token), Some(life)) => Ok(Minted::new(token, Duration::from_secs(life))),
        _ => Err(TokenError::transient(format!("the answer has no {name} that can be used"))),
    }
}

/// The refresh tokens of the accounts: a database in a real program, which must keep them.
#[derive(Clone, Default)]
struct RefreshTokens(Arc<Mutex<HashMap<AppId, String>>>);

impl RefreshTokens {
    fn of(&self, app: &AppId) -> Option<String> {
        self.0.lock().unwrap().get(app).cloned()
    }

    fn save(&self, app: &AppId, token: &str) {
        println!("   saved           the new refresh token of {}", app.as_str());
        self.0.lock().unwrap().insert(app.clone(), token.to_owned());
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Only because this package builds reqwest without a TLS provider of its own.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let wechat = OpenPlatform::start().await?;
    let base = wechat.url();
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;

    // In a real program the handler of WeChat's pushes keeps this up to date.
    let ticket = Arc::new(Mutex::new(OpenPlatform::TICKET.to_owned()));
    // In a real program: from the authorisation's `api_query_auth`.
    let refresh_tokens = RefreshTokens::default();
    for app in ["wx-shop", "wx-news"] {
        refresh_tokens.0.lock().unwrap().insert(app.into(), format!("refresh-token-of-{app}-0"));
    }

    let component = AppId::from("wx-component");
    let auth = WeChatAuthLayer::new(TokenCache::new(Component {
        platform: Platform::component().with_origin(&base)?,
        base: base.clone(),
        app: component.clone(),
        secret: OpenPlatform::SECRET.to_owned(),
        ticket,
        http: http.clone(),
    }))
    .layer(http.clone());

    // One cache for each account that has authorised the platform, made when it is first needed.
    let platform = Platform::wechat().with_origin(&base)?;
    let (url, client) = (format!("{base}/cgi-bin/user/get"), http.clone());
    let pool = TokenPool::with_factory(move |app: AppId| {
        refresh_tokens.of(&app)?;
        Some(TokenCache::new(Authorizer {
            platform: platform.clone(),
            base: base.clone(),
            component: component.clone(),
            app,
            refresh_tokens: refresh_tokens.clone(),
            http: client.clone(),
            auth: auth.clone(),
        }))
    });
    let client = WeChatAuthLayer::new(pool).layer(http.clone());

    for (scene, app) in [
        ("Nobody has a token yet", "wx-shop"),
        ("Now they have", "wx-shop"),
        ("Another account, and the same platform", "wx-news"),
        ("WeChat has revoked everything", "wx-shop"),
    ] {
        println!("\n{scene}: a call for {app}");
        if scene.contains("revoked") {
            wechat.revoke();
        }
        let response = client.for_app(app.into()).execute(http.get(&url).build()?).await?;
        println!("   program gets    {}", response.text().await?);
    }
    Ok(())
}
