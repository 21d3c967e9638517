//! Configurations that are wrong, checked by the real program.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
};

use wechat_hub::SecretHash;

use crate::{
    catalogue::Catalogue,
    process::{folder, program, run},
    support::Folder,
};

const APP: &str = "wx0123456789abcdef";

/// One that is right, but for the platform's address.
pub(crate) fn right() -> String {
    let hash = SecretHash::of("0123456789abcdef0123456789abcdef");
    format!(
        "[listen]\ntcp = \"127.0.0.1:0\"\n[[app]]\nid = \"{APP}\"\nsecret = \"00112233445566778899aabbccddeeff\"\n\
         base_url = \"http://127.0.0.1:1\"\n[[client]]\nname = \"shop\"\nsecret_sha256 = \"{hash}\"\napps = [\"{APP}\"]\n\
         rights = [\"token\"]\n"
    )
}

/// What `check` says of this configuration.
fn refused(text: &str, prepare: impl FnOnce(&Folder)) -> String {
    let folder = folder(text);
    prepare(&folder);
    let (code, _, err) = run(program().args(["check", "--config"]).arg(folder.path().join("hub.toml")));
    assert_eq!(code, 2, "{text}\n{err}");
    err.trim_end().to_owned()
}

pub(crate) fn provoke() -> Catalogue {
    let mut seen = Catalogue::default();
    let right = right();
    let second = |from: &str, to: &str| {
        let (_, client) = right.split_once("[[client]]").expect("a client");
        format!("{right}[[client]]{}", client.replace(from, to))
    };
    let app = right
        .split_once("[[client]]")
        .and_then(|(head, _)| head.split_once("[[app]]"))
        .expect("an app")
        .1
        .to_owned();
    let with = |head: &str| format!("{head}\n{right}");
    for (entry, text) in [
        ("config-file", with("unknown = 1")),
        ("config-file", with("[limits]\nconnections = \"many\"")),
        ("config-file", with("[[[")),
        ("config-app", "[listen]\ntcp = \"127.0.0.1:0\"\n".to_owned()),
        ("config-app", format!("{right}[[app]]{app}")),
        ("config-app", right.replace("id = ", "kind = \"stable\" #")),
        ("config-app", right.replacen(APP, "wx 1", 1)),
        ("config-app", right.replace("secret = ", "kind = \"new\"\nsecret = ")),
        ("config-app", right.replace("secret = ", "secret_file = \"s\"\nsecret = ")),
        ("config-app", right.replace("secret = ", "# ")),
        ("config-app", right.replace("00112233445566778899aabbccddeeff", "")),
        ("config-app", right.replace("00112233445566778899aabbccddeeff", "two words")),
        ("config-app", right.replace("http://127.0.0.1:1", "http://api.weixin.qq.com")),
        ("config-client", second("a", "a")),
        ("config-client", second("\"shop\"", "\"bot\"")),
        ("config-client", right.replace("name = ", "# ")),
        ("config-client", right.replace("secret_sha256 = ", "# ")),
        ("config-client", right.replace("secret_sha256 = \"", "secret_sha256 = \"x")),
        ("config-client", right.replace(&format!("apps = [\"{APP}\"]"), "apps = [\"wx1\"]")),
        ("config-client", right.replace("apps = ", "# ")),
        ("config-client", right.replace("rights = ", "# ")),
        ("config-client", right.replace("[\"token\"]", "[\"all\"]")),
        ("config-client", right.replace("\"shop\"", "\"\"")),
        ("config-client", format!("{right}paths = []")),
        ("config-client", format!("{right}paths = [\"cgi-bin\"]")),
        ("config-client", format!("{right}paths = [\"/cgi-bin/u*\"]")),
        ("config-client", format!("{right}paths = [\"/cgi-bin/ü\"]")),
        ("config-client", format!("{right}paths = [\"/cgi-bin//x\"]")),
        ("config-listen", right.replace("tcp = ", "# ")),
        ("config-listen", right.replace("127.0.0.1:0", "0.0.0.0:9190")),
        ("config-listen", right.replace("127.0.0.1:0", "9190")),
        ("config-listen", right.replace("[[app]]", "[listen.tls]\ncert = \"c\"\n[[app]]")),
        ("config-listen", right.replace("[[app]]", "[listen.tls]\nkey = \"k\"\n[[app]]")),
        ("config-listen", right.replace("[[app]]", "unix_client = \"bot\"\n[[app]]")),
        ("config-store", with("[store]\ndir = \"d\"")),
        ("config-store", with("[store]\nkind = \"file\"")),
        ("config-store", with("[store]\nkind = \"file\"\ndir = \"\"")),
        ("config-store", with("[store]\nkind = \"redis\"")),
        ("config-store", with("[store]\nkind = \"redis\"\nurl = \"u\"\nurl_file = \"f\"")),
        ("config-store", with("[store]\nkind = \"mysql\"")),
        ("config-limits", with("[limits]\nheader_bytes = 1")),
        ("config-limits", with("[limits]\nbody_bytes = 0")),
        ("config-limits", with("[limits]\nconnections = 0")),
        ("config-limits", with("[limits]\nlong_polls_per_client = 0")),
        ("config-limits", with("[limits]\nheader_timeout = \"2h\"")),
        ("config-limits", with("[limits]\nheader_timeout = \"soon\"")),
        ("config-limits", with("[verify]\npath = \"x\"")),
        ("config-limits", with("[verify]\npath = \"/cgi-bin/token\"")),
        ("config-limits", with("[verify]\nat_most_every = \"2m\"")),
    ] {
        seen.add(entry, refused(&text, |_| {}));
    }
    files(&mut seen, &right);
    environment(&mut seen);
    seen
}

fn files(seen: &mut Catalogue, right: &str) {
    let named = right.replace("secret = ", "secret_file = \"secret\" # ");
    seen.add("config-secrets", refused(&named, |_| {}));
    for (text, mode) in [(&b""[..], 0o600), (b"\xff", 0o600), (b"a-secret", 0o644)] {
        let prepare = |folder: &Folder| {
            let path = folder.path().join("secret");
            fs::write(&path, text).expect("a file");
            fs::set_permissions(&path, Permissions::from_mode(mode)).expect("its mode");
        };
        seen.add("config-secrets", refused(&named, prepare));
    }
    let folder = |folder: &Folder| fs::create_dir(folder.path().join("secret")).expect("a folder");
    seen.add("config-secrets", refused(&named, folder));
    let endless = right.replace("secret = ", "secret_file = \"/dev/zero\" # ");
    seen.add("config-secrets", refused(&endless, |_| {}));
    let before = "wechat-hub: /etc/wechat-hub/hub.toml:5: `secret_file` /etc/wechat-hub/secret: ";
    for text in ["this user may not read it", "it cannot be read: Input/output error (os error 5)"] {
        seen.quote("config-secrets", before, text, "another user, or a broken disk");
    }
    seen.add(
        "config-file",
        refused(right, |folder| fs::write(folder.path().join("hub.toml"), b"\xff").expect("a file")),
    );
    let key = format!("pass_key_file = \"key\"\n{right}");
    seen.add("pass-key", refused(&key, |_| {}));
    for bytes in [&b"short"[..], &[b'a'; 64]] {
        seen.add(
            "pass-key",
            refused(&key, |folder| fs::write(folder.path().join("key"), bytes).expect("a file")),
        );
    }
}

fn environment(seen: &mut Catalogue) {
    let (_, _, err) = run(program().arg("check").env("WECHAT_HUB_LIMITS_CONNECTIONS", "many"));
    seen.add("config-file", err.trim_end());
}
