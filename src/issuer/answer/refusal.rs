//! What each code of a token endpoint means, and what to do about it.

use std::{borrow::Cow, net::IpAddr, time::Duration};

use crate::{error::TokenError, platform::Codes};

/// For what is over within a minute or some, and nobody says when. The cache doubles it with every failure.
const A_MOMENT: Duration = Duration::from_secs(5);
/// The limit of a day will not have passed by then, but somebody may have reset it.
const QUOTA_PAUSE: Duration = Duration::from_secs(600);
/// WeCom refuses for as long as the window of the limit, a minute or an hour
/// (<https://developer.work.weixin.qq.com/document/path/90454>).
const WECOM_WINDOW: Duration = Duration::from_secs(60);

/// Whether asking again can help.
enum Again {
    /// Soon.
    Soon,
    /// After a pause, by itself.
    After(Duration),
    /// Not by itself.
    No,
    /// Not by itself, and not before a pause.
    NotBefore(Duration),
}

/// What a code of the token endpoint means, and what to do.
pub(super) fn refusal(codes: Codes, errcode: i64, errmsg: &str) -> TokenError {
    let (message, again) = explain(codes, errcode, errmsg);
    let error = match again {
        Again::Soon => TokenError::transient(message),
        Again::After(pause) => TokenError::transient(message).with_retry_after(pause),
        Again::No => TokenError::permanent(message),
        Again::NotBefore(pause) => TokenError::permanent(message).with_retry_after(pause),
    };
    if is_of_this_host(errcode) { error.of_this_host() } else { error }
}

/// Whether the code is about the address of who asks.
fn is_of_this_host(errcode: i64) -> bool {
    matches!(errcode, 40164 | 60020 | 61004 | 89500..=89599)
}

/// Where an account's secret and IP allow-list are, under the names that the consoles have in Chinese
/// (<https://developers.weixin.qq.com/doc/oplatform/developers/dev/api>).
const WECHAT_CONSOLE: &str = "developers.weixin.qq.com/platform: 我的业务, the account, 基础信息, 开发密钥 (a mini program's at \
                              mp.weixin.qq.com: 管理, 开发管理, 开发设置)";

fn explain(codes: Codes, errcode: i64, errmsg: &str) -> (Cow<'static, str>, Again) {
    let is_wecom = codes == Codes::WeCom;
    let (text, again) = match errcode {
        -1 => ("the platform is busy; nothing is wrong here, and it is asked again by itself", Again::Soon),
        40125 => return (wrong_secret("the secret is wrong", is_wecom), Again::No),
        // The same number for a token, where the call carries one.
        40001 => {
            let what = "the secret is wrong, or the token of a call that carries one";
            return (wrong_secret(what, is_wecom), Again::No);
        }
        40002 | 41002 | 41004 | 43002 => (
            "the token endpoint did not get the request as it was sent: look at what is between here and there, and at \
             the base URL",
            Again::No,
        ),
        40013 => (
            "the platform knows no such app id or corp id: check it, and that it belongs to this platform",
            Again::No,
        ),
        40091 => return (wrong_secret("the corp secret is wrong or another corp's", true), Again::No),
        // Tokens that the call carries: a third-party platform's, for an account's; a suite's, for a corp's.
        40014 | 40082 | 42001 | 42009 => (
            "the token that the call itself carried was rejected: it needs a new one",
            Again::After(A_MOMENT),
        ),
        40164 | 60020 | 61004 => return (not_allowed(errcode, errmsg), Again::No),
        40243 => {
            let text = format!(
                "the app secret is frozen: its owner must unfreeze it at {WECHAT_CONSOLE}. It stays the same, and works again \
                 ten minutes later"
            );
            return (text.into(), Again::No);
        }
        45009 if is_wecom => (
            "too many token calls: WeCom refuses them for a minute or an hour, and nothing shortens that; find out who else \
             fetches tokens for this corp",
            Again::After(WECOM_WINDOW),
        ),
        45009 => (
            "the quota of token calls is used up until midnight in Beijing (16:00 UTC): wait for that or reset it \
             (/cgi-bin/clear_quota/v2, ten times a month), and find out who else fetches tokens for this app",
            Again::NotBefore(QUOTA_PAUSE),
        ),
        45011 => (
            "too many token calls in this minute; it is asked again by itself, and if this goes on, find out who else fetches \
             tokens for this app",
            Again::After(A_MOMENT),
        ),
        45033 => ("too many token calls at the same time; it is asked again by itself", Again::Soon),
        50001 => (
            "the platform does not serve this account here: an account that was registered abroad has the base URL \
             api.wechat.com",
            Again::No,
        ),
        50004 => (
            "this account is barred from the token endpoint: its owner finds the reason in the platform's console",
            Again::No,
        ),
        50007 => ("this account is frozen: its owner finds the reason in the platform's console", Again::No),
        61003 => (
            "the account has not authorised this third-party platform, or no longer does: its owner must do so again",
            Again::No,
        ),
        61005 | 61006 => (
            "the component_verify_ticket has expired or is wrong: take the newest one, which WeChat pushes every ten minutes",
            Again::After(A_MOMENT),
        ),
        61023 => (
            "the authorizer's refresh token is wrong or was replaced: take the newest one, or let the account authorise the \
             platform again",
            Again::No,
        ),
        61024 => (
            "this app belongs to a third-party platform: its token comes from /cgi-bin/component/api_component_token",
            Again::No,
        ),
        89501 => (
            "this machine's address waits for an administrator of the account to confirm it in WeChat: ask them to",
            Again::No,
        ),
        89503 => (
            "the call is held until an administrator of the account confirms it in WeChat: ask them to, then try again",
            Again::No,
        ),
        89506 => (
            "an administrator of the account refused this machine's address: it is blocked for 24 hours",
            Again::No,
        ),
        89507 => (
            "an administrator of the account refused this machine's address: it is blocked for an hour",
            Again::No,
        ),
        89500..=89599 => (
            "the platform holds the call to be risky: an administrator of the account must allow it",
            Again::No,
        ),
        _ => return (unknown(errcode, is_wecom), Again::No),
    };
    (Cow::Borrowed(text), again)
}

