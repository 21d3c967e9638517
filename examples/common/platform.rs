//! The platform that an example calls: the real one, with the account named in the environment, or a fake one inside the
//! program.

use std::{env, error::Error};

use tower_wechat::{
    AuthOutcome,
    testing::{Answer, FakeWeChat},
};

/// A harmless call, which every account may make.
pub const PATH: &str = "/cgi-bin/get_api_domain_ip";

pub struct Platform {
    name: &'static str,
    pub base_url: String,
    /// The appid, or the corp id.
    pub id: String,
    pub secret: String,
    pub fake: Option<FakeWeChat>,
}

impl Platform {
    /// The app in `WECHAT_APP_ID` and `WECHAT_APP_SECRET`.
    #[allow(dead_code, reason = "an example calls one platform")]
    pub async fn wechat() -> Result<Self, Box<dyn Error>> {
        let account = ["WECHAT_APP_ID", "WECHAT_APP_SECRET"];
        let fake = [FakeWeChat::APP_ID, FakeWeChat::APP_SECRET];
        Self::choose("WeChat", "https://api.weixin.qq.com", account, fake).await
    }

    /// The corp in `WECOM_CORP_ID` and `WECOM_CORP_SECRET`.
    #[allow(dead_code, reason = "an example calls one platform")]
    pub async fn wecom() -> Result<Self, Box<dyn Error>> {
        let account = ["WECOM_CORP_ID", "WECOM_CORP_SECRET"];
        let fake = [FakeWeChat::CORP_ID, FakeWeChat::CORP_SECRET];
        Self::choose("WeCom", "https://qyapi.weixin.qq.com", account, fake).await
    }

    async fn choose(
        name: &'static str,
        base_url: &str,
        account: [&str; 2],
        fake: [&str; 2],
    ) -> Result<Self, Box<dyn Error>> {
        // A variable that is empty counts as not set.
        match account.map(|name| env::var(name).ok().filter(|value| !value.is_empty())) {
            [Some(id), Some(secret)] => {
                println!("This is the real {name}, with your account {id}. Its token is not revoked.");
                return Ok(Self { name, base_url: base_url.to_owned(), id, secret, fake: None });
            }
            [None, None] => {}
            _ => return Err(format!("set both {} and {}, or neither", account[0], account[1]).into()),
        }
        let platform = FakeWeChat::start().await;
        let answer = r#"{"errcode":0,"errmsg":"ok","ip_list":["101.226.62.77","101.226.62.78"]}"#;
        platform.set_answer(PATH, Answer::json(answer));
        println!("{name} is a fake one inside this program, at {}.", platform.url());
        println!("To call the real one, set {} and {}.", account[0], account[1]);
        let [id, secret] = fake.map(str::to_owned);
        Ok(Self { name, base_url: platform.url(), id, secret, fake: Some(platform) })
    }

    /// What happens, one call after the other.
    pub fn scenes(&self) -> Vec<String> {
        match self.fake {
            Some(_) => vec![
                "1. The program starts: there is no token yet.".to_owned(),
                format!("2. {} has revoked the token, and the program does not know.", self.name),
            ],
            None => vec!["The program starts: there is no token yet.".to_owned()],
        }
    }

    /// What the layer did for an answer.
    pub fn tell(&self, outcome: Option<&AuthOutcome>) {
        match outcome.map(|outcome| (outcome.errcode(), outcome.not_replayed())) {
            None => println!("   The layer fetched a token and put it into the request."),
            Some((errcode, None)) => {
                println!("   The layer saw {errcode}, fetched a new token and sent the request once more.");
            }
            Some((errcode, Some(why))) => println!("   The layer saw {errcode}, but: {why:?}."),
        }
        if let Some(fake) = &self.fake {
            let (name, requests, mints) = (self.name, fake.seen().len(), fake.mints());
            println!(
                "   {name} saw {requests} request(s) for this answer, and has minted {mints} token(s) so far."
            );
        }
    }

    /// Ends the life of the token, if the platform is a fake one.
    pub fn revoke(&self) {
        if let Some(fake) = &self.fake {
            fake.revoke();
            fake.clear_seen();
        }
    }
}
