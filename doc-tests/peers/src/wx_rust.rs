//! `WxRust`: wx-rust-mp 0.1.5.

pub mod before {
    use std::sync::Arc;

    use wx_rust_mp::{
        api::{WxMpService, r#impl::WxMpServiceImpl},
        config::r#impl::WxMpDefaultConfig,
    };

    pub fn service(config: Arc<WxMpDefaultConfig>) -> Arc<dyn WxMpService> {
        WxMpServiceImpl::new_arc(config)
    }
}

pub mod after {
    use std::sync::Arc;

    use async_trait::async_trait;
    use tower_wechat::{TokenCache, WeChatAuth, WeChatError};
    use wx_rust_common::error::WxErrorException;
    use wx_rust_mp::{
        api::WxMpService,
        config::{WxMpConfigStorage, r#impl::WxMpDefaultConfig},
    };

    /// The SDK's service, with our token and our replay.
    pub struct Shared {
        config: Arc<WxMpDefaultConfig>,
        cache: TokenCache,
        http: reqwest::Client,
        wechat: WeChatAuth<reqwest::Client>,
    }

    impl Shared {
        pub fn new(
            config: Arc<WxMpDefaultConfig>,
            cache: TokenCache,
            http: reqwest::Client,
        ) -> Self {
            let wechat = WeChatAuth::new(http.clone(), &cache);
            Self { config, cache, http, wechat }
        }

        async fn send(
            &self,
            request: reqwest::RequestBuilder,
        ) -> Result<String, WxErrorException> {
            let failed =
                |error: &dyn ToString| WxErrorException::Http(error.to_string());
            let request = request.build().map_err(|error| failed(&error))?;
            let answer = self.wechat.execute(request).await;
            let text = answer.map_err(|error| failed(&error))?.text().await;
            let text = text.map_err(|error| failed(&error))?;
            match WeChatError::parse(text.as_bytes()) {
                Some(error) => Err(WxErrorException::from_code(
                    i32::try_from(error.errcode()).unwrap_or(-99),
                    error.errmsg(),
                )),
                None => Ok(text),
            }
        }
    }

    #[async_trait]
    impl WxMpService for Shared {
        fn wx_mp_config_storage(&self) -> Arc<dyn WxMpConfigStorage> {
            self.config.clone()
        }

        fn http_client(&self) -> &reqwest::Client {
            &self.http
        }

        async fn get_access_token_with_force(
            &self,
            _: bool,
        ) -> Result<String, WxErrorException> {
            let failed = |error: tower_wechat::TokenError| {
                WxErrorException::Http(error.to_string())
            };
            let token = self.cache.token().await.map_err(failed)?;
            Ok(token.as_str().to_owned())
        }

        async fn get(
            &self,
            url: &str,
            query: &str,
        ) -> Result<String, WxErrorException> {
            let separator = if url.contains('?') { '&' } else { '?' };
            self.send(self.http.get(format!("{url}{separator}{query}"))).await
        }

        async fn post(
            &self,
            url: &str,
            body: &str,
        ) -> Result<String, WxErrorException> {
            self.send(self.http.post(url).body(body.to_owned())).await
        }
    }
}
