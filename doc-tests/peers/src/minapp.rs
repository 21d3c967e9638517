//! wechat-minapp 3.4.3.

pub mod before {
    use wechat_minapp::client::WechatMinapp;

    pub fn client(app_id: &str, secret: &str) -> WechatMinapp {
        WechatMinapp::new(app_id, secret)
    }
}

pub mod after {
    use std::sync::Arc;

    use async_trait::async_trait;
    use bytes::Bytes;
    use http::{Request, Response};
    use http_body_util::{BodyExt, Full};
    use tower_wechat::{TokenCache, WeChatAuth};
    use wechat_minapp::{
        Result,
        client::{
            HttpClient, StableToken, TokenStorage, WechatMinapp,
            token_type::TokenType,
        },
        error::Error,
    };

    use crate::http::{Http, wechat};

    /// Sends the SDK's calls with the shared token.
    struct Shared(WeChatAuth<Http<Full<Bytes>>>);

    #[async_trait]
    impl HttpClient for Shared {
        async fn execute(
            &self,
            call: Request<Vec<u8>>,
        ) -> Result<Response<Vec<u8>>> {
            let mut call = call.map(|body| Full::new(Bytes::from(body)));
            // What the SDK has put there.
            let uri = call.uri().to_string().replace("access_token=none", "");
            *call.uri_mut() = uri.try_into().map_err(http::Error::from)?;
            let failed =
                |error: tower_wechat::Error| Error::System(error.to_string());
            let (head, body) =
                self.0.send(call).await.map_err(failed)?.into_parts();
            let body = body.collect().await;
            let body = body.map_err(|error| Error::System(error.to_string()))?;
            Ok(Response::from_parts(head, body.to_bytes().into()))
        }
    }

    /// Where the SDK would keep a token: it has none.
    struct NoToken(Arc<StableToken>);

    #[async_trait]
    impl TokenStorage for NoToken {
        async fn token(&self) -> Result<String> {
            Ok("none".to_owned())
        }

        async fn refresh_access_token(&self) -> Result<String> {
            self.token().await
        }

        fn token_type(&self) -> Arc<dyn TokenType> {
            self.0.clone()
        }
    }

    pub fn client(app_id: &str, secret: &str, cache: TokenCache) -> WechatMinapp {
        let http = Arc::new(Shared(wechat(cache)));
        // The secret is for logins only.
        let logins =
            Arc::new(StableToken::new(app_id, secret, false, http.clone()));
        WechatMinapp::custom(http, Arc::new(NoToken(logins)))
    }
}

pub mod hub {
    use std::sync::Arc;

    use async_trait::async_trait;
    use http::{Request, Response};
    use wechat_minapp::{
        Result,
        client::{HttpClient, MemoryTokenStorage, StableToken, WechatMinapp},
    };

    /// Sends what is for `WeChat` to another address.
    struct To {
        address: String,
        http: Arc<dyn HttpClient>,
    }

    #[async_trait]
    impl HttpClient for To {
        async fn execute(
            &self,
            mut call: Request<Vec<u8>>,
        ) -> Result<Response<Vec<u8>>> {
            let uri = call.uri().to_string();
            let uri = uri.replacen("https://api.weixin.qq.com", &self.address, 1);
            *call.uri_mut() = uri.try_into().map_err(http::Error::from)?;
            self.http.execute(call).await
        }
    }

    /// `http` is `Arc::new(ReqwestHttpClient::new())`, or one of your own.
    pub fn client(
        hub: &str,
        app_id: &str,
        client_secret: &str,
        http: Arc<dyn HttpClient>,
    ) -> WechatMinapp {
        let to_hub = Arc::new(To { address: hub.to_owned(), http });
        let token = StableToken::new(app_id, client_secret, false, to_hub.clone());
        let storage = MemoryTokenStorage::new(Arc::new(token));
        WechatMinapp::custom(to_hub, Arc::new(storage))
    }
}
