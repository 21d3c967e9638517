//! The account that an example program uses: the one named in the environment, or one at a [`FakeWeChat`] inside the
//! program. And [`say!`], with which the programs print.

use std::{
    env,
    error::Error,
    fmt,
    io::{self, Write},
};

use fake_wechat::FakeWeChat;

/// Prints a line, as `println!` does, which panics once nobody reads any more: after `| head -1`, or without the terminal.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => {
        $crate::print_line(format_args!($($text)*))
    };
}

#[doc(hidden)]
pub fn print_line(line: fmt::Arguments<'_>) {
    // What a program does is worth more than what it says.
    let _ = writeln!(io::stdout(), "{line}");
}

/// What a program needs to call a platform.
pub struct Account {
    /// Where the platform's APIs are, without a `/` at the end.
    pub base_url: String,
    /// The app id, or the corp id.
    pub id: String,
    /// The secret that belongs to `id`.
    pub secret: String,
    fake: Option<FakeWeChat>,
}

struct Platform {
    name: &'static str,
    base_url: &'static str,
    id: &'static str,
    secret: &'static str,
    fake_id: &'static str,
    fake_secret: &'static str,
}

const WECHAT: Platform = Platform {
    name: "WeChat",
    base_url: "https://api.weixin.qq.com",
    id: "WECHAT_APP_ID",
    secret: "WECHAT_APP_SECRET",
    fake_id: FakeWeChat::APP_ID,
    fake_secret: FakeWeChat::APP_SECRET,
};

const WECOM: Platform = Platform {
    name: "WeCom",
    base_url: "https://qyapi.weixin.qq.com",
    id: "WECOM_CORP_ID",
    secret: "WECOM_CORP_SECRET",
    fake_id: FakeWeChat::CORP_ID,
    fake_secret: FakeWeChat::CORP_SECRET,
};

impl Account {
    /// The app in `WECHAT_APP_ID` and `WECHAT_APP_SECRET`, or else one at a fake WeChat. Prints which.
    ///
    /// # Errors
    ///
    /// `WECHAT_APP_ID` is set, and `WECHAT_APP_SECRET` is not.
    pub async fn wechat() -> Result<Self, Box<dyn Error + Send + Sync>> {
        Self::choose(&WECHAT).await
    }

    /// The corp in `WECOM_CORP_ID` and `WECOM_CORP_SECRET`, or else one at a fake WeCom. Prints which.
    ///
    /// # Errors
    ///
    /// `WECOM_CORP_ID` is set, and `WECOM_CORP_SECRET` is not.
    pub async fn wecom() -> Result<Self, Box<dyn Error + Send + Sync>> {
        Self::choose(&WECOM).await
    }

    /// The fake platform inside this program, if it is not the real one.
    #[must_use]
    pub fn fake(&self) -> Option<&FakeWeChat> {
        self.fake.as_ref()
    }

    async fn choose(platform: &Platform) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let Platform { name, id, secret, .. } = platform;
        if let Some(app) = setting(id) {
            let base_url = platform.base_url.to_owned();
            let key = setting(secret).ok_or_else(|| format!("{id} is set, so set {secret}, too"))?;
            say!("This is the real {name}, with your account {app}.");
            return Ok(Self { base_url, id: app, secret: key, fake: None });
        }
        let fake = FakeWeChat::start().await;
        say!("{name} is a fake one inside this program, at {}.", fake.url());
        say!("To use the real one, set {id} and {secret}.");
        Ok(Self {
            base_url: fake.url(),
            id: platform.fake_id.to_owned(),
            secret: platform.fake_secret.to_owned(),
            fake: Some(fake),
        })
    }
}

/// A variable that is empty counts as not set.
fn setting(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Without the secret.
impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("base_url", &self.base_url)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
