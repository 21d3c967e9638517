//! What the program prints: where it is, and what to do with it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use crate::options::Options;

/// What no query needs to encode.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The first line ends with the address, so that a script may read it.
pub(crate) fn text(url: &str, options: &Options) -> String {
    let (id, secret) = (options.id(), options.secret());
    let control =
        |method: &str, call: &str| format!("curl -s{method} {}", quoted(&format!("{url}/_fake/{call}")));
    let post = |call: &str| control(" -X POST", call);
    format!(
        "\
fake-wechat listens on {url}
{} {id}
secret {secret}

Get a token and use it:
  {}
  {}

Tell it what to do:
  {}
  {}
  {}
  {}
  {}

Ask what it saw:
  {}
  {}

All of these: {}
",
        if options.wecom { "corp id" } else { "app id" },
        mint(url, options),
        format_args!("curl -s {}", quoted(&format!("{url}/cgi-bin/user/get?access_token=TOKEN"))),
        post("revoke"),
        post("expire"),
        post("advance?seconds=7000"),
        post(if options.wecom {
            "fail_next?errcode=40014&times=2"
        } else {
            "fail_next?errcode=40001&times=2"
        }),
        post("fail_next?errcode=45009&at=tokens"),
        control("", "counters"),
        control("", "seen"),
        control("", ""),
    )
}

fn mint(url: &str, options: &Options) -> String {
    let (id, secret) = (options.id(), options.secret());
    if options.wecom {
        let [id, secret] = [id, secret].map(|text| utf8_percent_encode(text, ENCODED));
        return format!(
            "curl -s {}",
            quoted(&format!("{url}/cgi-bin/gettoken?corpid={id}&corpsecret={secret}"))
        );
    }
    let body = json!({ "grant_type": "client_credential", "appid": id, "secret": secret });
    let url = format!("{url}/cgi-bin/stable_token");
    format!("curl -s {} -d {}", quoted(&url), quoted(&body.to_string()))
}

/// One word for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
