//! Which paths ask for which token.

/// Says whether a user's token is good.
pub(crate) const SNS_AUTH: &str = "/sns/auth";

/// What an API is authorised by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Authorised {
    /// A token of an app, a platform or a suite.
    ByToken,
    /// A user's own token.
    ByUser,
    /// A secret, a ticket or a key.
    Otherwise,
}

/// Paths where no app's token has any business.
/// One that ends in `/` stands for everything below it.
const NO_TOKEN: [&str; 9] = [
    "/sns/",
    "/cgi-bin/webhook/",
    "/cgi-bin/clear_quota/v2",
    "/cgi-bin/component/api_component_token",
    "/cgi-bin/component/api_start_push_ticket",
    "/cgi-bin/component/clear_quota/v2",
    "/cgi-bin/service/get_suite_token",
    "/cgi-bin/service/get_provider_token",
    "/cgi-bin/openhw/get_model_token",
];

/// Below one of those, and yet for a platform's token.
const OF_COMPONENTS: [&str; 2] = ["/sns/component/", "/sns/oauth2/component/"];

/// Below one of those, and for a user's token.
const OF_USERS: [&str; 2] = [SNS_AUTH, "/sns/userinfo"];

/// What only WeCom has.
const OF_WECOM: [&str; 34] = [
    "/cgi-bin/agent/",
    "/cgi-bin/appchat/",
    "/cgi-bin/auth/",
    "/cgi-bin/batch/",
    "/cgi-bin/checkin/",
    "/cgi-bin/corp/",
    "/cgi-bin/department/",
    "/cgi-bin/export/",
    "/cgi-bin/externalcontact/",
    "/cgi-bin/externalpay/",
    "/cgi-bin/get_jsapi_ticket",
    "/cgi-bin/kf/",
    "/cgi-bin/license/",
    "/cgi-bin/linkedcorp/",
    "/cgi-bin/living/",
    "/cgi-bin/meeting/",
    "/cgi-bin/message/recall",
    "/cgi-bin/message/send",
    "/cgi-bin/msgaudit/",
    "/cgi-bin/oa/",
    "/cgi-bin/openhw/",
    "/cgi-bin/school/",
    "/cgi-bin/service/",
    "/cgi-bin/tag/",
    "/cgi-bin/ticket/get",
    "/cgi-bin/user/create",
    "/cgi-bin/user/delete",
    "/cgi-bin/user/getuserid",
    "/cgi-bin/user/getuserinfo",
    "/cgi-bin/user/list",
    "/cgi-bin/user/simplelist",
    "/cgi-bin/user/update",
    "/cgi-bin/wedoc/",
    "/cgi-bin/wedrive/",
];

/// Names of tokens that are minted elsewhere, each in a space of its own. No app's token is accepted under them.
const OTHER_FAMILIES: [(&str, Family); 6] = [
    ("component_access_token", Family { refusal: 40001, is_wecom: false }),
    ("cloudbase_access_token", Family { refusal: 40001, is_wecom: false }),
    ("suite_access_token", Family { refusal: 40082, is_wecom: true }),
    ("provider_access_token", Family { refusal: 40082, is_wecom: true }),
    ("model_access_token", Family { refusal: 40014, is_wecom: true }),
    ("device_access_token", Family { refusal: 40014, is_wecom: true }),
];

/// How tokens of another kind are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Family {
    pub(crate) refusal: i64,
    pub(crate) is_wecom: bool,
}

/// The family that a token parameter belongs to, unless it is an app's own.
pub(crate) fn other_family(parameter: &str) -> Option<Family> {
    OTHER_FAMILIES.iter().find(|(name, _)| *name == parameter).map(|(_, family)| *family)
}

pub(crate) fn authorised_by(path: &str) -> Authorised {
    if is_one_of(path, &OF_USERS) {
        Authorised::ByUser
    } else if is_one_of(path, &NO_TOKEN) && !is_one_of(path, &OF_COMPONENTS) {
        Authorised::Otherwise
    } else {
        Authorised::ByToken
    }
}

pub(crate) fn is_of_wecom(path: &str) -> bool {
    is_one_of(path, &OF_WECOM)
}

/// Whether errors of this API call themselves text, to this day.
pub(crate) fn fails_as_text(path: &str) -> bool {
    is_one_of(path, &["/cgi-bin/media/", "/cgi-bin/material/"])
}

fn is_one_of(path: &str, paths: &[&str]) -> bool {
    paths.iter().any(|one| path == *one || one.ends_with('/') && path.starts_with(one))
}
