//! Proxies of the environment. Each case is another process of this test program: the environment is the process's, and the
//! built-in client reads it once.

use std::{env, process::Stdio};

use serde_json::{Value, json};
use tokio::process::Command;
use tower_wechat::testing::FakeWeChat;

use crate::issuer_client::{
    classic, ends,
    ends::{Authority, deaf, proxy, silent},
    failure, mint,
};

const SPEC: &str = "TOWER_WECHAT_PROXY_CHILD";
/// Marks what the child says among what the test harness prints.
const MARK: &str = ">>";
/// All variables that matter.
const NAMES: [&str; 9] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "REQUEST_METHOD",
];

/// The child: mints once, and says how it went.
#[tokio::test]
async fn child() {
    let Ok(spec) = env::var(SPEC) else { return };
    let spec: Value = serde_json::from_str(&spec).unwrap();
    let mut issuer = classic(spec["base"].as_str().unwrap());
    if let Some(pem) = spec["roots"].as_str() {
        issuer = issuer.root_certificates_pem(pem.as_bytes()).unwrap();
    }
    let error = if spec["fails"] == true {
        let error = failure(&issuer).await;
        Some(format!(
            "{:?} {} {}{error}",
            error.kind(),
            if error.is_transient() { "transient" } else { "lasting" },
            if error.is_of_this_host() { "here " } else { "" },
        ))
    } else {
        mint(&issuer).await.unwrap();
        None
    };
    println!("{MARK}{}", json!(error));
}

/// Mints in a process with these variables. The error, if it must fail.
async fn mint_with(
    variables: &[(&str, &str)],
    base: &str,
    roots: Option<&Authority>,
    fails: bool,
) -> Option<String> {
    let roots = roots.map(|roots| String::from_utf8(roots.pem()).unwrap());
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "issuer_client::proxy::child", "--nocapture"]);
    for name in NAMES {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied());
    command.env(SPEC, json!({ "base": base, "roots": roots, "fails": fails }).to_string());
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = ends(command.output()).await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let (_, said) = text.split_once(MARK).unwrap_or_else(|| panic!("{variables:?}: {text} {errors}"));
    serde_json::from_str(said.lines().next().unwrap()).unwrap()
}

#[tokio::test]
async fn https_goes_through_a_tunnel() {
    let (wechat, ours) = (FakeWeChat::start().await, Authority::new());
    let base = ours.serve(&wechat).await;
    let (address, heads) = proxy("200 Connection established").await;
    let (plain, named) = (address.to_string(), format!("http://user:SENTINEL%21@{address}"));
    let mut tunnels = 0;
    for (variables, through) in [
        (vec![("HTTPS_PROXY", &*named)], true),
        (vec![("https_proxy", &*plain)], true),
        (vec![("ALL_PROXY", &*named)], true),
        (vec![("all_proxy", &*plain)], true),
        (vec![("HTTP_PROXY", &*named)], false),
        (vec![("HTTPS_PROXY", &*named), ("NO_PROXY", "example.com, localhost")], false),
        (vec![("HTTPS_PROXY", &*named), ("no_proxy", "*")], false),
        (vec![("HTTPS_PROXY", &*named), ("REQUEST_METHOD", "GET")], false),
        (vec![], false),
    ] {
        mint_with(&variables, &base, Some(&ours), false).await;
        tunnels += usize::from(through);
        assert_eq!(heads.all().len(), tunnels, "{variables:?}");
        if through {
            let head = heads.all().pop().unwrap();
            let to = base.strip_prefix("https://").unwrap();
            assert!(head.starts_with(&format!("CONNECT {to} HTTP/1.1\r\n")), "{head}");
            let known = variables[0].1.contains('@');
            // user:SENTINEL!
            assert_eq!(head.contains("Proxy-Authorization: Basic dXNlcjpTRU5USU5FTCE=\r\n"), known, "{head}");
        }
    }
    assert_eq!(wechat.token_requests(), 9);
}

#[tokio::test]
async fn plain_http_to_loopback_is_sent_to_the_proxy_too_as_reqwest_does() {
    let wechat = FakeWeChat::start().await;
    let (address, heads) = proxy("200 OK").await;
    let url = format!("http://user:SENTINEL@{address}");
    mint_with(&[("HTTP_PROXY", &url)], &wechat.url(), None, false).await;
    let head = heads.all().pop().expect("seen by the proxy");
    assert!(head.starts_with(&format!("GET {}/cgi-bin/token?", wechat.url())), "{head}");
    assert!(head.contains("proxy-authorization: Basic dXNlcjpTRU5USU5FTA==\r\n"), "{head}");

    for variables in
        [&[("HTTP_PROXY", &*url), ("NO_PROXY", "localhost,127.0.0.0/8")][..], &[("HTTPS_PROXY", &*url)]]
    {
        mint_with(variables, &wechat.url(), None, false).await;
    }
    assert_eq!((heads.all().len(), wechat.token_requests()), (1, 3));
}

#[tokio::test]
async fn a_proxy_may_be_spoken_to_over_tls() {
    let (wechat, ours) = (FakeWeChat::start().await, Authority::new());
    let (url, heads) = ours.proxy().await;
    mint_with(&[("ALL_PROXY", &url)], &ours.serve(&wechat).await, Some(&ours), false).await;
    mint_with(&[("ALL_PROXY", &url)], &wechat.url(), Some(&ours), false).await;
    let heads = heads.all();
    assert!(heads[0].starts_with("CONNECT ") && heads[1].starts_with("GET http:"), "{heads:?}");
    assert_eq!(wechat.token_requests(), 2);

    let error = mint_with(&[("ALL_PROXY", &url)], &wechat.url(), None, true).await.unwrap();
    assert!(error.contains("unknown issuer"), "{error}");
}

#[tokio::test]
async fn a_proxy_that_fails_is_an_error_without_its_password() {
    let base = "https://localhost:1";
    let (_deaf, deaf) = deaf();
    for (address, starts, says) in [
        (
            proxy("407 Proxy Authentication Required").await.0,
            "Token transient here ",
            "proxy authorization required",
        ),
        (proxy("403 Forbidden").await.0, "Token transient here ", "tunnel error"),
        (deaf, "Token transient here ", "tunnel error"),
        (silent().await, "Token transient no access_token", "within 3 s"),
    ] {
        let url = format!("http://user:SENTINEL@{address}");
        let error = mint_with(&[("HTTPS_PROXY", &url)], base, None, true).await.unwrap();
        assert!(error.starts_with(starts) && error.contains(says), "{says}: {error}");
        assert!(!error.contains("SENTINEL"), "{error}");
    }
    let socks = format!("socks5://user:SENTINEL@{deaf}");
    let error = mint_with(&[("ALL_PROXY", &socks)], base, None, true).await.unwrap();
    assert!(error.starts_with("Config lasting here ") && error.contains("SOCKS"), "{error}");
    assert!(error.contains("NO_PROXY") && !error.contains("SENTINEL"), "{error}");
}
