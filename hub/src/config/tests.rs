//! Configurations that are good, and those that are not: one message with file, line and remedy.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use super::*;
use crate::client::Right;

/// A folder with a configuration in it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("hub-config-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>, mode: u32) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    fn load(&self, text: &str) -> Result<Config, String> {
        self.load_with(text, &[])
    }

    fn load_with(&self, text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
        let path = self.write("hub.toml", text, 0o600);
        Config::load_with(&given(&path), environment(variables)).map_err(|fault| fault.to_string())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment::new(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn given(file: &Path) -> Given {
    Given { file: Some(file.to_owned()), ..Given::default() }
}

fn alone(variables: &[(&str, &str)]) -> Result<Config, String> {
    Config::load_with(&Given::default(), environment(variables)).map_err(|fault| fault.to_string())
}

const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const OTHER_HASH: &str = "cb8379ac2098aa165029e3938a51da0bcecfc008fd6795f401178647f96c5b34";

/// The one of the documentation.
fn whole() -> String {
    format!(
        r#"
[listen]
unix = "run/hub.sock"
tcp = "127.0.0.1:0"
unix_client = "shop"
[admin]
tcp = "127.0.0.1:9191"
[store]
kind = "memory"
[verify]
path = "/cgi-bin/get_api_domain_ip"
at_most_every = "2s"
a_day = 500
[limits]
header_timeout = "500ms"
connections = 7
[[app]]
id = "wx0123456789abcdef"
kind = "stable"
secret_file = "secret"
base_url = "https://api.weixin.qq.com"
keep_warm = true
[[app]]
id = "ww1"
kind = "wecom"
secret = "a-secret"
keep_warm = false
[[client]]
name = "shop"
secret_sha256 = "{HASH}"
apps = ["wx0123456789abcdef"]
rights = ["proxy", "token"]
paths = ["/cgi-bin/message/**", "/wxa/**"]
rate = 100
"#
    )
}

#[test]
fn all_of_it_is_read() {
    let folder = Folder::new();
    folder.write("secret", " the-app-secret\n", 0o600);
    let config = folder.load(&whole()).unwrap();
    assert_eq!(config.unix.unwrap(), folder.0.join("run/hub.sock"), "beside the configuration");
    assert_eq!(config.unix_client.as_deref(), Some("shop"));
    assert!(config.tcp.unwrap().how == Transport::Plain);
    assert_eq!(config.admin.unwrap().port(), 9191);
    assert!(config.store == Store::Memory);
    assert_eq!(config.limits.header_timeout, Duration::from_millis(500));
    assert_eq!((config.limits.connections, config.limits.header_bytes), (7, 16_384));
    let [wechat, wecom] = &config.apps[..] else { panic!("two apps") };
    assert_eq!((wechat.kind, wecom.kind), (Kind::Stable, Kind::WeCom));
    assert_eq!((wechat.secret.expose(), wecom.secret.expose()), ("the-app-secret", "a-secret"));
    assert!(wechat.keep_warm && !wecom.keep_warm);
    let client = &config.clients[0];
    assert_eq!(client.secret.unwrap().to_string(), HASH);
    assert_eq!(client.rights, [Right::Proxy, Right::Token]);
    assert_eq!(client.rate.unwrap().get(), 100);
}

#[test]
fn the_least_of_it_is_enough() {
    let folder = Folder::new();
    let config =
        folder.load("[listen]\ntcp = \"localhost:0\"\n[[app]]\nid = \"wx1\"\nsecret = \"s\"\n").unwrap();
    assert!(config.apps[0].kind == Kind::Stable && config.apps[0].keep_warm);
    assert!(config.clients.is_empty() && config.admin.is_none() && config.store == Store::Memory);
}

#[test]
fn what_is_wrong_is_named_with_its_line_and_the_remedy() {
    let folder = Folder::new();
    folder.write("secret", "s", 0o600);
    folder.write("empty", " \n", 0o600);
    folder.write("readable", "s", 0o644);
    folder.write("hex", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n", 0o600);
    folder.write("key", [0; 31], 0o600);
    let whole = whole();
    let with = |from: &str, to: &str| {
        assert!(whole.contains(from), "{from}");
        whole.replace(from, to)
    };
    let client = |lines: &str| format!("{whole}[[client]]\nname = \"b\"\n{lines}\n");
    let id = "id = \"wx0123456789abcdef\"";
    let cases = [
        (with("connections = 7", "connection = 7"), 16, "unknown field `connection`"),
        (with("[verify]", "[verfy]"), 10, "unknown field `verfy`"),
        (with("[verify]", "[\"ver\tify\"]"), 10, "unknown field `ver\\tify`"),
        (
            with("secret_file = \"secret\"", "secret_file = \"se\\ncret\""),
            20,
            "se\\ncret: there is no such file",
        ),
        (with("[store]", "[store"), 8, ""),
        (with("connections = 7", "connections = \"7\""), 16, "expected"),
        (with("connections = 7", "connections = -7"), 16, "expected"),
        (with("connections = 7", "connections = 0"), 16, "`connections` must be 1 to"),
        (
            with("connections = 7", "long_polls_per_client = 2305843009213693952"),
            16,
            "`long_polls_per_client` must be",
        ),
        (with("header_timeout = \"500ms\"", "header_timeout = \"500000years\""), 15, "an hour at most"),
        (with("kind = \"memory\"", "dir = \"d\""), 9, "name it"),
        (with("kind = \"memory\"", "kind = \"file\"\ndir = \"\""), 10, "has a name"),
        (with("secret = \"a-secret\"", "secret = \"   \""), 24, "white space"),
        (with("header_timeout = \"500ms\"", "header_timeout = \"soon\""), 15, "written like \"10s\""),
        (with("at_most_every = \"2s\"", "at_most_every = \"2\""), 12, "written like \"10s\""),
        (with("path = \"/cgi-bin", "path = \"cgi-bin"), 11, "begins with a slash"),
        (with("path = \"/cgi-bin/get_api_domain_ip", "path = \"/cgi-bin/token"), 11, "no token endpoint"),
        (with("path = \"/cgi-bin/get_api_domain_ip", "path = \"/cgi-bin/*"), 11, "is a path on the platform"),
        (with("unix_client = \"shop\"", "unix_client = \"shap\""), 5, "there is no client \"shap\""),
        (with("tcp = \"127.0.0.1:0\"", "tcp = \"127.0.0.1\""), 4, "is no address"),
        (with("tcp = \"127.0.0.1:0\"", "tcp = \"0.0.0.0:0\""), 4, "is not a loopback address"),
        (with("unix_client", "tls.cert = \"c\"\nunix_client"), 5, "needs `key`"),
        (with("unix_client", "tls.key = \"k\"\nunix_client"), 5, "needs `cert`"),
        (with("kind = \"memory\"", "kind = \"disk\""), 9, "there is no store of the kind \"disk\""),
        (with("kind = \"memory\"", "kind = \"file\""), 9, "needs `dir`"),
        (with("kind = \"memory\"", "kind = \"redis\""), 9, "needs `url`"),
        (with("kind = \"stable\"", "kind = \"steady\""), 19, "there is no kind \"steady\""),
        (with("id = \"ww1\"", id), 24, "is named twice"),
        (with("id = \"ww1\"\n", ""), 23, "the app has no `id`"),
        (with("id = \"ww1\"", "id = \"a b\""), 24, "an app's `id` has"),
        (with("secret = \"a-secret\"\n", ""), 24, "app ww1 has no secret"),
        (with("secret = \"a-secret\"", "secret = \"\""), 24, "the secret of app ww1 is empty"),
        (with("secret = \"a-secret\"", "secret = \"a\"\nsecret_file = \"secret\""), 27, "leave one out"),
        (with("secret = \"a-secret\"", "secret = 98765432"), 26, "expected a string"),
        (with("secret_file = \"secret\"", "secret_file = \"absent\""), 20, "there is no such file"),
        (with("secret_file = \"secret\"", "secret_file = \"empty\""), 20, "it is empty"),
        (with("secret_file = \"secret\"", "secret_file = \".\""), 20, "it is a folder"),
        (with("secret_file = \"secret\"", "secret_file = \"/dev/zero\""), 20, "longer than 1 MiB"),
        (with("secret_file = \"secret\"", "secret_file = \"readable\""), 20, "chmod 0600"),
        (with("https://api.weixin.qq.com", "http://api.weixin.qq.com"), 21, "`base_url`"),
        (format!("pass_key_file = \"key\"\n{whole}"), 1, "a pass key has 32 random bytes, and this has 31"),
        (format!("pass_key_file = \"readable\"\n{whole}"), 1, "32 random bytes"),
        (
            with(&format!("secret_sha256 = \"{HASH}\"\n"), ""),
            29,
            "it has no `secret_sha256`: `wechat-hub secret`",
        ),
        (with(HASH, "abc"), 30, "64 hex digits"),
        (with("rights = [\"proxy\", \"token\"]", "rights = []"), 29, "it has no `rights`"),
        (with("rights = [\"proxy\", \"token\"]\n", ""), 29, "it has no `rights`"),
        (with("rights = [\"proxy\", \"token\"]", "rights = [\"root\"]"), 32, "there is no right \"root\""),
        (with("apps = [\"wx0123456789abcdef\"]", "apps = [\"wx2\"]"), 31, "is not among the apps"),
        (with("apps = [\"wx0123456789abcdef\"]", "apps = []"), 29, "it has no `apps`"),
        (with("\"/wxa/**\"", "\"wxa/**\""), 33, "does not begin with a slash"),
        (with("\"/cgi-bin/message/**\", \"/wxa/**\"", ""), 29, "may call nothing"),
        (format!("pass_key_file = \"hex\"\n{whole}"), 1, "a text of hex digits"),
        (format!("pass_key_file = \"none\"\n{whole}"), 1, "makes a key"),
        (with("rate = 100", "rate = 0"), 34, "expected"),
        (with("name = \"shop\"", "name = \"\""), 29, "a name has"),
        (
            client(&format!("secret_sha256 = \"{HASH}\"\napps = [\"ww1\"]\nrights = [\"token\"]")),
            35,
            "the same secret",
        ),
        (
            client(&format!("secret_sha256 = \"{OTHER_HASH}\"\napps = [\"ww1\"]\nrights = [\"token\"]"))
                .replace("\"b\"", "\"shop\""),
            35,
            "there are two clients",
        ),
    ];
    for (text, line, says) in cases {
        let fault = folder.load(&text).err().unwrap_or_else(|| panic!("it was taken: {says}"));
        let at = format!("{}:{line}: ", folder.0.join("hub.toml").display());
        assert!(fault.starts_with(&at) && fault.contains(says), "line {line}, {says:?}: {fault}");
        assert!(!fault.contains("a-secret") && !fault.contains("98765432"), "{fault}");
        assert_eq!(fault.trim().lines().count(), 1, "{fault}");
    }
}

#[test]
fn what_is_missing_altogether_is_named() {
    let folder = Folder::new();
    for (text, says) in
        [("", "there is no address to listen at"), ("[listen]\ntcp = \"127.0.0.1:0\"\n", "there is no app")]
    {
        let fault = folder.load(text).err().unwrap();
        assert!(fault.contains("hub.toml: ") && fault.contains(says), "{fault}");
    }
    let absent =
        Config::load_with(&given(&folder.0.join("absent.toml")), environment(&[])).err().unwrap().to_string();
    assert!(absent.contains("absent.toml: there is no such file"), "{absent}");
    let binary = folder.write("binary", [0xff, 0xfe], 0o600);
    assert!(
        Config::load_with(&given(&binary), environment(&[])).err().unwrap().to_string().contains("UTF-8")
    );
}

#[test]
fn a_file_with_a_secret_in_it_is_for_nobody_else() {
    let folder = Folder::new();
    let inline = "[listen]\ntcp = \"127.0.0.1:0\"\n[[app]]\nid = \"wx1\"\nsecret = \"a-secret\"\n";
    for mode in [0o644, 0o640, 0o604, 0o660] {
        let path = folder.write("hub.toml", inline, mode);
        let fault = Config::load_with(&given(&path), environment(&[])).err().unwrap().to_string();
        assert!(fault.contains("hub.toml:5: ") && fault.contains("chmod 0600"), "{fault}");
        let path = folder.write("hub.toml", format!("readable_secret_files = true\n{inline}"), mode);
        assert!(Config::load_with(&given(&path), environment(&[])).is_ok());
    }
    let redis = "[listen]\ntcp = \"127.0.0.1:0\"\n[store]\nkind = \"redis\"\nurl = \"redis://:password@127.0.0.1/\"\n";
    let path = folder.write("hub.toml", redis, 0o644);
    let fault = Config::load_with(&given(&path), environment(&[])).err().unwrap().to_string();
    assert!(
        fault.contains("hub.toml:5: ") && fault.contains("chmod 0600") && !fault.contains("password"),
        "{fault}"
    );
    // Without a secret in it, everybody may read it.
    folder.write("secret", "s", 0o400);
    let path =
        folder.write("hub.toml", inline.replace("secret = \"a-secret\"", "secret_file = \"secret\""), 0o644);
    assert!(Config::load_with(&given(&path), environment(&[])).is_ok());
}

#[test]
fn the_environment_alone_is_enough() {
    let app = [("WECHAT_HUB_APP_ID", "wx1"), ("WECHAT_HUB_APP_SECRET", "s")];
    let unix = ("WECHAT_HUB_LISTEN_UNIX", "/run/hub.sock");
    let config = alone(&[app[0], app[1], unix, ("WECHAT_HUB_STORE_KIND", "")]).unwrap();
    assert_eq!(config.unix.unwrap(), PathBuf::from("/run/hub.sock"));
    assert_eq!(config.unix_client.as_deref(), Some("local"));
    assert_eq!(config.clients[0].rights, [Right::Token, Right::Refresh, Right::Proxy]);
    let config = alone(&[
        app[0],
        app[1],
        ("WECHAT_HUB_LISTEN_TCP", "127.0.0.1:0"),
        ("WECHAT_HUB_APP_KIND", "classic"),
        ("WECHAT_HUB_APP_BASE_URL", "http://127.0.0.1:1"),
        ("WECHAT_HUB_CLIENT_NAME", "shop"),
        ("WECHAT_HUB_CLIENT_SECRET_SHA256", HASH),
        ("WECHAT_HUB_CLIENT_RIGHTS", "token, refresh"),
        ("WECHAT_HUB_LIMITS_CONNECTIONS", "12"),
        ("WECHAT_HUB_URL", "unix:/elsewhere"),
        ("WECHAT_HUB_SERVICE_HOST", "10.0.0.1"),
        ("HOME", "/root"),
    ])
    .unwrap();
    assert_eq!(config.apps[0].kind, Kind::Classic);
    assert_eq!(config.clients[0].apps, ["wx1".into()]);
    assert_eq!(config.clients[0].rights, [Right::Token, Right::Refresh]);
    assert_eq!(config.limits.connections, 12);
    assert!(config.unix_client.is_none());
    for (variables, says) in [
        (vec![app[0], unix], "WECHAT_HUB_APP_ID: app wx1 has no secret"),
        (vec![app[1], unix], "WECHAT_HUB_APP_ID: the app has no `id`"),
        (vec![app[0], app[1]], "WECHAT_HUB_LISTEN_UNIX"),
        (vec![unix], "WECHAT_HUB_APP_SECRET"),
        (vec![app[0], app[1], unix, ("WECHAT_HUB_CLIENT_RATE", "5")], "the client has no `name`"),
        (
            vec![app[0], app[1], unix, ("WECHAT_HUB_LIMITS_CONNECTIONS", "x")],
            "WECHAT_HUB_LIMITS_CONNECTIONS: ",
        ),
        (
            vec![app[0], app[1], unix, ("WECHAT_HUB_CLIENT_NAME", "b")],
            "WECHAT_HUB_CLIENT_NAME: client \"b\": it has no",
        ),
        (
            vec![app[0], app[1], ("WECHAT_HUB_LISTEN_TCP", "10.0.0.1:1")],
            "WECHAT_HUB_LISTEN_TCP: 10.0.0.1:1 is not",
        ),
    ] {
        let fault = alone(&variables).err().unwrap();
        assert!(fault.contains(says), "{fault}");
    }
}

#[test]
fn variables_go_over_the_file_and_add_to_it() {
    let folder = Folder::new();
    folder.write("secret", "s", 0o600);
    let config = folder.load_with(
        &whole(),
        &[
            ("WECHAT_HUB_LISTEN_TCP", "127.0.0.1:7"),
            ("WECHAT_HUB_STORE_KIND", "file"),
            ("WECHAT_HUB_STORE_DIR", "/tokens"),
            ("WECHAT_HUB_APP_ID", "wx2"),
            ("WECHAT_HUB_APP_SECRET", "s"),
            ("WECHAT_HUB_CLIENT_NAME", "b"),
            ("WECHAT_HUB_CLIENT_SECRET_SHA256", OTHER_HASH),
            ("WECHAT_HUB_CLIENT_RIGHTS", "token"),
        ],
    );
    let config = config.unwrap();
    assert_eq!(config.tcp.unwrap().address.port(), 7);
    assert!(config.store == Store::File("/tokens".into()));
    assert_eq!(config.apps.len(), 3);
    assert_eq!(config.clients[1].apps.len(), 3, "all of them");
}

#[test]
fn what_needs_a_restart_is_told_apart() {
    let folder = Folder::new();
    folder.write("secret", "s", 0o600);
    let before = folder.load(&whole()).unwrap();
    let after = |from: &str, to: &str| folder.load(&whole().replace(from, to)).unwrap();
    assert!(after("rate = 100", "rate = 5").needs_restart(&before).is_empty());
    assert_eq!(after("run/hub.sock", "run/other.sock").needs_restart(&before), ["listen.unix"]);
    assert_eq!(after("127.0.0.1:0", "127.0.0.1:1").needs_restart(&before), ["listen.tcp"]);
    assert_eq!(after("127.0.0.1:9191", "127.0.0.1:1").needs_restart(&before), ["admin.tcp"]);
    assert_eq!(after("kind = \"memory\"", "kind = \"file\"\ndir = \"d\"").needs_restart(&before), ["store"]);
}

#[test]
fn plain_text_beyond_loopback_can_be_asked_for_on_the_command_line() {
    let folder = Folder::new();
    let text = "[listen]\ntcp = \"0.0.0.0:0\"\n[[app]]\nid = \"wx1\"\nsecret = \"s\"\n";
    assert!(folder.load(text).err().unwrap().contains("is not a loopback address"));
    assert!(folder.load(&text.replace("[[app]]", "insecure_plaintext = true\n[[app]]")).is_ok());
    let path = folder.write("hub.toml", text, 0o600);
    let asked = Given { insecure_plaintext: true, ..given(&path) };
    assert!(Config::load_with(&asked, environment(&[])).is_ok());
}
