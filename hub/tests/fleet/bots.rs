//! Eight workers with a thousand callers each, cold and when the token is revoked under load, over each kind of socket and with
//! one hub and two.

use std::time::Duration;

use fake_wechat::FakeWeChat;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::time::sleep;

use super::{
    process::{Process, config, folder, socket},
    support::Folder,
    worker::{Worker, all, went_well},
};

#[derive(Clone, Copy, PartialEq)]
enum Over {
    Unix,
    Tcp,
    Tls,
}

/// A hub, with tokens in the folder `tokens` where they are shared.
async fn hub(wechat: &FakeWeChat, over: Over, tokens: Option<&Folder>) -> (Folder, Process, String, String) {
    let mut text = config(wechat);
    let mut root = String::new();
    if let Some(tokens) = tokens {
        text =
            format!("{text}[store]\nkind = \"file\"\ndir = \"{}\"\n", tokens.path().join("tokens").display());
    }
    if over == Over::Tls {
        text = text.replace("[listen]\n", "[listen]\ntls.cert = \"cert.pem\"\ntls.key = \"key.pem\"\n");
    }
    let folder = folder(&text);
    if over == Over::Tls {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        root = cert.pem();
        std::fs::write(folder.path().join("cert.pem"), &root).unwrap();
        let key = folder.path().join("key.pem");
        std::fs::write(&key, signing_key.serialize_pem()).unwrap();
        std::fs::set_permissions(key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
    let hub = Process::serve(&folder, 2).await;
    let place = match over {
        Over::Unix => format!("unix:{}", socket(&folder).display()),
        Over::Tcp => format!("http://{}", hub.tcp()),
        Over::Tls => hub.address("listening on ").to_owned(),
    };
    let place = if over == Over::Tls {
        let port = hub.lines[1].rsplit_once(':').unwrap().1.to_owned();
        format!("https://localhost:{port}")
    } else {
        place
    };
    (folder, hub, place, root)
}

async fn a_bot(over: Over, hubs: usize) {
    let wechat = FakeWeChat::builder().token_latency(Duration::from_millis(100)).start().await;
    let tokens = Folder::new();
    let mut served = Vec::new();
    for _ in 0..hubs {
        served.push(hub(&wechat, over, (hubs > 1).then_some(&tokens)).await);
    }
    let mut workers: Vec<_> = (0..8)
        .map(|number| {
            let (_, _, place, root) = &served[number % hubs];
            Worker::start(&[place], &wechat.url(), root)
        })
        .collect();
    went_well(&all(&mut workers, "call 1000").await, 1000);
    assert_eq!(wechat.mints(), 1, "cold");

    for worker in &mut workers {
        worker.tell("load 1000").await;
    }
    sleep(Duration::from_millis(300)).await;
    wechat.revoke();
    let mut said = Vec::new();
    for worker in &mut workers {
        said.push(worker.hear().await);
    }
    for one in &said {
        assert_eq!((&one["failed"], &one["token"]), (&0.into(), &said[0]["token"]), "{one}");
        assert!(one["calls"].as_u64().unwrap() > 16, "{one}");
    }
    assert_eq!(wechat.mints(), 2, "revoked under load");
}

#[tokio::test]
async fn over_a_unix_socket() {
    a_bot(Over::Unix, 1).await;
}

#[tokio::test]
async fn over_tcp() {
    a_bot(Over::Tcp, 1).await;
}

#[tokio::test]
async fn over_tls() {
    a_bot(Over::Tls, 1).await;
}

#[tokio::test]
async fn with_two_hubs_over_a_unix_socket() {
    a_bot(Over::Unix, 2).await;
}

#[tokio::test]
async fn with_two_hubs_over_tls() {
    a_bot(Over::Tls, 2).await;
}
