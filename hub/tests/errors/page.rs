//! The page in its languages: people write it, but for the texts between its marks, which come from the catalogue.

use std::{fs, path::PathBuf};

use crate::{catalogue::Catalogue, source::root};

const PAGES: [&str; 2] = ["docs/errors.md", "docs/zh-CN/errors.md"];

/// Compares the pages with what was provoked, or rewrites them where `UPDATE_DOCS` is set. What is wrong with them.
pub(crate) fn check(catalogue: &Catalogue) -> Vec<String> {
    let update = std::env::var_os("UPDATE_DOCS").is_some();
    let mut wrong = Vec::new();
    for name in PAGES {
        let path: PathBuf = root().join(name);
        let present = fs::read_to_string(&path).unwrap_or_default();
        let (fresh, missing) = filled(&present, catalogue);
        let codes = catalogue.texts().filter_map(|text| errcode(&text.printed));
        wrong.extend(
            codes
                .filter(|code| !present.contains(&format!("| [{code}](#")))
                .map(|code| format!("{name}: the index lacks {code}")),
        );
        wrong.extend(missing.into_iter().map(|what| format!("{name}: {what}")));
        if fresh == present {
            continue;
        }
        if update {
            fs::write(&path, fresh).expect("the page can be written");
        } else {
            let differs = present.lines().zip(fresh.lines()).find(|(before, now)| before != now);
            let (before, now) = differs.unwrap_or(("its end", "its end"));
            wrong.push(format!("{name} has\n  {before}\nin place of\n  {now}\nUPDATE_DOCS=1 rewrites it"));
        }
    }
    wrong
}

/// The code in an error's text: `(errcode 40125`, or before what a hub says to an SDK. One that the crates have no words for
/// is in no index.
fn errcode(text: &str) -> Option<&str> {
    let of_hub = text.split_once(" wechat-hub: ").map(|(code, _)| code);
    let of_platform = || {
        let after = text.split_once("(errcode ").filter(|_| !text.contains("look its code up"))?.1;
        after.split([')', ',']).next()
    };
    of_hub.filter(|code| code.bytes().all(|byte| byte.is_ascii_digit())).or_else(of_platform)
}

/// The page with the texts of today between its marks; and the entries that one of the two lacks.
fn filled(page: &str, catalogue: &Catalogue) -> (String, Vec<String>) {
    const BEGIN: &str = "<!-- error: ";
    const END: &str = "<!-- end -->";
    let (mut filled, mut wrong, mut seen) = (String::new(), Vec::new(), Vec::new());
    let mut rest = page;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let Some((entry, after)) = after.split_once(" -->") else { break };
        let Some((_, after)) = after.split_once(END) else {
            wrong.push(format!("the entry {entry:?} has no end"));
            break;
        };
        filled.push_str(before);
        let text = catalogue.block(entry).unwrap_or_default();
        if text.is_empty() {
            wrong.push(format!("nothing provokes the entry {entry:?}"));
        }
        if seen.contains(&entry) {
            wrong.push(format!("the entry {entry:?} is there twice"));
        }
        seen.push(entry);
        filled.extend([BEGIN, entry, " -->\n\n```text\n", &text, "\n```\n\n", END]);
        rest = after;
    }
    filled.push_str(rest);
    let missing = catalogue.entries().filter(|entry| !seen.contains(entry));
    wrong.extend(missing.map(|entry| format!("there is no entry {entry:?}")));
    (filled, wrong)
}
