//! The fields that SDKs read in the answers of common APIs.

use super::*;

async fn get(fake: &FakeWeChat, path: &str) -> Value {
    let token = fake.stable().await.text;
    fake.get(&format!("{path}access_token={token}")).await.json()
}

async fn post(fake: &FakeWeChat, path: &str, body: &Value) -> Value {
    let token = fake.stable().await.text;
    fake.post(&format!("{path}?access_token={token}"), body.to_string()).await.json()
}

#[tokio::test]
async fn a_user_is_described() {
    let fake = FakeWeChat::start().await;
    let user = get(&fake, "/cgi-bin/user/info?lang=zh_CN&openid=oABC&").await;
    assert_eq!((user["openid"].as_str(), user["subscribe"].as_i64()), (Some("oABC"), Some(1)));
    assert_eq!(user["language"], "zh_CN");
    for key in ["nickname", "headimgurl", "remark", "unionid", "subscribe_scene", "qr_scene_str"] {
        assert!(user[key].is_string(), "{key} in {user}");
    }
    for key in ["sex", "subscribe_time", "groupid", "qr_scene"] {
        assert!(user[key].is_u64(), "{key} in {user}");
    }
    assert!(user["tagid_list"].is_array() && user.get("errcode").is_none(), "{user}");
    assert_eq!(get(&fake, "/cgi-bin/user/info?").await["errcode"], 40003);
}

#[tokio::test]
async fn followers_are_listed_and_the_list_ends() {
    let fake = FakeWeChat::start().await;
    let list = get(&fake, "/cgi-bin/user/get?next_openid=&").await;
    let ids = list["data"]["openid"].as_array().unwrap();
    assert_eq!((list["total"].as_u64(), list["count"].as_u64(), ids.len()), (Some(3), Some(3), 3));
    assert!(ids.iter().all(|id| id.as_str().unwrap().len() == 28), "{list}");
    assert_eq!(list["next_openid"], ids[2]);
    assert_eq!(get(&fake, "/cgi-bin/user/get?").await, list);

    let rest = get(&fake, &format!("/cgi-bin/user/get?next_openid={}&", ids[0].as_str().unwrap())).await;
    assert_eq!((&rest["count"], &rest["data"]["openid"]), (&json!(2), &json!(ids[1..])));
    let end = get(&fake, &format!("/cgi-bin/user/get?next_openid={}&", ids[2].as_str().unwrap())).await;
    assert_eq!(end, json!({ "total": 3, "count": 0, "next_openid": "" }));
}

#[tokio::test]
async fn qr_codes_have_a_ticket_and_a_life() {
    let fake = FakeWeChat::start().await;
    let path = "/cgi-bin/qrcode/create";
    let code = post(&fake, path, &json!({ "expire_seconds": 600, "action_name": "QR_SCENE" })).await;
    assert!(!code["ticket"].as_str().unwrap().is_empty());
    assert!(code["url"].as_str().unwrap().starts_with("http://weixin.qq.com/q/"), "{code}");
    assert_eq!(code["expire_seconds"], 600);
    let code = post(&fake, path, &json!({ "action_name": "QR_STR_SCENE" })).await;
    assert_eq!(code["expire_seconds"], 60);
    let code = post(&fake, path, &json!({ "action_name": "QR_LIMIT_SCENE" })).await;
    assert!(code["ticket"].is_string() && code.get("expire_seconds").is_none(), "{code}");
    assert_eq!(post(&fake, path, &json!("no object")).await["errcode"], 47001);
}

#[tokio::test]
async fn tickets_stay_as_long_as_they_live_and_do_not_count_down() {
    let fake = FakeWeChat::start().await;
    let first = get(&fake, "/cgi-bin/ticket/getticket?type=jsapi&").await;
    assert_eq!((&first["errcode"], &first["errmsg"]), (&json!(0), &json!("ok")));
    assert_eq!(first["expires_in"], 7200);
    let text = first["ticket"].as_str().unwrap();
    assert!(!text.is_empty());
    fake.advance(secs(7000));
    assert_eq!(get(&fake, "/cgi-bin/ticket/getticket?type=jsapi&").await, first);
    assert_ne!(get(&fake, "/cgi-bin/ticket/getticket?type=wx_card&").await["ticket"], first["ticket"]);
    fake.advance(secs(200));
    assert_ne!(get(&fake, "/cgi-bin/ticket/getticket?type=jsapi&").await["ticket"], first["ticket"]);

    let token = fake.wecom().await.text;
    let corps = fake.get(&format!("/cgi-bin/get_jsapi_ticket?access_token={token}")).await.json();
    assert_eq!((&corps["errcode"], &corps["expires_in"]), (&json!(0), &json!(7200)));
    assert!(corps["ticket"].is_string());
}
