//! Uploads: with a file in them, and without.

use super::*;

const KIND: &str = "multipart/form-data; boundary=b0undary";
const UPLOADS: [&str; 3] =
    ["/cgi-bin/media/upload", "/cgi-bin/material/add_material", "/cgi-bin/media/uploadimg"];

fn form(content: &str) -> String {
    format!(
        "--b0undary\r\nContent-Disposition: form-data; name=\"media\"; filename=\"a.jpg\"\r\n\
         Content-Type: image/jpeg\r\n\r\n{content}\r\n--b0undary--\r\n"
    )
}

async fn upload(fake: &FakeWeChat, path: &str, kind: &'static str, body: impl Into<Bytes>) -> Got {
    let token = fake.stable().await.text;
    fake.post_as(&format!("{path}?type=voice&access_token={token}"), kind, body).await
}

#[tokio::test]
async fn an_upload_without_a_file_is_41005() {
    let fake = FakeWeChat::start().await;
    let text = "--b0undary\r\nContent-Disposition: form-data; name=\"media\"\r\n\r\ntext\r\n--b0undary--\r\n";
    for path in UPLOADS {
        for (kind, body) in [
            (KIND, ""),
            (KIND, "--b0undary--\r\n"),
            (KIND, text),
            (KIND, &form("")),
            ("image/jpeg", "picture"),
            ("multipart/form-data; boundary=another", &form("picture")),
        ] {
            let got = upload(&fake, path, kind, body.to_owned()).await;
            assert_eq!((got.status, got.errcode()), (StatusCode::OK, 41005), "{path} {kind} {body}");
            assert_eq!(got.header("content-type"), "text/plain", "{path}");
            let errmsg = got.json()["errmsg"].as_str().unwrap().to_owned();
            assert!(errmsg.starts_with("media data missing rid: "), "{errmsg}");
        }
    }
    assert!(fake.seen().iter().all(|seen| seen.errcode == Some(41005)));
}

#[tokio::test]
async fn an_upload_with_a_file_is_answered_as_its_api_does() {
    let fake = FakeWeChat::start().await;
    let body = form(&"picture".repeat(300_000));
    let got = upload(&fake, UPLOADS[0], KIND, body.clone()).await;
    let seen = fake.seen().pop().unwrap();
    assert_eq!((seen.body_len, seen.body.len()), (body.len() as u64, 1024 * 1024));
    let answer = got.json();
    assert_eq!(
        (answer["type"].as_str(), answer["media_id"].as_str()),
        (Some("voice"), Some(&*seen.body_sha256))
    );
    assert!(answer["created_at"].is_u64());
    assert_eq!(got.header("content-type"), "text/plain");

    let answer = upload(&fake, UPLOADS[1], KIND, form("picture")).await.json();
    assert_eq!(answer["media_id"].as_str(), Some(&*fake.seen().pop().unwrap().body_sha256));
    assert!(answer["url"].as_str().unwrap().starts_with("http://mmbiz.qpic.cn/"), "{answer}");

    let got = upload(&fake, UPLOADS[2], KIND, form("picture")).await;
    assert_eq!(got.header("content-type"), "text/plain");
    let answer = got.json();
    assert!(answer["url"].as_str().unwrap().starts_with("http://mmbiz.qpic.cn/"), "{answer}");
    assert_eq!(answer.as_object().unwrap().len(), 1, "{answer}");
}

#[tokio::test]
async fn a_bad_token_goes_before_a_missing_file() {
    let fake = FakeWeChat::start().await;
    for path in UPLOADS {
        let got = fake.post(&format!("{path}?access_token=80_unknown"), "").await;
        assert_eq!((got.header("content-type"), got.errcode()), ("text/plain", 40001), "{path}");
    }
}

#[tokio::test]
async fn errors_of_media_and_material_are_text_whatever_their_cause() {
    let fake = FakeWeChat::start().await;
    let token = fake.stable().await.text;
    for path in ["/cgi-bin/material/batchget_material", "/cgi-bin/media/get"] {
        let got = fake.get(&format!("{path}?access_token=80_unknown")).await;
        assert_eq!((got.header("content-type"), got.errcode()), ("text/plain", 40001), "{path}");
        fake.fail_next_apis(1, Fault::Errcode(45009));
        let got = fake.get(&format!("{path}?access_token={token}")).await;
        assert_eq!((got.header("content-type"), got.errcode()), ("text/plain", 45009), "{path}");
    }
    let got = fake.get("/cgi-bin/materials?access_token=80_unknown").await;
    assert_eq!(got.header("content-type"), "application/json; encoding=utf-8");
}

#[tokio::test]
async fn what_was_uploaded_comes_back_byte_for_byte() {
    let fake = FakeWeChat::start().await;
    let mut ids = Vec::new();
    for number in 0..17 {
        let got =
            upload(&fake, "/cgi-bin/media/upload", KIND, form(&format!("picture\r\n\0 {number}"))).await;
        ids.push(got.json()["media_id"].as_str().unwrap().to_owned());
    }
    let token = fake.stable().await.text;
    let download = async |id: &str| {
        fake.get(&format!("/cgi-bin/media/get?media_id={id}&access_token={token}")).await.body
    };
    assert_eq!(download(&ids[16]).await, "picture\r\n\0 16");
    assert_eq!(download(&ids[1]).await, "picture\r\n\0 1");
    assert_eq!(download(&ids[0]).await.len(), 65536, "it is one of the last 16 no more");
}
