//! Parts of downloads.

use super::*;

async fn part(fake: &FakeWeChat, range: &'static str) -> Got {
    let token = fake.stable().await.text;
    let path = format!("/cgi-bin/media/get?media_id=1&size=1000&access_token={token}");
    fake.get_with(&path, header::RANGE, range).await
}

#[tokio::test]
async fn a_range_of_a_download_is_206() {
    let fake = FakeWeChat::start().await;
    for (range, first, last) in [
        ("bytes=0-0", 0, 0),
        ("bytes=100-299", 100, 299),
        ("bytes=700-", 700, 999),
        ("bytes=-10", 990, 999),
        ("bytes=0-5000", 0, 999),
    ] {
        let got = part(&fake, range).await;
        assert_eq!(got.status, StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(got.header("content-range"), format!("bytes {first}-{last}/1000"));
        assert_eq!(got.header("content-type"), "image/jpeg");
        assert_eq!(got.header("content-disposition"), "attachment; filename=\"MEDIA_ID.jpg\"");
        let bytes: Vec<u8> = (first..=last).map(media_byte).collect();
        assert_eq!(
            (got.header("content-length"), &got.body),
            (&*bytes.len().to_string(), &Bytes::from(bytes))
        );
    }
    assert_eq!(fake.seen()[0].status, Some(StatusCode::PARTIAL_CONTENT));
}

#[tokio::test]
async fn the_end_of_the_largest_download_is_there() {
    let fake = FakeWeChat::start().await;
    let token = fake.stable().await.text;
    let path = format!("/cgi-bin/media/get?size={}&access_token={token}", u64::MAX);
    let got = fake.get_with(&path, header::RANGE, "bytes=-3").await;
    assert_eq!(
        got.header("content-range"),
        "bytes 18446744073709551612-18446744073709551614/18446744073709551615"
    );
    assert_eq!(got.body.len(), 3);
}

#[tokio::test]
async fn a_range_beyond_the_end_is_416() {
    let fake = FakeWeChat::start().await;
    let got = part(&fake, "bytes=1000-").await;
    assert_eq!((got.status, got.body.len()), (StatusCode::RANGE_NOT_SATISFIABLE, 0));
    assert_eq!(got.header("content-range"), "bytes */1000");
}

#[tokio::test]
async fn other_ranges_and_bad_tokens_are_answered_as_without_one() {
    let fake = FakeWeChat::start().await;
    for range in ["bytes=0-1,5-6", "pages=1-2", "bytes=5-2"] {
        let got = part(&fake, range).await;
        assert_eq!((got.status, got.body.len()), (StatusCode::OK, 1000), "{range}");
        assert_eq!(got.header("content-range"), "");
    }
    let path = "/cgi-bin/media/get?access_token=80_unknown";
    let got = fake.get_with(path, header::RANGE, "bytes=0-0").await;
    assert_eq!((got.status, got.errcode()), (StatusCode::OK, 40001));
}
