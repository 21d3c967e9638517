//! Followers of an official account.

use serde::Deserialize;

use crate::{Answer, Client, Error, HttpService};

/// A user, as WeChat describes one to an official account.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct User {
    /// The user's id in this account.
    pub openid: String,
    /// 1 for a follower. Of others WeChat tells nothing but the id.
    pub subscribe: u8,
    /// When the user began to follow, in seconds since 1970.
    #[serde(default)]
    pub subscribe_time: Option<u64>,
    /// The user's id in all accounts that are linked at the open platform.
    #[serde(default)]
    pub unionid: Option<String>,
}

impl<S: HttpService> Client<S> {
    /// Describes a user.
    ///
    /// # Errors
    ///
    /// WeChat refuses (40003: there is no such user), or there is no answer.
    pub async fn user_info(&self, openid: &str) -> Result<Answer<User>, Error> {
        self.get("/cgi-bin/user/info", &[("openid", openid), ("lang", "zh_CN")]).await
    }
}
