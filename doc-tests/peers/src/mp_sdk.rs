//! wechat-mp-sdk 0.3.0.

pub mod before {
    use wechat_mp_sdk::{
        WechatError, WechatMp,
        types::{AppId, AppSecret},
    };

    pub fn client(
        base_url: &str,
        app_id: &str,
        secret: &str,
    ) -> Result<WechatMp, WechatError> {
        WechatMp::builder()
            .appid(AppId::new(app_id)?)
            .secret(AppSecret::new(secret)?)
            .base_url(base_url)
            .build()
    }
}

pub mod hub {
    use wechat_mp_sdk::{
        WechatError, WechatMp,
        types::{AppId, AppSecret},
    };

    pub fn client(
        hub: &str,
        app_id: &str,
        client_secret: &str,
    ) -> Result<WechatMp, WechatError> {
        WechatMp::builder()
            .appid(AppId::new(app_id)?)
            .secret(AppSecret::new(client_secret)?)
            .base_url(hub)
            .build()
    }
}

pub mod after {
    use std::{
        future::{Future, ready},
        pin::Pin,
        task::{Context, Poll},
    };

    use reqwest012::{Body, Error, Request, Response};
    use tower::{Layer, Service};
    use tower_wechat::{TokenCache, WeChatAuth};
    use wechat_mp_sdk::{
        WechatClient, WechatError, WechatMp,
        types::{AppId, AppSecret},
    };

    use crate::http::{Http, wechat};

    /// A middleware for the SDK that sends its calls by a client of ours.
    #[derive(Clone)]
    pub struct Shared(WeChatAuth<Http<Body>>);

    impl Layer<WechatClient> for Shared {
        type Service = Self;

        fn layer(&self, _: WechatClient) -> Self {
            self.clone()
        }
    }

    impl Service<Request> for Shared {
        type Response = Response;
        type Error = Error;
        type Future = Pin<Box<dyn Future<Output = Result<Response, Error>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, mut request: Request) -> Self::Future {
            // The SDK's own question for a token is answered here.
            if request.url().path() == "/cgi-bin/token" {
                let none = r#"{"access_token":"none","expires_in":7200}"#;
                return Box::pin(ready(Ok(answer(200, none))));
            }
            let query: Vec<_> = request.url().query_pairs().into_owned().collect();
            let query = query.iter().filter(|(key, _)| key != "access_token");
            request.url_mut().query_pairs_mut().clear().extend_pairs(query);

            let wechat = self.0.clone();
            Box::pin(async move {
                let request = http::Request::<Body>::try_from(request)?;
                Ok(match wechat.send(request).await {
                    Ok(response) => response.map(Body::wrap).into(),
                    // The SDK's error has no place for another.
                    Err(error) => answer(503, &error.to_string()),
                })
            })
        }
    }

    fn answer(status: u16, text: &str) -> Response {
        let mut answer = http::Response::new(text.to_owned());
        *answer.status_mut() = http::StatusCode::from_u16(status).unwrap();
        answer.into()
    }

    pub fn client(
        base_url: &str,
        app_id: &str,
        secret: &str,
        cache: TokenCache,
    ) -> Result<WechatMp, WechatError> {
        WechatMp::builder()
            .appid(AppId::new(app_id)?)
            .secret(AppSecret::new(secret)?) // for logins only
            .base_url(base_url)
            .with_middleware(Shared(wechat(cache)))
            .build()
    }
}
