//! A hub beside a program that knows nothing of tokens: plain `curl` to a path of WeChat's is authorised.
//!
//! `cargo run -p wechat-hub --example sidecar` shows it against a WeChat on this machine, and ends. With `WECHAT_APP_ID` and
//! `WECHAT_APP_SECRET` it stays, in front of WeChat, until Ctrl-C: whoever can open its socket, which is this user, may call
//! what the list below allows.

use std::{env, error::Error, path::Path, process::Command};

use fake_wechat::FakeWeChat;
use tower_wechat::{TokenCache, issuer::StableToken};
use wechat_hub::{Client, ClientSecret, Hub, Right};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::temp_dir().join(format!("wechat-sidecar-{}", std::process::id()));
    let socket = folder.join("hub.sock");
    let [app, secret] = ["WECHAT_APP_ID", "WECHAT_APP_SECRET"].map(|name| env::var(name).ok());
    if app.is_some() != secret.is_some() {
        return Err("set both WECHAT_APP_ID and WECHAT_APP_SECRET, or neither".into());
    }
    if let (Some(app), Some(secret)) = (app, secret) {
        let server = hub(&app, StableToken::new(&app, secret))?.serve_unix(&socket)?;
        println!("curl --unix-socket {} http://hub/cgi-bin/user/get", socket.display());
        tokio::signal::ctrl_c().await?;
        server.shutdown().await;
    } else {
        let wechat = FakeWeChat::start().await;
        let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET).base_url(&wechat.url())?;
        let server = hub(FakeWeChat::APP_ID, issuer)?.serve_unix(&socket)?;
        show(&wechat, &socket).await?;
        server.shutdown().await;
    }
    std::fs::remove_dir(folder)?;
    Ok(())
}

/// A hub for one app, whose callers on the socket need to show nothing.
fn hub(app: &str, issuer: StableToken) -> Result<Hub, wechat_hub::Error> {
    let beside = Client::new("beside", ClientSecret::generate()?.hash().to_string())
        .apps([app])
        .rights([Right::Proxy])
        .paths(["/cgi-bin/user/**", "/cgi-bin/message/**"]);
    Hub::builder().app(app, TokenCache::new(issuer)).client(beside).unix_client("beside").build()
}

async fn show(wechat: &FakeWeChat, socket: &Path) -> Result<(), Box<dyn Error>> {
    println!("A call of an API, without a token:");
    curl(socket, "/cgi-bin/user/get").await?;

    wechat.revoke();
    println!("The same once WeChat has revoked the token. The hub gets another one, and calls again:");
    curl(socket, "/cgi-bin/user/get").await?;

    println!("What is not on the list:");
    curl(socket, "/cgi-bin/media/get?media_id=x").await?;
    println!("{} tokens were minted.", wechat.mints());
    Ok(())
}

async fn curl(socket: &Path, path: &str) -> Result<(), Box<dyn Error>> {
    let url = format!("http://hub{path}");
    let mut command = Command::new("curl");
    command.args(["--silent", "--dump-header", "-", "--unix-socket"]).arg(socket).arg(&url);
    println!("$ curl --unix-socket hub.sock '{url}'");
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    let answer = String::from_utf8(output.stdout)?;
    for line in answer.lines().filter(|line| line.starts_with("x-wechat-hub") || line.starts_with('{')) {
        println!("{line}");
    }
    println!();
    Ok(())
}
