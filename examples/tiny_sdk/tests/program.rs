//! How the program ends.

use std::{
    net::TcpListener,
    process::{Command, Output},
};

use fake_wechat::FakeWeChat;

fn run(variables: [(&str, &str); 3]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tiny_sdk")).envs(variables).output().unwrap()
}

/// What it says on the standard error, if it ends with code 1.
fn failed(address: &str, id: &str) -> String {
    let done = run([("WECHAT_BASE_URL", address), ("WECHAT_APP_ID", id), ("WECHAT_APP_SECRET", "a-secret")]);
    assert_eq!(done.status.code(), Some(1));
    String::from_utf8(done.stderr).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_one() {
    let wechat = FakeWeChat::start().await;
    let done = run([
        ("WECHAT_BASE_URL", &wechat.url()),
        ("WECHAT_APP_ID", FakeWeChat::APP_ID),
        ("WECHAT_APP_SECRET", FakeWeChat::APP_SECRET),
    ]);
    assert_eq!((done.status.code(), String::from_utf8(done.stderr).unwrap().as_str()), (Some(0), ""));
    assert!(String::from_utf8(done.stdout).unwrap().contains("gives a QR code"));
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_for_people() {
    let wechat = FakeWeChat::start().await;
    let told = failed(&wechat.url(), "wx-of-nobody");
    assert!(told.starts_with("tiny_sdk: no access_token for app wx-of-nobody: "), "{told}");
    assert!(told.contains("errcode 40013") && told.lines().count() == 1, "{told}");

    // Nor without the cause.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let told = failed(&address, "wx1");
    assert!(told.to_lowercase().contains("connection refused") && !told.contains("Error("), "{told}");
}
