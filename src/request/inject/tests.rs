use proptest::{collection::vec, prelude::*, sample::select};
use url::Url;

use super::*;
use crate::request::own_credential;

const TOKEN: &str = "75_sentinel-Token_0";

fn uri(text: &str) -> Uri {
    text.parse().unwrap()
}

fn injected(text: &str) -> String {
    inject(&uri(text), "access_token", "T").unwrap().to_string()
}

#[test]
fn the_token_comes_last_and_everything_else_stays_as_it_is() {
    for (before, after) in [
        ("https://h", "https://h/?access_token=T"),
        ("https://h/", "https://h/?access_token=T"),
        ("https://h?x=1", "https://h/?x=1&access_token=T"),
        ("https://h/?", "https://h/?access_token=T"),
        ("https://h?", "https://h/?access_token=T"),
        ("https://h/a?x=1&", "https://h/a?x=1&access_token=T"),
        ("https://h/a?&&x", "https://h/a?&&x&access_token=T"),
        ("https://h/a?b=2&a=%2f%2F+&a=1&=", "https://h/a?b=2&a=%2f%2F+&a=1&=&access_token=T"),
        ("https://h/a?u=https://x/?y&s=a/b", "https://h/a?u=https://x/?y&s=a/b&access_token=T"),
        ("https://h/a?a=access_token=1", "https://h/a?a=access_token=1&access_token=T"),
        ("https://h/a#fragment", "https://h/a?access_token=T"),
        ("https://u:p@[::1]:8443//a/../b;c?x", "https://u:p@[::1]:8443//a/../b;c?x&access_token=T"),
        ("http://127.0.0.1:80/图?名=字", "http://127.0.0.1:80/图?名=字&access_token=T"),
        ("other://h/a", "other://h/a?access_token=T"),
    ] {
        assert_eq!(injected(before), after);
    }
}

#[test]
fn what_has_no_place_for_a_token_is_an_error() {
    let star = Uri::builder().scheme("https").authority("h").path_and_query("*").build().unwrap();
    for uri in [uri("*"), uri("h:443"), uri("h"), uri("/cgi-bin/x?y=1"), star] {
        let error = inject(&uri, "access_token", TOKEN).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Uri);
        assert!(error.to_string().contains("path"), "it says what is missing");
        assert!(!format!("{error} {error:?}").contains("sentinel"));
    }
}

#[test]
fn a_token_that_is_not_encoded_never_goes_out_cut_off() {
    for token in ["75_sentinel#rest", "75_sentinel rest", "75_sentinel\n", "\"75_sentinel"] {
        let error = inject(&uri("https://h/a"), "access_token", token).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Uri);
        assert!(!format!("{error} {error:?}").contains("sentinel"));
    }
}

#[test]
fn the_limit_counts_the_whole_uri() {
    let added = "?access_token=".len() + TOKEN.len();
    let room = MAX_LEN - "https://h/".len() - added;
    let longest = uri(&format!("https://h/{}", "a".repeat(room)));
    let whole = inject(&longest, "access_token", TOKEN).unwrap();
    assert_eq!(whole.to_string().len(), MAX_LEN);
    assert_eq!(whole.query(), Some("access_token=75_sentinel-Token_0"));
    assert_eq!(uri(&whole.to_string()), whole, "http takes it as a whole too");

    for path in room + 1..=MAX_LEN - "https://h/".len() {
        let uri = uri(&format!("https://h/{}", "a".repeat(path)));
        let error = inject(&uri, "access_token", TOKEN).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Uri);
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("sentinel") && !shown.contains("https://h/"));
    }
}

#[test]
fn a_path_that_is_itself_at_the_limit_is_an_error() {
    // In parts a URI may be longer than http's own parser allows.
    for path in MAX_LEN - 20..=MAX_LEN {
        let Ok(uri) = Uri::builder()
            .scheme("https")
            .authority("h")
            .path_and_query(format!("/{}", "a".repeat(path - 1)))
            .build()
        else {
            continue;
        };
        let error = inject(&uri, "access_token", TOKEN).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Uri);
    }
    let error = inject(&uri("https://h/"), "access_token", &"a".repeat(70_000)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Uri);
}

fn query() -> impl Strategy<Value = Option<String>> {
    let piece = select(vec![
        "&",
        "&",
        "=",
        "a",
        "access_token",
        "access%5Ftoken",
        "access_token=",
        "%2f",
        "%E5%9B%BE",
        "+",
        "/",
        "?",
        ";",
        "%",
        "图",
        "signature",
        ".",
        "~",
        "{",
        "|",
    ]);
    proptest::option::of(vec(piece, 0..12).prop_map(|pieces| pieces.concat()))
}

proptest! {
    #[test]
    fn url_reads_the_same_pairs_and_ours(path in "(/[a-z0-9%._~!$'()*,;:@-]{0,8}){0,4}", query in query()) {
        let before = match &query {
            Some(query) => format!("https://api.weixin.qq.com:8443{path}?{query}"),
            None => format!("https://api.weixin.qq.com:8443{path}"),
        };
        let original = uri(&before);
        let result = inject(&original, "access_token", "a%2Bb%26%3D").unwrap();
        let after = result.to_string();

        let (before, after) = (Url::parse(&before).unwrap(), Url::parse(&after).unwrap());
        let mut expected: Vec<_> = before.query_pairs().into_owned().collect();
        let ours = expected.iter().any(|(key, _)| key.ends_with("access_token"));
        let found = |uri: &Uri| uri.query().is_some_and(|query| own_credential(query, "access_token").is_some());
        prop_assert_eq!(found(&original), ours);
        prop_assert!(found(&result));
        expected.push(("access_token".to_owned(), "a+b&=".to_owned()));
        prop_assert_eq!(after.query_pairs().into_owned().collect::<Vec<_>>(), expected);
        prop_assert!(result.query().unwrap().starts_with(original.query().unwrap_or_default()), "raw");
        prop_assert_eq!(original.path(), result.path());
        prop_assert_eq!(before.path(), after.path());
        prop_assert_eq!(before.origin(), after.origin());
        prop_assert_eq!(after.fragment(), None);
    }
}
