//! labrador 0.2.3.

pub mod before {
    use labrador::{SimpleStorage, WechatMpClient};

    pub fn client(app_id: &str, secret: &str) -> WechatMpClient<SimpleStorage> {
        WechatMpClient::<SimpleStorage>::new(app_id, secret)
    }
}

pub mod after {
    use labrador::{
        FromStore, LabraError, LabradorResult, SessionStore, SimpleStorage,
        ToStore, WechatMpClient,
    };
    use tower_wechat::{TokenCache, TokenError};

    /// Where the SDK looks for its token: in our cache. Tickets stay where
    /// they were.
    #[derive(Clone)]
    pub struct Shared {
        cache: TokenCache,
        tickets: SimpleStorage,
    }

    impl SessionStore for Shared {
        fn get<'a, K: AsRef<str>, T: FromStore>(
            &self,
            key: K,
            default: Option<T>,
        ) -> LabradorResult<Option<T>> {
            let (key, token) = (key.as_ref(), self.cache.current());
            let found = match (key, token) {
                (key, _) if key.contains("_ticket") => {
                    return self.tickets.get(key, default);
                }
                (_, None) => return Ok(default),
                (key, Some(token)) if key.ends_with("_access_token") => {
                    token.as_str().to_owned().to_store()
                }
                // Whether it is still good is for the cache to know.
                (_, Some(_)) => i64::MAX.to_store(),
            };
            Ok(T::from_store_opt(&found).ok().or(default))
        }

        fn set<'a, K: AsRef<str>, T: ToStore>(
            &self,
            key: K,
            value: T,
            ttl: Option<usize>,
        ) -> LabradorResult<()> {
            match key.as_ref() {
                key if key.contains("_ticket") => self.tickets.set(key, value, ttl),
                _ => Ok(()),
            }
        }
    }

    pub fn client(app_id: &str, cache: TokenCache) -> WechatMpClient<Shared> {
        // Without a secret, it can mint nothing.
        let tickets = SimpleStorage::new();
        WechatMpClient::from_session(app_id, "", Shared { cache, tickets })
    }

    /// A call, made once more if its token was rejected.
    pub async fn call<T>(
        cache: &TokenCache,
        call: impl AsyncFn() -> LabradorResult<T>,
    ) -> Result<LabradorResult<T>, TokenError> {
        let token = cache.token().await?;
        let rejected = |error: &LabraError| match error {
            LabraError::ClientError { errcode, .. } => {
                ["40001", "40014", "42001"].contains(&errcode.as_str())
            }
            _ => false,
        };
        match call().await {
            Err(error) if rejected(&error) => {
                cache.refresh(&token).await?;
                Ok(call().await)
            }
            answer => Ok(answer),
        }
    }
}
