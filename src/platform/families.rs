//! What WeChat's documentation says of each family of accounts: hosts, exempt paths, rejection codes.

/// Whose list of error codes holds: some numbers mean one thing at WeChat and another at WeCom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codes {
    /// <https://developers.weixin.qq.com/doc/oplatform/developers/errCode/errCode.html>
    WeChat,
    /// <https://developer.work.weixin.qq.com/document/path/90313>
    WeCom,
}

/// A family as the platform documents it.
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) parameter: &'static str,
    pub(super) hosts: &'static [&'static str],
    pub(super) exempt: &'static [&'static [&'static str]],
    pub(super) codes: Codes,
    pub(super) rejection_codes: &'static [i64],
}

pub(super) const WECHAT: Family = Family {
    name: "wechat",
    parameter: "access_token",
    hosts: &WECHAT_HOSTS,
    // Below `/sns/`, `access_token` is the *user's*; or a third-party platform's token is asked for.
    exempt: &[&WECHAT_SECRETS, &["/sns/"]],
    codes: Codes::WeChat,
    rejection_codes: &[40001, 40014, 42001],
};

pub(super) const COMPONENT: Family = Family {
    name: "component",
    parameter: "component_access_token",
    hosts: &WECHAT_HOSTS,
    exempt: &[&WECHAT_SECRETS, &WECHAT_USERS],
    codes: Codes::WeChat,
    rejection_codes: &[40001, 40014, 42001],
};

pub(super) const WECOM: Family = Family {
    name: "wecom",
    parameter: "access_token",
    hosts: &WECOM_HOSTS,
    exempt: &[&WECOM_EXEMPT],
    codes: Codes::WeCom,
    rejection_codes: &[40014, 42001],
};

pub(super) const SUITE: Family = Family {
    name: "suite",
    parameter: "suite_access_token",
    hosts: &WECOM_HOSTS,
    exempt: &[&WECOM_EXEMPT],
    codes: Codes::WeCom,
    rejection_codes: &[40014, 40082, 42001, 42009],
};

pub(super) const PROVIDER: Family = Family { name: "provider", parameter: "provider_access_token", ..SUITE };

/// WeChat's nearest access point, its disaster-recovery name and the regional ones
/// (<https://developers.weixin.qq.com/doc/service/Basic_Information/Interface_field_description.html>). They have their
/// tokens in common, so that an account is the same one at each of them.
pub(super) const WECHAT_HOSTS: [&str; 5] = [
    "https://api.weixin.qq.com",
    "https://api2.weixin.qq.com",
    "https://sh.api.weixin.qq.com",
    "https://sz.api.weixin.qq.com",
    "https://hk.api.weixin.qq.com",
];

const WECOM_HOSTS: [&str; 1] = ["https://qyapi.weixin.qq.com"];

/// Token endpoints, and calls that carry the secret or a ticket instead of a token.
const WECHAT_SECRETS: [&str; 6] = [
    "/cgi-bin/token",
    "/cgi-bin/stable_token",
    "/cgi-bin/clear_quota/v2",
    "/cgi-bin/component/api_component_token",
    "/cgi-bin/component/api_start_push_ticket",
    "/cgi-bin/component/clear_quota/v2",
];

/// Calls with a code and the app's secret, or with the user's token. Their neighbours below `/sns/component/` and
/// `/sns/oauth2/component/` take the platform's token.
const WECHAT_USERS: [&str; 5] = [
    "/sns/jscode2session",
    "/sns/oauth2/access_token",
    "/sns/oauth2/refresh_token",
    "/sns/userinfo",
    "/sns/auth",
];

/// Token endpoints, and the group robot, which a key of its own authorises.
const WECOM_EXEMPT: [&str; 5] = [
    "/cgi-bin/gettoken",
    "/cgi-bin/service/get_suite_token",
    "/cgi-bin/service/get_provider_token",
    "/cgi-bin/openhw/get_model_token",
    "/cgi-bin/webhook/",
];
