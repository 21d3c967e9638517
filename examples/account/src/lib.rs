//! The account that an example program uses: the one named in the environment, or one at a [`FakeWeChat`] inside the
//! program. And [`say!`] and [`with_causes`], with which the programs print.

use std::{
    env,
    error::Error,
    fmt,
    io::{self, Write},
    iter::successors,
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

/// An error in one line, with all that led to it. What has been said already is not said again.
#[must_use]
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    for cause in successors(error.source(), |&cause| cause.source()).map(ToString::to_string) {
        if !line.contains(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line
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
    base: &'static str,
    base_url: &'static str,
    id: &'static str,
    secret: &'static str,
    fake_id: &'static str,
    fake_secret: &'static str,
}

const WECHAT: Platform = Platform {
    name: "WeChat",
    base: "WECHAT_BASE_URL",
    base_url: "https://api.weixin.qq.com",
    id: "WECHAT_APP_ID",
    secret: "WECHAT_APP_SECRET",
    fake_id: FakeWeChat::APP_ID,
    fake_secret: FakeWeChat::APP_SECRET,
};

const WECOM: Platform = Platform {
    name: "WeCom",
    base: "WECOM_BASE_URL",
    base_url: "https://qyapi.weixin.qq.com",
    id: "WECOM_CORP_ID",
    secret: "WECOM_CORP_SECRET",
    fake_id: FakeWeChat::CORP_ID,
    fake_secret: FakeWeChat::CORP_SECRET,
};

impl Account {
    /// The app in `WECHAT_APP_ID` and `WECHAT_APP_SECRET`, or else one at a fake WeChat. Prints which. `WECHAT_BASE_URL` is for
    /// another address, as that of the program `fake-wechat`.
    ///
    /// # Errors
    ///
    /// One of the three is set, and the id or the secret is not.
    pub async fn wechat() -> Result<Self, Box<dyn Error + Send + Sync>> {
        Self::choose(&WECHAT).await
    }

    /// The corp in `WECOM_CORP_ID` and `WECOM_CORP_SECRET`, or else one at a fake WeCom. Prints which. `WECOM_BASE_URL` is for
    /// another address.
    ///
    /// # Errors
    ///
    /// One of the three is set, and the id or the secret is not.
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
        if let Some(account) = Self::named(platform, |name| env::var(name).ok())? {
            say!("This is {name} at {}, with your account {}.", account.base_url, account.id);
            return Ok(account);
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

    /// The account that the variables name, if they name one. A variable that is empty counts as not set.
    fn named(
        platform: &Platform,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, Box<dyn Error + Send + Sync>> {
        let Platform { base, id, secret, .. } = platform;
        let [base_url, app, key] =
            [base, id, secret].map(|name| variable(name).filter(|value| !value.is_empty()));
        match (app, key) {
            (Some(id), Some(secret)) => {
                let base_url =
                    base_url.as_deref().unwrap_or(platform.base_url).trim_end_matches('/').to_owned();
                Ok(Some(Self { base_url, id, secret, fake: None }))
            }
            (None, None) if base_url.is_none() => Ok(None),
            // A service whose settings are half there must not play a demonstration, and end well.
            _ => Err(format!(
                "set {id} and {secret}, both; or, for a demonstration, neither of them nor {base}"
            )
            .into()),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Link(&'static str, Option<Box<Self>>);

    impl fmt::Display for Link {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Link {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|cause| cause as _)
        }
    }

    #[test]
    fn every_cause_is_said_once() {
        let cause =
            Link("no route", Some(Box::new(Link("connect", Some(Box::new(Link("unreachable", None)))))));
        let error = Link("no answer (connect)", Some(Box::new(cause)));
        assert_eq!(with_causes(&error), "no answer (connect): no route: unreachable");
    }

    fn named(set: &[(&str, &str)]) -> Result<Option<Account>, String> {
        let variable =
            |name: &str| set.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned());
        Account::named(&WECHAT, variable).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_is_a_demonstration_and_all_is_an_account() {
        assert!(named(&[]).unwrap().is_none());
        assert!(named(&[("WECHAT_APP_ID", ""), ("WECHAT_APP_SECRET", "")]).unwrap().is_none());
        let mut set = vec![("WECHAT_APP_ID", "wx1"), ("WECHAT_APP_SECRET", "s")];
        assert_eq!(named(&set).unwrap().unwrap().base_url, "https://api.weixin.qq.com");
        set.push(("WECHAT_BASE_URL", "http://127.0.0.1:8080/"));
        assert_eq!(named(&set).unwrap().unwrap().base_url, "http://127.0.0.1:8080");
    }

    #[test]
    fn a_part_of_it_is_an_error_that_names_the_variables() {
        for set in
            [("WECHAT_APP_ID", "wx1"), ("WECHAT_APP_SECRET", "s"), ("WECHAT_BASE_URL", "http://127.0.0.1:1")]
        {
            let error = named(&[set]).unwrap_err();
            assert!(error.contains("WECHAT_APP_ID and WECHAT_APP_SECRET"), "{error}");
        }
    }
}
