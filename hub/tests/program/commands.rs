//! `check`, `token`, `refresh` and `demo`.

use std::process::Command;

use fake_wechat::{FakeWeChat, Fault};

use super::{
    process::{Process, app, config, folder, program, run, socket},
    support::{APP, Folder, SECRET, request, unix},
};

/// Runs beside the servers of the test, which are in this process.
async fn run_beside(mut command: Command) -> (i32, String, String) {
    tokio::task::spawn_blocking(move || run(&mut command)).await.unwrap()
}

fn check(folder: &Folder) -> Command {
    let mut command = program();
    command.args(["check", "--config"]).arg(folder.path().join("hub.toml"));
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_for_each_app_whether_it_is_good_and_what_to_do() {
    let wechat = FakeWeChat::start().await;
    let good = folder(&config(&wechat));
    let (code, out, err) = run_beside(check(&good)).await;
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with(&format!("good  {APP}  stable: the secret is right")), "{out}");
    for (errcode, says) in [
        (40001, "secret"),
        (40125, "secret"),
        (40164, "allow"),
        (40013, "no such app id"),
        (40243, "frozen"),
        (89503, "admin"),
        (-1, "busy"),
    ] {
        wechat.fail_tokens(Fault::Errcode(errcode));
        let (code, out, err) = run_beside(check(&good)).await;
        assert_eq!(code, 1, "{out}");
        assert!(
            out.starts_with(&format!("bad   {APP}  stable: ")) && out.contains(&errcode.to_string()),
            "{out}"
        );
        assert!(out.to_lowercase().contains(says), "{errcode}: {out}");
        assert!(
            err.contains("1 of 1 apps have no token")
                && !format!("{out}{err}").contains(FakeWeChat::APP_SECRET)
        );
        wechat.heal();
    }
    wechat.fail_tokens(Fault::Hang);
    let (_, out, _) = run_beside(check(&good)).await;
    assert!(
        out.contains("the token endpoint did not answer within 10.0 s"),
        "and not that it is waited for: {out}"
    );
    wechat.heal();
    let text = config(&wechat)
        + &app(&wechat, "wxnone")
        + "[[app]]\nid = \"wxgone\"\nsecret = \"s\"\nbase_url = \"http://127.0.0.1:1\"\n";
    let (code, out, _) = run_beside(check(&folder(&text))).await;
    let lines: Vec<_> = out.lines().collect();
    assert!(code == 1 && lines.len() == 3, "{out}");
    assert!(lines[0].starts_with("good") && lines[1].contains("40013"), "{out}");
    assert!(lines[2].starts_with("bad   wxgone") && lines[2].contains("did not answer"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_does_not_end_the_token_that_a_running_hub_has() {
    let wechat = FakeWeChat::start().await;
    let text = config(&wechat).replace("[[app]]\n", "[[app]]\nkind = \"classic\"\n");
    let folder = folder(&text);
    let _hub = Process::serve(&folder, 2).await;
    let ask = request("GET", &format!("/v1/apps/{APP}/token"), SECRET, "");
    let token = unix(&socket(&folder), &ask).await.unwrap().token();
    let (code, out, _) = run_beside(check(&folder)).await;
    assert!(code == 0 && out.contains("\"stable\" is safe"), "{out}");
    wechat.advance(std::time::Duration::from_secs(600));
    assert!(wechat.accepts(&token));
}

#[tokio::test(flavor = "multi_thread")]
async fn token_and_refresh_ask_a_running_hub() {
    let wechat = FakeWeChat::start().await;
    let folder = folder(&config(&wechat));
    let hub = Process::serve(&folder, 2).await;
    std::fs::write(folder.path().join("secret"), format!("{SECRET}\n")).unwrap();
    let place = format!("unix:{}", socket(&folder).display());
    let ask = |command: &str, more: &[&str]| {
        let mut asking = program();
        asking
            .args([command, APP, "--hub", &place, "--client-secret-file"])
            .arg(folder.path().join("secret"))
            .args(more);
        asking
    };
    let (code, revealed, _) = run_beside(ask("token", &["--reveal"])).await;
    let token = unix(&socket(&folder), request("GET", &format!("/v1/apps/{APP}/token"), SECRET, ""))
        .await
        .unwrap()
        .token();
    assert_eq!((code, revealed.trim_end()), (0, token.as_str()));
    let (code, out, err) = run_beside(ask("token", &[])).await;
    assert!(
        code == 0 && out.contains("fingerprint") && !format!("{out}{err}").contains(&token),
        "{out}{err}"
    );
    wechat.revoke();
    let (code, better, _) = run_beside(ask("refresh", &["--reveal"])).await;
    assert!(code == 0 && wechat.accepts(better.trim_end()) && better != revealed);
    assert_eq!(wechat.mints(), 2);

    let mut by_variables = program();
    by_variables
        .args(["token", APP])
        .env("WECHAT_HUB_URL", format!("http://{}", hub.tcp()))
        .env("WECHAT_HUB_CLIENT_SECRET", SECRET);
    assert_eq!(run_beside(by_variables).await.0, 0);
    for (arguments, secret, code, says) in [
        (["token", APP, "--hub", &place], "wrong", 1, "does not know"),
        (["token", "wxother", "--hub", &place], SECRET, 1, "wxother"),
        (["token", APP, "--hub", "unix:/absent/hub.sock"], SECRET, 1, "/absent/hub.sock"),
        (["token", APP, "--hub", "http://hub.example"], SECRET, 2, "http"),
    ] {
        let mut command = program();
        command.args(arguments).env("WECHAT_HUB_CLIENT_SECRET", secret);
        let (got, out, err) = run_beside(command).await;
        assert_eq!((got, out.as_str()), (code, ""), "{err}");
        assert!(err.contains(says) && !err.contains(secret), "{err}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_knows_its_client_needs_no_secret() {
    let wechat = FakeWeChat::start().await;
    let text = config(&wechat).replace("unix = ", "unix_client = \"all\"\nunix = ");
    let folder = folder(&text);
    let _hub = Process::serve(&folder, 2).await;
    let mut command = program();
    command.args(["token", APP, "--hub", &format!("unix:{}", socket(&folder).display())]);
    let (code, out, err) = run_beside(command).await;
    assert!(code == 0 && out.contains("fingerprint"), "{err}");
}

/// What it prints can be copied and run, and what it says comes true.
#[tokio::test(flavor = "multi_thread")]
async fn the_demo_does_what_it_says() {
    let mut demo = Process::start(program().arg("demo"), 20).await;
    let commands = demo.lines.join("\n");
    let bin = std::path::Path::new(env!("CARGO_BIN_EXE_wechat-hub")).parent().unwrap().to_owned();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let script: Vec<&str> = commands.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    let ran = Command::new("sh")
        .args(["-euc", &script.join("\n")])
        .env("PATH", path)
        .env("NO_PROXY", "*")
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{commands}\n{out}\n{}", String::from_utf8_lossy(&ran.stderr));
    assert!(out.contains("\"access_token\"") && out.matches("fingerprint").count() == 2, "{out}");
    assert!(!commands.contains("failed"), "{commands}");
    let folder = script.iter().find_map(|line| line.split_once("--unix-socket ")).unwrap().1;
    let folder = std::path::Path::new(folder.split(' ').next().unwrap()).parent().unwrap();
    assert!(folder.exists());
    demo.signal("INT");
    assert_eq!(demo.ended().await.code(), Some(0));
    assert!(!folder.exists());
}
