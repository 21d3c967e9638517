//! What is wrong with a configuration, told in one message before anything is served.

use std::{
    fs::{self, Permissions},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
};

use fake_wechat::FakeWeChat;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::process::{config, folder, program, run};

/// That this configuration is refused: with exit code 2, one line that says this, and nothing served.
fn refused(text: &str, says: &str, prepare: impl FnOnce(&super::support::Folder)) {
    let folder = folder(text);
    prepare(&folder);
    let mut command = program();
    command.args(["serve", "--config"]).arg(folder.path().join("hub.toml"));
    let (code, out, err) = run(&mut command);
    assert_eq!((code, out.as_str()), (2, ""), "{says}: {err}");
    assert!(err.starts_with("wechat-hub: ") && err.contains(says), "{says}: {err}");
    assert_eq!(err.lines().count(), 1, "{err}");
    assert!(!err.contains(FakeWeChat::APP_SECRET), "{err}");
}

#[tokio::test]
async fn each_fault_is_told_in_one_line_before_anything_is_served() {
    let wechat = FakeWeChat::start().await;
    let text = config(&wechat);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let long = "x".repeat(150);
    for (text, says) in [
        ("unknown = 1\n".to_owned() + &text, "hub.toml:1: unknown field `unknown`"),
        (text.replace("127.0.0.1:0", "0.0.0.0:0"), "hub.toml:3: 0.0.0.0:0 is not a loopback address"),
        (text.replace("127.0.0.1:0", &taken), "hub.toml:3: the address"),
        (format!("[admin]\ntcp = \"{taken}\"\n{text}"), "is in use: is another hub running there?"),
        (text.replace("hub.sock", &long), "hub.toml:2: the socket "),
        (text.replace("hub.sock", "hub.toml"), "a file is there, and no socket"),
        (text.replace("\"hub.sock\"", "\"hub.toml/x\""), "its folder cannot be made"),
        (
            text.replace("[[app]]", "[store]\nkind = \"file\"\ndir = \"hub.toml\"\n[[app]]"),
            "hub.toml:6: store: ",
        ),
        (text.replace("[[app]]", "[store]\nkind = \"redis\"\nurl = \"http://x\"\n[[app]]"), "store: "),
        (text.replace("rights = [", "rights = [] # "), "it has no `rights`"),
        (text.replace("secret = ", "# "), "has no secret"),
    ] {
        refused(&text, says, |_| {});
    }
    refused(&text, "chmod 0600", |folder| {
        fs::set_permissions(folder.path().join("hub.toml"), Permissions::from_mode(0o644)).unwrap();
    });
    refused(&text.replace("hub.sock", "open/hub.sock"), "chmod go-w", |folder| {
        let open = folder.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
    });
    refused(&text.replace("hub.sock", "folder"), "a folder is there", |folder| {
        fs::create_dir(folder.path().join("folder")).unwrap();
    });
    assert_eq!(wechat.token_requests(), 0);
}

#[tokio::test]
async fn a_certificate_that_nobody_would_take_is_refused() {
    let wechat = FakeWeChat::start().await;
    let tls = "[listen]\ntls.cert = \"cert.pem\"\ntls.key = \"key.pem\"\n";
    let text = config(&wechat).replace("[listen]\n", tls);
    let key = KeyPair::generate().unwrap();
    let certificate = |from: i32, to: i32| {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
        params.self_signed(&key).unwrap().pem()
    };
    let good = certificate(2020, 2120);
    let other = KeyPair::generate().unwrap().serialize_pem();
    for (certificate, key, mode, says) in [
        (certificate(2020, 2021), key.serialize_pem(), 0o600, "hub.toml:2: `[listen.tls]`"),
        (certificate(2020, 2021), key.serialize_pem(), 0o600, "the certificate expired on"),
        (certificate(2119, 2120), key.serialize_pem(), 0o600, "is not valid before"),
        (good.clone(), other, 0o600, "do not go together"),
        (good.clone(), "none".to_owned(), 0o600, "key cannot be read"),
        ("none".to_owned(), key.serialize_pem(), 0o600, "there is no certificate in the file"),
        (good.clone(), key.serialize_pem(), 0o644, "chmod 0600"),
    ] {
        refused(&text, says, |folder| {
            fs::write(folder.path().join("cert.pem"), certificate).unwrap();
            fs::write(folder.path().join("key.pem"), key).unwrap();
            fs::set_permissions(folder.path().join("key.pem"), Permissions::from_mode(mode)).unwrap();
        });
    }
    refused(&text, "cert.pem: there is no such file", |_| {});
}

#[test]
fn a_command_line_that_cannot_be_read_is_told_with_the_usage() {
    for arguments in [&["serve", "--secret", "x"][..], &["sreve"], &["serve", "--config"], &[]] {
        let (code, _, err) = run(program().args(arguments));
        assert_eq!(code, 2, "{err}");
        assert!(err.contains("--help") || err.contains("Usage"), "{err}");
    }
    let (code, out, _) = run(program().arg("--help"));
    assert!(code == 0 && out.contains("serve") && out.contains("secret"), "{out}");
    let (code, _, err) = run(program().args(["serve", "--config", "/absent/hub.toml"]));
    assert!(code == 2 && err.contains("/absent/hub.toml: there is no such file"), "{err}");
    let (code, _, err) = run(program().arg("serve"));
    assert!(code == 2 && err.contains("WECHAT_HUB_LISTEN_UNIX"), "{err}");
}
