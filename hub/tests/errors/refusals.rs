//! What the hub refuses, as SDKs are told and as clients of protocol v1 are.

use std::num::NonZeroU32;

use axum::body::Body;
use fake_wechat::{FakeWeChat, Fault};
use tower::ServiceExt;
use wechat_hub::{Client, Hub, Right, Server};

use crate::{
    catalogue::Catalogue,
    support::{
        APP, Answer, PROXY_SECRET, SECRET, TOKEN_SECRET, all, cache, classic, for_sdks, get, holder, post,
        proxy, raw, request, serve,
    },
    upstream::Upstream,
};

/// What an SDK reads.
fn errmsg(answer: &Answer) -> String {
    let json = answer.json();
    format!("{} {}", json["errcode"], json["errmsg"].as_str().expect("a text"))
}

/// What a client of protocol v1 reads.
fn problem(answer: &Answer) -> String {
    let json = answer.json();
    format!(
        "HTTP {}: {}: {}",
        answer.status,
        json["title"].as_str().expect("a title"),
        json["detail"].as_str().expect("a text")
    )
}

pub(crate) async fn provoke() -> Catalogue {
    let mut seen = Catalogue::default();
    let wechat = FakeWeChat::start().await;
    protocol(&mut seen, &wechat).await;
    facade(&mut seen, &wechat).await;
    calls(&mut seen, &wechat).await;
    secrets(&mut seen, &wechat).await;
    upstream(&mut seen).await;
    let (late, lost) = ("a client that takes its time", "a client that goes away");
    for (entry, before, text, why) in [
        (
            "refused-body",
            "HTTP 408: The request took too long to arrive: ",
            "the body did not come within the hub's `header_timeout`",
            late,
        ),
        ("refused-body", "HTTP 400: The request cannot be understood: ", "the body broke off", lost),
        (
            "refused-body",
            "40097 wechat-hub: The request cannot be understood: ",
            "the body broke off, or is no sound chunked one",
            lost,
        ),
        (
            "platform-away",
            "61450 wechat-hub: The platform did not answer in time: ",
            "the platform did not answer within 60 s: whether the call was carried out is not known",
            "a minute",
        ),
        ("platform-away", "", "the platform's answer did not go on", "a minute"),
        (
            "bad-pass",
            "42001 wechat-hub: The pass is not good: ",
            "the pass has ended: ask for another one",
            "two hours",
        ),
    ] {
        seen.quote(entry, before, text, why);
    }
    seen
}

async fn protocol(seen: &mut Catalogue, wechat: &FakeWeChat) {
    let reader = Client::new("reader", "reader").apps([APP]).rights([Right::Token]);
    let server = serve(Hub::builder().app_on_demand(APP, cache(wechat)).client(all()).client(reader));
    let token = format!("/v1/apps/{APP}/token");
    let refresh = format!("/v1/apps/{APP}/refresh");
    let ask = async |method: &str, path: &str, secret: &str, body: &str| {
        problem(&raw(&server, request(method, path, secret, body)).await.expect("an answer"))
    };
    seen.add("unknown-client", ask("GET", &token, "nobody", "").await);
    seen.add("lacks-right", ask("POST", &refresh, "reader", "{\"rejected\":1}").await);
    seen.add("no-such-app", ask("GET", "/v1/apps/wx1/token", SECRET, "").await);
    seen.add("no-such-path", ask("GET", "/v1/apps", SECRET, "").await);
    seen.add("no-such-path", ask("PUT", &token, SECRET, "").await);
    seen.add("no-such-life", ask("GET", &format!("{token}?min_ttl=99999"), SECRET, "").await);
    seen.add("bad-request", ask("GET", &format!("{token}?wait=soon"), SECRET, "").await);
    seen.add("bad-request", ask("POST", &refresh, SECRET, "[]").await);
    seen.add("bad-request", ask("POST", &refresh, SECRET, "{\"rejected\":-1}").await);
    seen.add("refused-body", ask("POST", &refresh, SECRET, &" ".repeat(70_000)).await);
    let two = format!(
        "GET {token} HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer a\r\nauthorization: Bearer b\r\n\r\n"
    );
    seen.add("bad-request", problem(&raw(&server, two).await.expect("an answer")));
    let hostless = format!("GET {token} HTTP/1.1\r\nauthorization: Bearer {SECRET}\r\n\r\n");
    seen.add("bad-request", problem(&raw(&server, hostless).await.expect("an answer")));
    wechat.fail_tokens(Fault::Errcode(40164));
    let broken = serve(Hub::builder().app_on_demand(APP, cache(wechat)).client(all()));
    let answer = raw(&broken, request("GET", &token, SECRET, "")).await.expect("an answer");
    seen.add("no-token", problem(&answer));
    seen.add("no-token", errmsg(&classic(&broken, SECRET).await));
    wechat.heal();
}

