//! The program: what keeps it from serving, and what its other commands say. And the library, which is built without it.

use std::{
    fs::{self, File, Permissions},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    process::Command,
    time::Duration,
};

use fake_wechat::FakeWeChat;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tokio::{task::spawn_blocking, time::timeout};
use wechat_hub::{Client, HubBuilder, Limits, PassKey, Right, SecretHash, Verify};

use crate::{
    catalogue::Catalogue,
    config::right,
    process::{folder, program, run},
    support::{APP, Folder, SECRET, all, cache, hub},
};

pub(crate) async fn provoke() -> Catalogue {
    let mut seen = Catalogue::default();
    let wechat = FakeWeChat::start().await;
    library(&mut seen, &wechat);
    let program = spawn_blocking(|| {
        let mut seen = Catalogue::default();
        addresses(&mut seen);
        sockets(&mut seen);
        certificates(&mut seen);
        commands(&mut seen);
        seen
    });
    seen.extend(
        timeout(Duration::from_secs(60), program).await.expect("each of them ends").expect("no panic"),
    );
    seen
}

/// What `serve` says of this configuration, which keeps it from serving.
fn serves_not(text: &str, prepare: impl FnOnce(&Folder)) -> String {
    let folder = folder(text);
    prepare(&folder);
    let (code, _, err) = run(program().args(["serve", "--config"]).arg(folder.path().join("hub.toml")));
    assert_eq!(code, 2, "{text}\n{err}");
    err.trim_end().to_owned()
}

fn addresses(seen: &mut Catalogue) {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("an address").to_string();
    seen.add("listen", serves_not(&right().replace("127.0.0.1:0", &taken), |_| {}));
    let elsewhere = right()
        .replace("127.0.0.1:0", "192.0.2.1:9190")
        .replace("[[app]]", "insecure_plaintext = true\n[[app]]");
    seen.add("listen", serves_not(&elsewhere, |_| {}));
    for (text, why) in [
        (
            "the address 127.0.0.1:80 is not to be had by this user: ports below 1024 are the system's",
            "another user",
        ),
        ("the Unix socket cannot be listened at", "an operating system without file descriptors"),
        ("the address is not known", "a socket that has gone"),
    ] {
        seen.quote("listen", "wechat-hub: /etc/wechat-hub/hub.toml:2: ", text, why);
    }
    seen.quote(
        "pass-key",
        "wechat-hub: ",
        "/etc/wechat-hub/pass_key: the key of the passes cannot be made there: Permission denied (os error 13): name a \
         `pass_key_file` with 32 random bytes",
        "a folder in which this user may not write",
    );
    seen.quote(
        "pass-key",
        "wechat-hub: ",
        "the operating system gave no random bytes for a pass key",
        "such a system",
    );
    seen.quote(
        "pass-key",
        "wechat-hub: ",
        "the operating system gave no random bytes for a client secret",
        "such a system",
    );
    let store = |store: &str| serves_not(&format!("[store]\n{store}\n{}", right()), |_| {});
    seen.add("config-store", store("kind = \"file\"\ndir = \"hub.toml\""));
    seen.add("config-store", store("kind = \"redis\"\nurl = \"http://127.0.0.1\""));
}

fn sockets(seen: &mut Catalogue) {
    let at = |path: &str| right().replace("tcp = \"127.0.0.1:0\"", &format!("unix = \"{path}\""));
    seen.add("socket", serves_not(&at(&format!("/run/{}", "x".repeat(150))), |_| {}));
    seen.add("socket", serves_not(&at("/"), |_| {}));
    seen.add("socket", serves_not(&at("hub.toml/hub.sock"), |_| {}));
    seen.add("socket", serves_not(&at("hub.toml"), |_| {}));
    let make = |name: &'static str, mode: u32| {
        move |folder: &Folder| {
            fs::create_dir(folder.path().join(name)).expect("a folder");
            fs::set_permissions(folder.path().join(name), Permissions::from_mode(mode)).expect("its mode");
        }
    };
    seen.add("socket", serves_not(&at("open/hub.sock"), make("open", 0o777)));
    seen.add("socket", serves_not(&at("hub.sock"), make("hub.sock", 0o700)));
    let mut lock = None;
    seen.add(
        "socket",
        serves_not(&at("hub.sock"), |folder| {
            let file = File::open(folder.path()).expect("the folder");
            file.lock().expect("nobody has it");
            lock = Some(file);
        }),
    );
    let mut listener = None;
    seen.add(
        "socket",
        serves_not(&at("hub.sock"), |folder| {
            listener = Some(
                std::os::unix::net::UnixListener::bind(folder.path().join("hub.sock")).expect("a socket"),
            );
        }),
    );
    let io = "Input/output error (os error 5)";
    for text in [
        "its folder cannot be found",
        "its folder cannot be looked at",
        "its folder cannot be opened",
        "its folder cannot be locked",
        "nothing can be made in its folder",
        "it cannot be made",
        "its folder belongs to user 1000: choose one of the hub's own",
        &format!("it cannot be looked at: {io}"),
        "a socket of user 1000 is there: choose another path",
        "another process listens there: end it first, or choose another path",
        &format!("whether somebody listens there cannot be told: {io}"),
    ] {
        let before = "wechat-hub: /etc/wechat-hub/hub.toml:2: the socket /run/wechat-hub/hub.sock: ";
        seen.quote("socket", before, text, "another user, or a broken disk");
    }
}

