//! No token, app secret or client secret is ever shown.

use fake_wechat::FakeWeChat;

use super::{
    process::{Process, config, folder, program, run, signal, socket},
    support::{APP, SECRET, request, unix},
};

#[test]
fn a_new_secret_is_printed_with_its_hash() {
    let (code, out, err) = run(program().arg("secret"));
    assert_eq!((code, err.as_str()), (0, ""));
    let values: Vec<&str> = out.split('"').skip(1).step_by(2).collect();
    let [secret, hash] = values[..] else { panic!("{out}") };
    assert_eq!(secret.len(), 32);
    assert_eq!(wechat_hub::SecretHash::of(secret).to_string(), hash);
    assert_ne!(run(program().arg("secret")).1, out);
}

/// Everything at TRACE, of all crates, over a run with all that can happen.
#[tokio::test]
async fn a_whole_run_at_trace_shows_no_secret() {
    let wechat = FakeWeChat::start().await;
    let folder = folder(&config(&wechat));
    for format in ["text", "json"] {
        let mut command = program();
        command.args(["--log-format", format, "serve", "--config"]).arg(folder.path().join("hub.toml"));
        let hub = Process::start(command.env("RUST_LOG", "trace"), 2).await;
        let path = format!("/v1/apps/{APP}/token");
        let mut shown =
            vec![SECRET.to_owned(), FakeWeChat::APP_SECRET.to_owned(), "a-wrong-secret".to_owned()];
        let token = unix(&socket(&folder), request("GET", &path, SECRET, "")).await.unwrap().token();
        let body = serde_json::json!({ "rejected": token }).to_string();
        shown.push(token);
        wechat.revoke();
        let refresh = request("POST", &format!("/v1/apps/{APP}/refresh"), SECRET, &body);
        shown.push(unix(&socket(&folder), refresh).await.unwrap().token());
        unix(&socket(&folder), request("GET", &path, "a-wrong-secret", "")).await.unwrap().is_problem(401);
        unix(&socket(&folder), request("GET", "/v1/apps/none/token", SECRET, ""))
            .await
            .unwrap()
            .is_problem(404);
        unix(&socket(&folder), request("POST", &path, SECRET, "{")).await.unwrap().is_problem(405);
        hub.signal("HUP");
        hub.says("the configuration was taken over").await;
        hub.says("refused").await;
        let log = hub.log();
        assert!(log.contains("TRACE"), "it does log at TRACE");
        assert!(
            log.contains(&format!("unix:pid={}", std::process::id())),
            "who is at the other end of a socket is logged"
        );
        for secret in &shown {
            assert!(!log.contains(secret), "{log}");
        }
    }
}

/// `script` gives it a terminal.
#[tokio::test]
async fn its_log_is_coloured_on_a_terminal_only_and_not_where_that_is_not_wanted() {
    let wechat = FakeWeChat::start().await;
    let folder = folder(&config(&wechat));
    let serve = format!(
        "{} serve --config {}",
        env!("CARGO_BIN_EXE_wechat-hub"),
        folder.path().join("hub.toml").display()
    );
    for (no_color, is_coloured) in [("", true), ("1", false)] {
        let mut on_terminal = std::process::Command::new("script");
        on_terminal.args(["-qfec", &serve, "/dev/null"]).env("NO_COLOR", no_color).env("RUST_LOG", "info");
        let mut hub = Process::start(&mut on_terminal, 2).await;
        let pid = tokio::net::UnixStream::connect(socket(&folder))
            .await
            .unwrap()
            .peer_cred()
            .unwrap()
            .pid()
            .unwrap();
        unix(&socket(&folder), request("GET", "/v1/apps/none/token", SECRET, ""))
            .await
            .unwrap()
            .is_problem(404);
        let mut said = String::new();
        super::support::eventually(|| {
            said = hub.lines().join("\n");
            said.contains("refused")
        })
        .await;
        // A hub that loses its terminal goes on, so that it has to be ended.
        signal(pid.unsigned_abs(), "TERM");
        assert!(hub.ended().await.success());
        assert_eq!(said.contains("\u{1b}["), is_coloured, "{said}");
    }
    let hub = Process::serve(&folder, 2).await;
    unix(&socket(&folder), request("GET", "/v1/apps/none/token", SECRET, "")).await.unwrap().is_problem(404);
    hub.says("refused").await;
    assert!(!hub.log().contains('\u{1b}'), "no terminal");
}