fn wrong_secret(what: &str, is_wecom: bool) -> Cow<'static, str> {
    Cow::Owned(if is_wecom {
        format!(
            "{what}: take it from work.weixin.qq.com: 应用管理, the app, Secret. Do not try others: after some wrong ones WeCom \
             refuses this machine's address for an hour"
        )
    } else {
        format!(
            "{what}; somebody may have reset it. Give this program the present one. WeChat shows it only once: where it is lost, \
             reset it at {WECHAT_CONSOLE}, which ends the old one at once for every program that has it (a third-party \
             platform's own is at open.weixin.qq.com: 管理中心, 第三方平台, 详情)"
        )
    })
}

fn not_allowed(errcode: i64, errmsg: &str) -> Cow<'static, str> {
    let address = address(errmsg).map(|address| format!(" {address}")).unwrap_or_default();
    let place = match errcode {
        60020 => {
            "work.weixin.qq.com: 应用管理, the app, 企业可信IP (a provider's app: 服务商信息, IP白名单). It takes effect a minute later"
        }
        61004 => "open.weixin.qq.com: 管理中心, 第三方平台, 详情, 白名单IP地址列表",
        _ => {
            return Cow::Owned(format!(
                "this machine's address{address} is not on the app's IP allow-list: add it at {WECHAT_CONSOLE}, API IP白名单. \
                 It takes effect some minutes later"
            ));
        }
    };
    Cow::Owned(format!(
        "this machine's address{address} is not on the app's IP allow-list: add it at {place}"
    ))
}

fn unknown(errcode: i64, is_wecom: bool) -> Cow<'static, str> {
    Cow::Owned(if is_wecom {
        format!(
            "the token endpoint refused; look its code up in the platform's list of error codes \
             (open.work.weixin.qq.com/devtool/query?e={errcode})"
        )
    } else {
        "the token endpoint refused; look its code up in the platform's list of error codes \
         (developers.weixin.qq.com/doc/oplatform/developers/errCode/errCode.html)"
            .to_owned()
    })
}

/// The first IP address in a text like `invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4, not in whitelist`.
fn address(errmsg: &str) -> Option<IpAddr> {
    errmsg
        .split(|c: char| !(c.is_ascii_hexdigit() || c == '.' || c == ':'))
        .find_map(|word| word.parse().ok())
        .map(|address: IpAddr| address.to_canonical())
}
