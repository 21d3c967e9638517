//! Tokens where they do not belong.

use super::*;

#[tokio::test]
async fn an_unknown_token_on_a_path_of_wecom_is_40014() {
    let fake = FakeWeChat::start().await;
    for path in ["/cgi-bin/message/send", "/cgi-bin/externalcontact/list", "/cgi-bin/user/simplelist"] {
        let got = fake.get(&format!("{path}?access_token=unknown")).await;
        assert_eq!(got.errcode(), 40014, "{path}");
        assert_eq!(got.header("content-type"), "application/json; charset=UTF-8");
        let errmsg = got.json()["errmsg"].as_str().unwrap().to_owned();
        assert!(errmsg.starts_with("invalid access_token, hint: ["), "{errmsg}");
    }
    for path in ["/cgi-bin/message/custom/send", "/cgi-bin/user/info", "/cgi-bin/tags/get"] {
        assert_eq!(fake.get(&format!("{path}?access_token=unknown")).await.errcode(), 40001, "{path}");
    }
    let wecom = fake.wecom().await.text;
    assert_eq!(fake.get(&format!("/cgi-bin/message/send?access_token={wecom}")).await.errcode(), 0);
}

#[tokio::test]
async fn an_apps_token_is_no_other_kind_of_token() {
    let fake = FakeWeChat::start().await;
    let (app, corp) = (fake.stable().await.text, fake.wecom().await.text);
    for (parameter, errcode) in [
        ("access_token", 0),
        ("authorizer_access_token", 0),
        ("component_access_token", 40001),
        ("cloudbase_access_token", 40001),
        ("suite_access_token", 40082),
        ("provider_access_token", 40082),
        ("model_access_token", 40014),
        ("device_access_token", 40014),
    ] {
        for token in [&app, &corp] {
            let got = fake.get(&format!("/cgi-bin/x?{parameter}={token}")).await;
            assert_eq!(got.errcode(), errcode, "{parameter}");
        }
    }
    let path = "/cgi-bin/component/api_query_auth";
    fake.set_open_answer(path, Answer::json(r#"{"errcode":0}"#));
    assert_eq!(fake.get(&format!("{path}?component_access_token=mine")).await.errcode(), 0);
}

#[tokio::test]
async fn platforms_have_paths_below_sns() {
    let fake = FakeWeChat::start().await;
    for path in ["/sns/component/jscode2session", "/sns/oauth2/component/access_token"] {
        assert_eq!(fake.get(path).await.errcode(), 41001, "{path}");
        assert_eq!(fake.get(&format!("{path}?component_access_token=x")).await.errcode(), 40001, "{path}");
    }
}