async fn facade(seen: &mut Catalogue, wechat: &FakeWeChat) {
    let refresher = Client::new("refresher", "refresher").apps([APP]).rights([Right::Refresh]);
    let slow = holder().rate(NonZeroU32::MIN);
    let server = serve(
        Hub::builder().app_on_demand(APP, cache(wechat)).client(proxy()).client(slow).client(refresher),
    );
    let ask = async |query: &str| errmsg(&get(&server, &format!("/cgi-bin/token?{query}")).await);
    seen.add("odd-question", ask("").await);
    seen.add("odd-question", ask(&format!("grant_type=client_credential&secret={PROXY_SECRET}")).await);
    seen.add("odd-question", ask(&format!("grant_type=client_credential&appid={APP}")).await);
    let twice = format!("grant_type=client_credential&appid={APP}&appid={APP}&secret={PROXY_SECRET}");
    seen.add("odd-question", ask(&twice).await);
    seen.add("odd-question", errmsg(&post(&server, "/cgi-bin/stable_token", "[]").await));
    seen.add("odd-question", errmsg(&get(&server, "/cgi-bin/stable_token").await));
    seen.add("unknown-client", errmsg(&classic(&server, FakeWeChat::APP_SECRET).await));
    seen.add("lacks-right", errmsg(&classic(&server, "refresher").await));
    seen.add(
        "no-such-app",
        ask(&format!("grant_type=client_credential&appid=wx1&secret={PROXY_SECRET}")).await,
    );
    for _ in 0..20 {
        let answer = classic(&server, TOKEN_SECRET).await;
        if answer.json()["errcode"] == 45009 {
            seen.add("too-many", errmsg(&answer));
            break;
        }
    }
}

