//! [`Program`]: who calls APIs, and says what came of it.

use serde_json::Value;
use tokio::task::JoinSet;
use tower_wechat::{AuthOutcome, ErrorKind, TokenError, WeChatAuth};

use super::Log;
use crate::BoxError;

pub struct Program {
    client: WeChatAuth<reqwest::Client>,
    http: reqwest::Client,
    url: String,
    log: Log,
}

impl Program {
    pub fn new(client: WeChatAuth<reqwest::Client>, http: reqwest::Client, url: String, log: Log) -> Self {
        Self { client, http, url, log }
    }

    /// A call as any program makes it: it says for which account, and there is no token in sight.
    pub async fn call(&self, app: &str) -> Result<(), BoxError> {
        let request = self.http.get(&self.url).build()?;
        let result = self.client.for_app(app.into()).execute(request).await;

        for line in self.log.take() {
            println!("   {line}");
        }
        match result {
            Ok(response) => {
                let outcome = response.extensions().get().cloned();
                tell(app, outcome.as_ref(), &response.json().await?);
            }
            Err(error) => match error.downcast_ref::<TokenError>() {
                Some(error) => println!("   {app} gets an error:\n      {}", text(error)),
                None => println!("   {app} gets an error:\n      {error}"),
            },
        }
        Ok(())
    }

    /// So many calls at once.
    pub async fn storm(&self, calls: usize, apps: [&str; 2]) -> Result<(), BoxError> {
        let mut tasks = JoinSet::new();
        for app in apps.into_iter().cycle().take(calls) {
            let request = self.http.get(&self.url).build()?;
            let client = self.client.for_app(app.into());
            tasks.spawn(async move {
                client.execute(request).await.ok()?.json::<Value>().await.ok()?["total"].as_u64()
            });
        }
        let good = tasks.join_all().await.into_iter().flatten().count();
        println!("   {good} of {calls} calls get what they asked for.");
        let log = self.log.take();
        for whose in ["wx-platform", apps[0], apps[1]] {
            let minted =
                log.iter().filter(|line| line.contains("-> token-") && line.ends_with(whose)).count();
            println!("   WeChat has given out {minted} token for {whose}.");
        }
        Ok(())
    }
}

/// What a call got.
fn tell(app: &str, outcome: Option<&AuthOutcome>, answer: &Value) {
    match outcome.and_then(AuthOutcome::refresh_error) {
        Some(error) => {
            let errcode = &answer["errcode"];
            println!("   {app} gets WeChat's {errcode}, and the reason why there is no better token:");
            println!("      {}", text(error));
        }
        None => println!("   {app} gets its {} followers.", answer["total"]),
    }
}

/// An error without the seconds until WeChat is asked again.
fn text(error: &TokenError) -> String {
    let text = error.to_string();
    let text = text.split("; the token endpoint is left alone").next().unwrap_or_default();
    match error.kind() {
        ErrorKind::BackedOff => format!("{text}; it is too early to try again"),
        _ => text.to_owned(),
    }
}
