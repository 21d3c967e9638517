//! The wording of error codes.

/// WeChat's wording of its codes, as far as it is known.
pub(crate) fn errmsg(errcode: i64, is_wecom: bool) -> &'static str {
    match errcode {
        -1 => "system error",
        40001 if is_wecom => "invalid credential",
        40001 => {
            "invalid credential, access_token is invalid or not latest, could get access_token by \
             getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r"
        }
        40002 => "invalid grant_type",
        40003 => "invalid openid",
        40013 if is_wecom => "invalid corpid",
        40013 => "invalid appid",
        40014 => "invalid access_token",
        40029 => "invalid code",
        40030 => "invalid refresh_token",
        // The spelling is theirs.
        40082 => "invalid suite_acccess_token or provider_access_token",
        40125 => "invalid appsecret",
        40163 => "code been used",
        40164 => "invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist",
        40243 => "AppSecret has been frozen",
        41001 => "access_token missing",
        41002 if is_wecom => "corpid missing",
        41002 => "appid missing",
        41004 if is_wecom => "corpsecret missing",
        41004 => "appsecret missing",
        41005 => "media data missing",
        41008 => "missing code",
        42001 => "access_token expired",
        43001 => "require GET method",
        43002 => "require POST method",
        45009 => "reach max api daily quota limit",
        45011 => "api minute-quota reach limit, must slower, retry next minute",
        47001 => "data format error",
        48001 => "api unauthorized",
        48006 => "forbid to clear quota because of reaching the limit",
        50004 => "no permission to call this api",
        50007 => "account frozen",
        60020 => "not allow to access from your ip",
        61024 => "must use api(api_component_token) to get token for component acct",
        89503 => "this call needs the confirmation of an administrator",
        _ => "error",
    }
}