fn certificates(seen: &mut Catalogue) {
    let text = right().replace("[[app]]", "[listen.tls]\ncert = \"cert.pem\"\nkey = \"key.pem\"\n[[app]]");
    let key = KeyPair::generate().expect("a key");
    let certificate = |from: i32, to: i32| {
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
        params.self_signed(&key).expect("a certificate").pem()
    };
    let (good, own) = (certificate(2020, 2120), key.serialize_pem());
    let other = KeyPair::generate().expect("a key").serialize_pem();
    let no_x509 = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n";
    let torn = "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";
    seen.add("certificates", serves_not(&text, |_| {}));
    for (certificate, key) in [
        (&*certificate(2020, 2021), &*own),
        (&*certificate(2119, 2120), &*own),
        (&*good, &*other),
        (&*good, "none"),
        ("none", &*own),
        (no_x509, &*own),
        (torn, &*own),
    ] {
        let prepare = |folder: &Folder| {
            fs::write(folder.path().join("cert.pem"), certificate).expect("a file");
            fs::write(folder.path().join("key.pem"), key).expect("a file");
            fs::set_permissions(folder.path().join("key.pem"), Permissions::from_mode(0o600))
                .expect("its mode");
        };
        seen.add("certificates", serves_not(&text, prepare));
    }
    seen.quote(
        "certificates",
        "wechat-hub: /etc/wechat-hub/hub.toml:4: ",
        "TLS cannot be set up: no cipher suites",
        "a library without TLS 1.2 and 1.3",
    );
}

fn commands(seen: &mut Catalogue) {
    let folder = folder(&right());
    let (_, out, err) = run(program().args(["check", "--config"]).arg(folder.path().join("hub.toml")));
    seen.add("check", out.trim_end());
    seen.add("check", err.trim_end());
    let said = |command: &mut Command| run(command).2.trim_end().to_owned();
    seen.add("command-line", said(program().args(["sreve"])).lines().next().unwrap_or_default());
    seen.add("command-line", said(program().args(["token", APP])).lines().next().unwrap_or_default());
    seen.add("ask", said(program().args(["token", APP, "--hub", "http://hub.example"])));
    seen.add("ask", said(program().args(["token", APP, "--hub", "unix:/absent/hub.sock"])));
    seen.add(
        "ask",
        said(program().args([
            "token",
            APP,
            "--hub",
            "unix:/absent",
            "--client-secret-file",
            "/absent/secret",
        ])),
    );
    seen.add(
        "ask",
        said(program().args([
            "token",
            APP,
            "--hub",
            "unix:/absent",
            "--root-certificates",
            "/absent/ca.pem",
        ])),
    );
    let killed = "it was told a second time to end, and did not wait for what was going on";
    seen.quote("killed", "wechat-hub: ", killed, "two signals, and a call that takes its time");
}

fn library(seen: &mut Catalogue, wechat: &FakeWeChat) {
    let rights = [Right::Token];
    let limits = Limits::default();
    let bad_limits = {
        let mut limits = limits;
        limits.connections = 0;
        limits
    };
    let bad_verify = {
        let mut verify = Verify::default();
        verify.path.replace_range(.., "x");
        verify
    };
    let builders: [HubBuilder; 11] = [
        hub(wechat).app(APP, cache(wechat)),
        hub(wechat).client(all()),
        hub(wechat).client(Client::new("bot", SECRET).apps([APP]).rights(rights)),
        hub(wechat).client(Client::new("bot", "b").rights(rights)),
        hub(wechat).client(Client::new("bot", "b").apps([APP])),
        hub(wechat).client(Client::new("bot", "b").apps(["wx1"]).rights(rights)),
        hub(wechat).client(Client::new("bot", "").apps([APP]).rights(rights)),
        hub(wechat).unix_client("bot"),
        hub(wechat).limits(bad_limits),
        hub(wechat).verify(bad_verify),
        hub(wechat).app_secret("wx1", || "secret".into()),
    ];
    for builder in builders {
        seen.add("hub-build", builder.build().map(drop).expect_err("it contradicts itself"));
    }
    seen.add("hub-build", PassKey::from_bytes(b"short").map(drop).expect_err("too short"));
    seen.add("hub-build", "secret".parse::<SecretHash>().map(drop).expect_err("no hash"));
    let built = hub(wechat).build().expect("a hub");
    seen.add("hub-build", built.serve_tcp("0.0.0.0:0").map(drop).expect_err("no loopback"));
    seen.add("hub-build", built.serve_tcp("no address").map(drop).expect_err("no address"));
    let outside = std::thread::spawn(move || built.serve_tcp("127.0.0.1:0").map(drop));
    seen.add("no-runtime", outside.join().expect("no panic").expect_err("no runtime"));
}
