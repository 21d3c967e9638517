//! What the environment says, beside the account.

use std::env;

use crate::{Failure, crypto::Cipher};

/// What `--help` prints.
pub const HELP: &str = "\
A bot for an official account (公众号): it answers messages at once, and follows up with a customer message.

Usage: bot_echo

Without an account it shows what it does, at a fake WeChat inside the program. With one it serves until Ctrl-C or SIGTERM.

Settings, in the environment:
  WECHAT_APP_ID      开发者ID(AppID)
  WECHAT_APP_SECRET  开发者密码(AppSecret)
  WECHAT_TOKEN       令牌(Token) of the callback
  WECHAT_AES_KEY     消息加解密密钥(EncodingAESKey), for secure mode (安全模式); without it: plain mode (明文模式)
  WECHAT_LISTEN      where it listens; without it: 127.0.0.1:8080
  WECHAT_BASE_URL    where WeChat's APIs are; without it: https://api.weixin.qq.com
  RUST_LOG           what is logged; without it: info

It ends with code 0 if it was asked to end and nothing was left undone, with 1 and the reason if not, and with 2 if it does
not understand what it is told.";

pub struct Settings {
    pub listen: String,
    pub token: String,
    pub cipher: Option<Cipher>,
}

impl Settings {
    pub fn from_environment(app_id: &str) -> Result<Self, Failure> {
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

    /// Without an account there is the demonstration, which needs nothing of this. A service that has lost its account must not
    /// play it, and end well.
    pub fn refuse_without_account() -> Result<(), Failure> {
        let mut names = ["WECHAT_TOKEN", "WECHAT_AES_KEY", "WECHAT_LISTEN"].into_iter();
        names.find(|name| set(name).is_some()).map_or(Ok(()), |name| {
            Err(format!(
                "{name} is set, and there is no account: set WECHAT_APP_ID and WECHAT_APP_SECRET, too; or, for the \
                 demonstration, unset {name}"
            )
            .into())
        })
    }
}

/// A variable that is empty counts as not set.
fn set(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
