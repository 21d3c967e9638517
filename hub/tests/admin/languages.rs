//! English and Chinese.

use super::scene::{Scene, ask};

#[tokio::test]
async fn the_page_is_in_the_language_that_the_browser_prefers() {
    let scene = Scene::new(|builder| builder).await;
    let admin = scene.hub.serve_admin("127.0.0.1:0").unwrap();
    for (header, tag, text) in [
        ("", "en", "Held back"),
        ("accept-language: zh-CN,zh;q=0.9,en;q=0.8\r\n", "zh-CN", "暂停获取"),
        ("accept-language: en,zh;q=0.9\r\n", "en", "Held back"),
        ("accept-language: zh;q=0.2\r\naccept-language: en;q=0.1\r\n", "zh-CN", "暂停获取"),
    ] {
        let page = ask(&admin, "GET", "/", header).await;
        assert_eq!(page.header("content-language"), Some(tag));
        assert_eq!(page.header("vary"), Some("accept-language"));
        assert!(
            page.body.contains(&format!("<html lang=\"{tag}\">")) && page.body.contains(text),
            "{header}"
        );
    }
    let english = ask(&admin, "GET", "/", "").await.body;
    // An error's text names pages of the platform's consoles, which have Chinese names only.
    let mut parts = english.split("<p class=\"text\">");
    let begin = parts.next().unwrap_or_default();
    let rest = parts.map(|part| part.split_once("</p>").map_or(part, |(_, rest)| rest));
    let without = std::iter::once(begin).chain(rest).collect::<String>().replace("报表", "");
    assert!(without.is_ascii() || !without.chars().any(|c| ('\u{4e00}'..'\u{a000}').contains(&c)));
}
