//! [`Catalogue`]: the texts that were provoked, each under the entry of the page that it belongs to.

use std::{collections::BTreeMap, fmt::Display};

/// What the page shows for each of its entries.
#[derive(Default)]
pub(crate) struct Catalogue {
    entries: BTreeMap<&'static str, Vec<Text>>,
}

pub(crate) struct Text {
    /// As it was printed.
    pub(crate) printed: String,
    /// What was copied from the source, since it cannot be provoked at will.
    pub(crate) quoted: Option<String>,
}

impl Catalogue {
    /// An error that has just happened.
    pub(crate) fn add(&mut self, entry: &'static str, error: impl Display) {
        self.push(entry, error.to_string(), None);
    }

    /// One that no test can bring about: `_why` says what it would take. `before` is what stands before it where it is printed.
    pub(crate) fn quote(&mut self, entry: &'static str, before: &str, text: &str, _why: &str) {
        self.push(entry, format!("{before}{text}"), Some(text.to_owned()));
    }

    pub(crate) fn extend(&mut self, other: Self) {
        for (entry, mut texts) in other.entries {
            self.entries.entry(entry).or_default().append(&mut texts);
        }
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &'static str> {
        self.entries.keys().copied()
    }

    pub(crate) fn texts(&self) -> impl Iterator<Item = &Text> {
        self.entries.values().flatten()
    }

    /// What stands in the page's block: a text a line, the same on every machine and at every time.
    pub(crate) fn block(&self, entry: &str) -> Option<String> {
        let texts = self.entries.get(entry)?;
        let mut lines: Vec<String> = Vec::new();
        for text in texts {
            let line = steady(&text.printed);
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        Some(lines.join("\n"))
    }

    fn push(&mut self, entry: &'static str, printed: String, quoted: Option<String>) {
        self.entries.entry(entry).or_default().push(Text { printed, quoted });
    }
}

/// The text without what is another at each run: ports, folders of the test, times, marks of a request.
fn steady(text: &str) -> String {
    let text = folders(text);
    let text = ports(&text);
    let text = after(&text, "left alone for ", "5.0", |c| c.is_ascii_digit() || c == '.');
    let text = after(&text, ", rid ", "654df33c-64386a2f-29857782", |c| c.is_ascii_hexdigit() || c == '-');
    let text = after(&text, ", hint ", "1692099979531331300516404", |c| c.is_ascii_digit());
    let text = after(&text, ": process ", "4242", |c| c.is_ascii_digit());
    text.replace(['\n', '\r'], " ")
}

/// A folder of a test's own is shown under a name that says what it is.
fn folders(text: &str) -> String {
    let temporary = std::env::temp_dir();
    let begin = format!("{}/hub-", temporary.display());
    let (mut shown, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once(&begin) {
        shown.push_str(before);
        shown.push_str("/etc/wechat-hub");
        rest = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-');
    }
    shown + rest
}

/// Ports that the system has chosen have five digits.
fn ports(text: &str) -> String {
    let (mut shown, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("127.0.0.1:") {
        let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let port = if end == 5 { "PORT" } else { &after[..end] };
        shown.extend([before, "127.0.0.1:", port]);
        rest = &after[end..];
    }
    shown + rest
}

/// Puts `shown` in place of what comes after `begin`, as long as it is of these characters.
fn after(text: &str, begin: &str, shown: &str, of: impl Fn(char) -> bool) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, behind)) = rest.split_once(begin) {
        out.push_str(before);
        out.push_str(begin);
        let end = behind.find(|c| !of(c)).unwrap_or(behind.len());
        if end > 0 {
            out.push_str(shown);
        }
        rest = &behind[end..];
    }
    out + rest
}
