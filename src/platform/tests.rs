use super::*;

fn scope(platform: &Platform, uri: &str) -> Result<(), OutOfScope> {
    platform.scope(&uri.parse().unwrap(), &[])
}

#[test]
fn the_hosts_of_all_families_are_origins() {
    for (platform, family) in [
        (Platform::wechat(), families::WECHAT),
        (Platform::wecom(), families::WECOM),
        (Platform::component(), families::COMPONENT),
        (Platform::suite(), families::SUITE),
        (Platform::provider(), families::PROVIDER),
    ] {
        assert_eq!(platform.0.origins.len(), family.hosts.len());
        assert!(platform.0.paths.iter().all(|rule| normal(&rule.path) == rule.path));
    }
}

#[test]
fn only_its_own_hosts_over_https_are_in_scope() {
    let platform = Platform::wechat();
    for inside in [
        "https://api.weixin.qq.com/cgi-bin/x",
        "https://API.weixin.qq.com:443/",
        "https://api.weixin.qq.com:/",
        "https://hk.api.weixin.qq.com/x?y=1",
        "https://user@api.weixin.qq.com/",
    ] {
        assert_eq!(scope(&platform, inside), Ok(()), "{inside}");
    }
    for (outside, why) in [
        ("http://api.weixin.qq.com/", OutOfScope::OtherOrigin),
        ("https://api.weixin.qq.com:8443/", OutOfScope::OtherOrigin),
        ("https://api.weixin.qq.com:99999/", OutOfScope::NotAbsolute),
        ("https://api.weixin.qq.com.evil.example/", OutOfScope::OtherHost),
        ("https://api.weixin.qq.com@evil.example/", OutOfScope::OtherHost),
        ("https://mp.weixin.qq.com/cgi-bin/showqrcode", OutOfScope::OtherHost),
        ("https://api.weixin.qq.com./", OutOfScope::OtherHost),
        ("ftp://api.weixin.qq.com/", OutOfScope::NotAbsolute),
        ("/cgi-bin/x", OutOfScope::NotAbsolute),
        ("api.weixin.qq.com:443", OutOfScope::NotAbsolute),
        ("*", OutOfScope::NotAbsolute),
    ] {
        assert_eq!(scope(&platform, outside), Err(why), "{outside}");
    }
}

#[test]
fn exempt_paths_are_exempt_in_every_spelling_and_behind_a_prefix() {
    let platform = Platform::wechat().with_origin("https://proxy.example/wx/").unwrap();
    for path in [
        "/cgi-bin/token",
        "/cgi-bin/token?a=1",
        "/cgi-bin/stable_token/",
        "//cgi-bin/stable_token",
        "/cgi-bin/./stable_token",
        "/cgi-bin/x/../stable_token",
        "/cgi-bin/%73table_token",
        "/cgi-bin%2fstable_token",
        "/CGI-BIN/Stable_Token",
        "/sns/userinfo",
        "//sns/auth",
        "/SNS/auth",
        "/%53ns/auth",
        "/sns/component/jscode2session",
    ] {
        for base in ["https://api.weixin.qq.com", "https://proxy.example/wx", "https://proxy.example//%77x"] {
            let uri = format!("{base}{path}");
            assert_eq!(scope(&platform, &uri), Err(OutOfScope::ExemptPath), "{uri}");
        }
    }
    for open in [
        "https://api.weixin.qq.com/cgi-bin/token2",
        "https://api.weixin.qq.com/snsx/userinfo",
        "https://api.weixin.qq.com/cgi-bin/clear_quota",
        "https://proxy.example/wx/cgi-bin/message/custom/send",
    ] {
        assert_eq!(scope(&platform, open), Ok(()), "{open}");
    }
}

