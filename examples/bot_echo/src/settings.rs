//! What the environment says, beside the account.

use std::env;

use crate::{crypto::Cipher, failure::Failure};

pub struct Settings {
    pub listen: String,
    pub token: String,
    pub cipher: Option<Cipher>,
}

impl Settings {
    pub fn from_environment(app_id: &str) -> Result<Self, Failure> {
        let set = |name| env::var(name).ok().filter(|value: &String| !value.is_empty());
        let token =
            set("WECHAT_TOKEN").ok_or("set WECHAT_TOKEN to the token (令牌) of the callback's settings")?;
        let cipher = match set("WECHAT_AES_KEY") {
            Some(key) => {
                Some(Cipher::new(&key, app_id).ok_or("WECHAT_AES_KEY must have 43 letters and digits")?)
            }
            None => None,
        };
        Ok(Self {
            listen: set("WECHAT_LISTEN").unwrap_or_else(|| "127.0.0.1:8080".to_owned()),
            token,
            cipher,
        })
    }
}
