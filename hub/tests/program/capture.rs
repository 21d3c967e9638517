//! Every byte that leaves the hub in a whole run: neither the app secret nor a real token is in it.

use fake_wechat::{FakeWeChat, Fault};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    process::{Process, app, client, folder, program},
    support::APP,
};

const SECRET: &str = "0123456789abcdef0123456789abcde0";

/// All that comes back on one connection.
async fn all_of(address: &str, request: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all).await;
    all
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: hub\r\n\r\n")
}

/// The token that WeChat has given out last, as WeChat tells.
async fn real_token(wechat: &FakeWeChat) -> String {
    let body = format!(
        "{{\"grant_type\":\"client_credential\",\"appid\":\"{APP}\",\"secret\":\"{}\"}}",
        FakeWeChat::APP_SECRET
    );
    let request = format!(
        "POST /cgi-bin/stable_token HTTP/1.1\r\nhost: wechat\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let all = all_of(wechat.url().strip_prefix("http://").unwrap(), &request).await;
    let text = String::from_utf8(all).unwrap();
    let (_, token) = text.split_once("\"access_token\":\"").unwrap();
    token.split('"').next().unwrap().to_owned()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn neither_app_secret_nor_real_token_leaves_the_hub() {
    let wechat = FakeWeChat::builder().media_size(200_000).start().await;
    let text = format!(
        "[listen]\ntcp = \"127.0.0.1:0\"\n[admin]\ntcp = \"127.0.0.1:0\"\n{}{}",
        app(&wechat, APP),
        client("sdk", SECRET, APP, "\"proxy\"")
    );
    let folder = folder(&text);
    let mut command = program();
    command.args(["serve", "--config"]).arg(folder.path().join("hub.toml"));
    let hub = Process::start(command.env("RUST_LOG", "trace"), 2).await;
    let (server, admin) = (hub.tcp().to_owned(), hub.address("admin on http://").to_owned());

    let question = get(&format!("/cgi-bin/token?grant_type=client_credential&appid={APP}&secret={SECRET}"));
    let granted = String::from_utf8(all_of(&server, &question).await).unwrap();
    let pass = granted.split('"').nth(3).unwrap().to_owned();
    let mut tokens = vec![real_token(&wechat).await];
    let with_pass = |path: &str| get(&format!("{path}&access_token={pass}"));
    let code = wechat.login_code("oUser");
    let login = get(&format!(
        "/sns/jscode2session?appid={APP}&secret={SECRET}&js_code={code}&grant_type=authorization_code"
    ));
    let requests = [
        question.clone(),
        with_pass("/cgi-bin/user/get?a=1"),
        with_pass("/cgi-bin/user/info?openid=nobody"),
        with_pass("/cgi-bin/media/get?media_id=MEDIA_ID"),
        with_pass("/cgi-bin/echo?a=1"),
        with_pass("/cgi-bin/../user/get?a=1"),
        login,
        get(&format!("/sns/jscode2session?appid={APP}&secret=wrong&js_code=1")),
        get("/sns/userinfo?access_token=of-the-user&openid=o"),
        get("/cgi-bin/user/get?access_token=wrong"),
        get("/v1/apps/none/token"),
        get("/"),
        "BAD\r\n\r\n".to_owned(),
    ];
    let mut bytes = granted.into_bytes();
    for round in 0..3 {
        let present = tokens.last().unwrap().clone();
        // What quotes the call.
        let echo = format!("{{\"request_url\":\"/cgi-bin/echo?access_token={present}\",\"secret\":\"x\"}}");
        wechat.set_answer("/cgi-bin/echo", fake_wechat::Answer::json(echo));
        for request in &requests {
            bytes.extend(all_of(&server, request).await);
        }
        for page in ["/", "/metrics", "/healthz", "/readyz", "/none"] {
            bytes.extend(all_of(&admin, &get(page)).await);
        }
        match round {
            0 => wechat.revoke(),
            _ => wechat.fail_next_apis(2, Fault::Errcode(40001)),
        }
        bytes.extend(all_of(&server, &requests[1]).await);
        tokens.push(real_token(&wechat).await);
    }
    wechat.expire();
    wechat.fail_tokens(Fault::Errcode(40125));
    for request in &requests {
        bytes.extend(all_of(&server, request).await);
    }
    hub.signal("HUP");
    hub.says("the configuration was taken over").await;

    let log = hub.log();
    assert!(
        log.contains("TRACE") && log.contains("WeChat has refused a call") && log.contains("rid="),
        "it does log"
    );
    assert!(bytes.len() > 600_000, "the downloads are in it");
    for secret in tokens.iter().map(String::as_str).chain([FakeWeChat::APP_SECRET]) {
        assert!(!contains(&bytes, secret), "in an answer: {}", String::from_utf8_lossy(&bytes));
        assert!(!log.contains(secret), "in the log: {log}");
        assert!(!hub.lines().join("\n").contains(secret));
    }
    // What the client shows is a secret of its own.
    for secret in [SECRET, &pass] {
        assert!(!log.contains(secret), "in the log: {log}");
    }
}