#[test]
fn a_prefix_bounds_the_scope() {
    let platform = Platform::wechat().with_origin("https://gw.example/wechat").unwrap();
    for inside in
        ["/wechat", "/wechat/", "/wechat/cgi-bin/x", "/x/../wechat/cgi-bin/x", "/%77echat/cgi-bin/x"]
    {
        assert_eq!(scope(&platform, &format!("https://gw.example{inside}")), Ok(()), "{inside}");
    }
    for outside in [
        "/",
        "/hr/salaries",
        "/wechatty/cgi-bin/x",
        "/WECHAT/cgi-bin/x",
        "/wechat/../hr/salaries",
        "/wechat/%2e%2e/hr/salaries",
        "/wechat/..%2fhr/salaries",
        "/wechat/x/..\\../hr/salaries",
    ] {
        let uri = format!("https://gw.example{outside}");
        assert_eq!(scope(&platform, &uri), Err(OutOfScope::OutsidePrefix), "{uri}");
    }
}

#[test]
fn an_allowed_origin_has_the_same_exemptions() {
    let allowed =
        [Origin::parse("https://gw.example/wechat").unwrap(), Origin::parse("https://gw.example").unwrap()];
    let scope = |uri: &str| Platform::wechat().scope(&uri.parse().unwrap(), &allowed);
    assert_eq!(scope("https://gw.example/wechat/cgi-bin/token"), Err(OutOfScope::ExemptPath));
    assert_eq!(scope("https://gw.example/cgi-bin/token"), Err(OutOfScope::ExemptPath));
    assert_eq!(scope("https://gw.example/cgi-bin/user/get"), Ok(()));
}

#[test]
fn each_family_has_its_own_parameter_paths_and_codes() {
    let component = Platform::component();
    assert_eq!(component.parameter(), "component_access_token");
    for open in [
        "/sns/component/jscode2session",
        "/sns/oauth2/component/access_token",
        "/sns/oauth2/component/refresh_token",
        "/cgi-bin/component/api_query_auth",
    ] {
        assert_eq!(scope(&component, &format!("https://api.weixin.qq.com{open}")), Ok(()), "{open}");
    }
    for exempt in
        ["/sns/jscode2session", "/sns/userinfo", "/cgi-bin/component/api_component_token", "/cgi-bin/token"]
    {
        let uri = format!("https://api.weixin.qq.com{exempt}");
        assert_eq!(scope(&component, &uri), Err(OutOfScope::ExemptPath), "{exempt}");
    }
    for (platform, parameter) in
        [(Platform::suite(), "suite_access_token"), (Platform::provider(), "provider_access_token")]
    {
        assert_eq!(platform.parameter(), parameter);
        assert_eq!(platform.rejection_codes(), [40014, 40082, 42001, 42009]);
        assert_eq!(scope(&platform, "https://qyapi.weixin.qq.com/cgi-bin/service/get_corp_token"), Ok(()));
        assert!(scope(&platform, "https://qyapi.weixin.qq.com/cgi-bin/service/get_suite_token").is_err());
        assert!(scope(&platform, "https://api.weixin.qq.com/cgi-bin/user/get").is_err());
    }
}

#[test]
fn a_family_keeps_its_name_whatever_is_changed_of_it() {
    let families = [
        (Platform::wechat(), "wechat"),
        (Platform::wecom(), "wecom"),
        (Platform::component(), "component"),
        (Platform::suite(), "suite"),
        (Platform::provider(), "provider"),
    ];
    for (platform, name) in families {
        assert_eq!(platform.name(), name);
        let changed = platform.with_parameter("t").with_rejection_codes([1]).with_exempt_path("/x");
        assert_eq!(changed.name(), name);
    }
}

#[test]
fn an_exemption_can_be_lifted_and_the_longest_path_holds() {
    let uri = "https://api.weixin.qq.com/sns/component/jscode2session";
    let lifted = Platform::wechat().without_exempt_path("/sns//component/");
    assert_eq!(scope(&lifted, uri), Ok(()));
    assert!(scope(&lifted, "https://api.weixin.qq.com/sns/userinfo").is_err());
    assert!(scope(&lifted.clone().with_exempt_path("/sns/component/jscode2session"), uri).is_err());
    assert!(
        scope(&lifted.with_exempt_path("/SNS/component/"), uri).is_err(),
        "the last word on one path holds"
    );
    let all = Platform::wechat().without_exempt_path("/sns/");
    assert_eq!(scope(&all, "https://api.weixin.qq.com/sns/userinfo"), Ok(()));
}