async fn calls(seen: &mut Catalogue, wechat: &FakeWeChat) {
    let narrow =
        Client::new("narrow", "narrow").apps([APP]).rights([Right::Proxy]).paths(["/cgi-bin/user/get"]);
    let two = Client::new("two", "two").apps([APP, "wx1"]).rights([Right::Proxy]);
    let hub = for_sdks(wechat).client(narrow).client(two).app_on_demand("wx1", cache(wechat));
    let server = serve(hub);
    let pass = classic(&server, PROXY_SECRET).await.token();
    let says = async |server: &Server, bytes: String| errmsg(&raw(server, bytes).await.expect("an answer"));
    let call = |line: &str, head: &str| format!("{line} HTTP/1.1\r\nhost: hub\r\n{head}\r\n");
    let with_pass = format!("GET /cgi-bin/user/get?access_token={pass}");
    let bearer = |secret: &str| format!("authorization: Bearer {secret}\r\n");
    for (entry, line, head) in [
        ("no-credential", "GET /cgi-bin/user/get".to_owned(), String::new()),
        ("bad-pass", "GET /cgi-bin/user/get?access_token=nothing".to_owned(), String::new()),
        ("bad-pass", with_pass.clone(), "x-wechat-app: wx1\r\n".to_owned()),
        ("path-not-allowed", "GET /wxa/x".to_owned(), bearer("narrow")),
        ("odd-call", with_pass.clone(), bearer(PROXY_SECRET)),
        ("odd-call", format!("{with_pass}&access_token={pass}"), String::new()),
        ("odd-call", with_pass.replace("access_token", "suite_access_token"), String::new()),
        ("odd-call", with_pass.clone(), "x-wechat-app: a\r\nx-wechat-app: b\r\n".to_owned()),
        (
            "odd-call",
            "GET /cgi-bin/user/get".to_owned(),
            "authorization: Bearer a\r\nauthorization: Bearer b\r\n".to_owned(),
        ),
        ("odd-call", "GET /cgi-bin/user/get".to_owned(), bearer("two")),
        ("odd-call", "TRACE /cgi-bin/user/get".to_owned(), String::new()),
        ("odd-call", "GET http://api.weixin.qq.com/cgi-bin/user/get".to_owned(), String::new()),
        ("odd-call", "GET //cgi-bin/user/get".to_owned(), String::new()),
        ("odd-call", "GET /cgi-bin/%2e%2e/x".to_owned(), String::new()),
        ("odd-call", "GET /cgi-bin/Token".to_owned(), String::new()),
        (
            "odd-call",
            "POST /cgi-bin/x".to_owned(),
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n".to_owned(),
        ),
        ("odd-call", "POST /cgi-bin/x".to_owned(), "transfer-encoding: gzip, chunked\r\n".to_owned()),
        (
            "odd-call",
            "POST /cgi-bin/x".to_owned(),
            "content-length: 3\r\ntransfer-encoding: chunked\r\n".to_owned(),
        ),
        ("odd-call", "GET /cgi-bin/x".to_owned(), "connection: upgrade\r\nupgrade: websocket\r\n".to_owned()),
    ] {
        let body = if head.contains("chunked") { "0\r\n\r\n" } else { "" };
        seen.add(entry, says(&server, call(&line, &head) + body).await);
    }
    seen.quote(
        "odd-call",
        "40066 wechat-hub: The path cannot be forwarded: ",
        "the query is too long, or cannot stand in a URL",
        "a query of 64 KiB",
    );
    let forged = pass.replacen(&pass[pass.len() - 4..], "AAAA", 1);
    seen.add(
        "bad-pass",
        says(&server, call(&format!("GET /cgi-bin/user/get?access_token={forged}"), "")).await,
    );
    let users = "/sns/userinfo?openid=o&access_token=";
    seen.add("users-token", errmsg(&post(&server, &format!("{users}x"), "").await));
    seen.add("users-token", errmsg(&get(&server, &format!("{users}{pass}")).await));
    let router = for_sdks(wechat).build().expect("a hub").service();
    let asked = http::Request::get(format!("{users}x")).body(Body::empty()).expect("a request");
    let answer = router.oneshot(asked).await.expect("an answer").into_body();
    let body = axum::body::to_bytes(answer, 10_000).await.expect("a body");
    let body = String::from_utf8(body.to_vec()).expect("text");
    seen.add("users-token", errmsg(&Answer { status: 403, head: String::new(), body }));
    let from = "x-forwarded-for: 203.0.113.7\r\n";
    seen.add("users-token", says(&server, call(&format!("GET {users}x"), from)).await);
}

async fn secrets(seen: &mut Catalogue, wechat: &FakeWeChat) {
    let server = serve(for_sdks(wechat));
    let login = format!("/sns/jscode2session?appid={APP}&js_code=c&grant_type=authorization_code&secret=");
    seen.add("secret-not-known", errmsg(&get(&server, &format!("{login}{PROXY_SECRET}")).await));
    let nameless = login.replace(&format!("appid={APP}&"), "");
    seen.add("secret-calls", errmsg(&get(&server, &format!("{nameless}{PROXY_SECRET}")).await));
    seen.add("secret-calls", errmsg(&post(&server, "/cgi-bin/clear_quota/v2", "[]").await));
    let quoted = format!("/cgi-bin/user/get?secret={PROXY_SECRET}");
    seen.add("secret-calls", errmsg(&get(&server, &quoted).await));
    let twice = format!("{login}{PROXY_SECRET}&secret={PROXY_SECRET}");
    seen.add("secret-calls", errmsg(&get(&server, &twice).await));
}

async fn upstream(seen: &mut Catalogue) {
    let call = async |platform: &Upstream| {
        let server = platform.hub();
        let pass = classic(&server, PROXY_SECRET).await.token();
        errmsg(&get(&server, &format!("/cgi-bin/user/get?access_token={pass}")).await)
    };
    let encoded = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}";
    seen.add("platform-away", call(&Upstream::saying(encoded).await).await);
    seen.add("platform-away", call(&Upstream::saying("").await).await);
    let mut gone = Upstream::saying("").await;
    gone.url.replace_range(.., "http://127.0.0.1:1");
    seen.add("platform-away", call(&gone).await);
}
