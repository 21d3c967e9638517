//! Tables of the documentation that are made from the code. Each stands between `<!-- begin NAME -->` and `<!-- end NAME -->`. A test
//! fails where the page says something else than the code; with `UPDATE_DOCS=1` it writes the page instead.

use std::{
    env,
    fs::File,
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// A file of the documentation with such tables in it.
#[derive(Clone, Copy)]
pub struct Page {
    /// From the repository's root.
    pub path: &'static str,
    /// What each line begins with, as `//! `.
    pub prefix: &'static str,
}

impl Page {
    pub const fn markdown(path: &'static str) -> Self {
        Self { path, prefix: "" }
    }

    pub const fn rustdoc(path: &'static str) -> Self {
        Self { path, prefix: "//! " }
    }

    /// Fails unless the table of this name has these rows, the head first; or sees to it.
    pub fn check(self, name: &str, rows: &[Vec<String>]) {
        let mut file = File::options().read(true).write(true).open(path(self.path)).unwrap();
        // Two tests may write two tables of one page.
        file.lock().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        let (before, there, after) = self.split(&text, name);
        let should = table(rows, self.prefix);
        if there == should {
            return;
        }
        assert!(
            env::var_os("UPDATE_DOCS").is_some(),
            "{}: the table {name:?} does not say what the code does; run this test with UPDATE_DOCS=1. It says:\n{there}\nand should \
             say:\n{should}",
            self.path
        );
        file.seek(SeekFrom::Start(0)).unwrap();
        file.set_len(0).unwrap();
        file.write_all(format!("{before}{should}{after}").as_bytes()).unwrap();
    }

    /// What stands before, within and behind the markers of a table.
    fn split<'t>(self, text: &'t str, name: &str) -> (&'t str, &'t str, &'t str) {
        let marker = |word: &str| format!("{}<!-- {word} {name} -->\n", self.prefix);
        // Markdown's tables have an empty line around them.
        let empty = format!("{}\n", self.prefix.trim_end());
        let (begin, end) = (marker("begin") + &empty, empty + &marker("end"));
        let missing = || panic!("{}: there is no {begin:?} with {end:?} behind it", self.path);
        let from = text.find(&begin).unwrap_or_else(missing) + begin.len();
        let to = from + text[from..].find(&end).unwrap_or_else(missing);
        (&text[..from], &text[from..to], &text[to..])
    }
}

/// A file of the repository, whichever of its packages is tested.
fn path(path: &str) -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = package.ancestors().find(|folder| folder.join("Cargo.lock").exists()).unwrap();
    root.join(path)
}

fn table(rows: &[Vec<String>], prefix: &str) -> String {
    let line = |cells: &Vec<String>| {
        let cells: Vec<_> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
        format!("{prefix}| {} |\n", cells.join(" | ")).replace("|  |", "| |")
    };
    let mut lines: Vec<_> = rows.iter().map(line).collect();
    lines.insert(1, format!("{prefix}|{}\n", "---|".repeat(rows[0].len())));
    lines.concat()
}

/// A text as code, whatever signs are in it.
pub fn code(text: &str) -> String {
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

pub fn codes<'a>(all: impl IntoIterator<Item = &'a str>) -> String {
    all.into_iter().map(code).collect::<Vec<_>>().join(", ")
}

// === languages ===

/// A text in English and in Chinese.
pub type Both = [&'static str; 2];

#[derive(Clone, Copy)]
pub enum Language {
    English,
    Chinese,
}

impl Language {
    pub fn of(self, both: Both) -> String {
        both[self as usize].to_owned()
    }

    /// An English text, in this language by these words.
    pub fn translate(self, words: &[Both], english: &str) -> String {
        let both = words.iter().find(|both| both[0] == english);
        self.of(*both.unwrap_or_else(|| panic!("there is no Chinese for {english:?}")))
    }

    pub fn head(self, words: &[Both], columns: &[&str]) -> Vec<String> {
        columns.iter().map(|column| self.translate(words, column)).collect()
    }
}

/// A label or a field, the values that it may have, and what they say.
pub type Name = (&'static str, &'static [&'static str], Both);

/// The table of labels and fields.
pub fn name_rows(language: Language, columns: &[Both], names: &[Name]) -> Vec<Vec<String>> {
    let rows = names.iter().map(|(name, values, meaning)| {
        vec![code(name), codes(values.iter().copied()), language.of(*meaning)]
    });
    [language.head(columns, &["label or field", "values", "says"])].into_iter().chain(rows).collect()
}
