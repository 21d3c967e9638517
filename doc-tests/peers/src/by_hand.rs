//! A cache that somebody has written by hand.

pub mod before {
    use std::{
        sync::Arc,
        time::{Duration, Instant},
    };

    use serde_json::Value;
    use tokio::sync::RwLock;

    type BoxError = Box<dyn std::error::Error + Send + Sync>;

    #[derive(Clone)]
    pub struct WeChat {
        pub http: reqwest::Client,
        pub base: String,
        pub app_id: String,
        pub secret: String,
        pub token: Arc<RwLock<Option<(String, Instant)>>>,
    }

    impl WeChat {
        async fn token(&self) -> Result<String, BoxError> {
            if let Some((token, expiry)) = &*self.token.read().await
                && *expiry > Instant::now()
            {
                return Ok(token.clone());
            }
            let url = format!(
                "{}/cgi-bin/token?grant_type=client_credential&appid={}&secret={}",
                self.base, self.app_id, self.secret
            );
            let answer: Value = self.http.get(url).send().await?.json().await?;
            let token =
                answer["access_token"].as_str().ok_or("no token")?.to_owned();
            let life = answer["expires_in"].as_u64().unwrap_or(7200);
            let expiry = Instant::now() + Duration::from_secs(life);
            *self.token.write().await = Some((token.clone(), expiry));
            Ok(token)
        }

        pub async fn send(&self, message: &Value) -> Result<Value, BoxError> {
            let token = self.token().await?;
            let url = format!(
                "{}/cgi-bin/message/custom/send?access_token={token}",
                self.base
            );
            Ok(self.http.post(url).json(message).send().await?.json().await?)
        }
    }
}

pub mod after {
    use std::time::Duration;

    use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
    use serde_json::Value;
    use tower_wechat::{TokenCache, WeChatAuthLayer, issuer::StableToken};

    type BoxError = Box<dyn std::error::Error + Send + Sync>;

    #[derive(Clone)]
    pub struct WeChat {
        http: ClientWithMiddleware,
        base: String,
    }

    impl WeChat {
        pub fn new(
            base: &str,
            app_id: &str,
            secret: &str,
        ) -> Result<Self, BoxError> {
            let issuer = StableToken::new(app_id, secret).base_url(base)?;
            let layer = WeChatAuthLayer::new(TokenCache::new(issuer));
            // Without this, a redirect would tell the token to another host.
            let http = reqwest::Client::builder()
                .referer(false)
                .timeout(Duration::from_secs(30))
                .build()?;
            let http = ClientBuilder::new(http).with(layer).build();
            Ok(Self { http, base: base.to_owned() })
        }

        pub async fn send(&self, message: &Value) -> Result<Value, BoxError> {
            let url = format!("{}/cgi-bin/message/custom/send", self.base);
            Ok(self.http.post(url).json(message).send().await?.json().await?)
        }
    }
}
