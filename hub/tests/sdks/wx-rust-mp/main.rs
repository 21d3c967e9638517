//! A program that uses `WxRust` as its users do, and does what the lines on its standard input say.

use std::{collections::BTreeMap, env, error::Error, fs, path::Path, sync::Arc};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader, stdin},
    task::JoinSet,
};
use wx_rust_common::{
    bean::{CommonUploadData, CommonUploadParam},
    error::WxErrorException,
    service::WxOAuth2Service,
    util::http::MediaUploadRequestExecutor,
};
use wx_rust_miniapp::{
    api::{WxMaService, r#impl::WxMaServiceImpl},
    config::{WxMaConfig, WxMaHostConfig, r#impl::WxMaDefaultConfig},
};
use wx_rust_mp::{
    api::{
        WxMpService,
        r#impl::{WxMpOAuth2ServiceImpl, WxMpServiceImpl, base_wx_mp_service_impl::execute_with_retry},
    },
    config::{WxMpConfigStorage, WxMpHostConfig, r#impl::WxMpDefaultConfig},
    enums::wx_mp_api_url::material::media_upload,
};

const NAME: &str = "wx-rust-mp 0.1.5";

struct Driver {
    wechat: Arc<dyn WxMpService>,
    web: WxMpOAuth2ServiceImpl,
    mini_program: Arc<dyn WxMaService>,
}

fn official_account(hub: &str, app_id: &str, secret: &str) -> Arc<dyn WxMpService> {
    let config = WxMpDefaultConfig::new(app_id, secret);
    config.set_host_config(WxMpHostConfig { api_host: hub.to_owned(), ..WxMpHostConfig::new() });
    WxMpServiceImpl::new_arc(Arc::new(config))
}

fn mini_program(hub: &str, app_id: &str, secret: &str) -> Arc<dyn WxMaService> {
    let config = WxMaDefaultConfig::new(app_id, secret);
    config.set_host_config(WxMaHostConfig { api_host: hub.to_owned(), ..WxMaHostConfig::new() });
    WxMaServiceImpl::new_arc(Arc::new(config))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (hub, app_id) = (env::var("WECHAT_BASE_URL")?, env::var("WECHAT_APP_ID")?);
    let secret = env::var("WECHAT_SECRET")?;
    let wechat = official_account(&hub, &app_id, &secret);
    let web = WxMpOAuth2ServiceImpl::new(Arc::downgrade(&wechat));
    let driver = Driver { wechat, web, mini_program: mini_program(&hub, &app_id, &secret) };
    println!("{}", json!({ "ready": true, "sdk": NAME, "token_url_apart": false }));

    let mut commands = BufReader::new(stdin()).lines();
    while let Some(command) = commands.next_line().await? {
        let words: Vec<_> = command.split(' ').collect();
        let answer = match driver.answer(&words).await {
            Ok(answer) => answer,
            Err(error) => json!({ "ok": false, "error": in_short(&error) }),
        };
        println!("{answer}");
    }
    Ok(())
}

impl Driver {
    async fn answer(&self, command: &[&str]) -> Result<Value, WxErrorException> {
        Ok(match *command {
            ["calls", count] => self.calls(count.parse().unwrap_or(0)).await,
            ["upload", path] => self.upload(path).await?,
            ["download", media_id, path] => {
                let material = self.wechat.material_service().expect("it is there in the SDK's own service");
                fs::write(path, material.media_download(media_id).await?)?;
                json!({ "ok": true })
            }
            ["web_login", code] => {
                json!({ "ok": true, "openid": self.web.get_access_token(code).await?.open_id })
            }
            ["mini_login", code] => {
                json!({ "ok": true, "openid": self.mini_program.js_code_to_session(code).await?.openid })
            }
            _ => json!({ "skipped": "there is no such command" }),
        })
    }

    /// By the SDK's executor: its `media_upload` puts a second `?` before the token, and finds no `media_id`.
    async fn upload(&self, path: &str) -> Result<Value, WxErrorException> {
        let picture = CommonUploadParam::new("media", CommonUploadData::from_file(Path::new(path))?);
        let executor = MediaUploadRequestExecutor::new(self.wechat.http_client().clone());
        let url = media_upload(self.wechat.wx_mp_config_storage().as_ref(), "image");
        let answer = execute_with_retry(self.wechat.as_ref(), &executor, &url, picture).await?;
        let media: Value = serde_json::from_str(&answer)?;
        Ok(json!({ "ok": true, "media_id": media["media_id"] }))
    }

    async fn calls(&self, count: usize) -> Value {
        let mut calls = JoinSet::new();
        for _ in 0..count {
            let wechat = Arc::clone(&self.wechat);
            calls.spawn(async move { wechat.get_callback_ip().await });
        }
        let mut errors = BTreeMap::<String, usize>::new();
        for called in calls.join_all().await {
            if let Err(error) = called {
                *errors.entry(in_short(&error)).or_default() += 1;
            }
        }
        let failed: usize = errors.values().sum();
        json!({ "ok": count - failed, "failed": failed, "errors": errors })
    }
}

/// The code, or the kind of error: their texts can hold URLs with secrets in them.
fn in_short(error: &WxErrorException) -> String {
    match error {
        WxErrorException::Wx(refused) => format!("errcode {}", refused.error.error_code),
        WxErrorException::Runtime(_) => "given up".to_owned(),
        WxErrorException::Io(_) => "file".to_owned(),
        WxErrorException::Http(_) => "HTTP".to_owned(),
        WxErrorException::Serde(_) => "JSON".to_owned(),
    }
}
