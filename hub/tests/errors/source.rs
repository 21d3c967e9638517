//! Reads the messages out of the crates' sources: every string in code that is no test's, with a space in it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// A string in the source.
pub(crate) struct Literal {
    /// The file, from the repository's root.
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) text: String,
    /// The macro that it stands in, if it does: `format`, `tracing::info`.
    pub(crate) within: Option<String>,
}

impl Literal {
    /// What stands in the message whatever is put into its `{}`. A bare word between two of them tells nothing.
    pub(crate) fn fixed(&self) -> Vec<&str> {
        let (mut parts, mut rest) = (Vec::new(), &*self.text);
        while let Some((before, after)) = rest.split_once('{') {
            parts.push(before);
            rest = after.split_once('}').map_or("", |(_, after)| after);
        }
        parts.push(rest);
        parts.retain(|part| part.trim().len() > 1);
        parts
    }

    /// Whether this text may have been made of it.
    pub(crate) fn made(&self, text: &str) -> bool {
        let mut rest = text;
        self.fixed().iter().all(|part| {
            rest.split_once(part).is_some_and(|(_, after)| {
                rest = after;
                true
            })
        })
    }
}

impl Literal {
    /// Whether the text is the whole of it, with something in place of each `{}`.
    pub(crate) fn is_whole(&self, text: &str) -> bool {
        let fixed = self.fixed();
        let (Some(first), Some(last)) = (fixed.first(), fixed.last()) else { return false };
        self.made(text)
            && (self.text.starts_with('{') || text.starts_with(first))
            && (self.text.ends_with('}') || text.ends_with(last))
    }
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All of them.
pub(crate) fn literals() -> Vec<Literal> {
    let mut found = Vec::new();
    for folder in ["src", "hub/src"] {
        read_folder(&root(), Path::new(folder), &mut found);
    }
    found
}

fn read_folder(root: &Path, folder: &Path, found: &mut Vec<Literal>) {
    let entries = fs::read_dir(root.join(folder)).expect("the sources are there");
    let mut names: Vec<_> = entries.map(|entry| entry.expect("readable").file_name()).collect();
    names.sort();
    for name in names {
        let path = folder.join(&name);
        if root.join(&path).is_dir() {
            read_folder(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !is_of_tests(&path) {
            let source = fs::read_to_string(root.join(&path)).expect("text");
            let tokens = source.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            walk(tokens, path.to_str().expect("a plain name"), None, found);
        }
    }
}

/// Whole files that are `#[cfg(test)]` or of feature `testing`, as their names say.
fn is_of_tests(path: &Path) -> bool {
    const TESTS: [&str; 6] =
        ["tests", "tests.rs", "testing", "over_sockets", "policy_model.rs", "fuzzing.rs"];
    path.iter().any(|part| TESTS.iter().any(|tests| part == *tests))
}

fn walk(tokens: TokenStream, file: &str, within: Option<&str>, found: &mut Vec<Literal>) {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while let Some(tree) = trees.get(at) {
        at += 1;
        match tree {
            // Attributes, comments of documentation among them; and what is there for tests alone.
            TokenTree::Punct(hash) if hash.as_char() == '#' => {
                let inner = matches!(trees.get(at), Some(TokenTree::Punct(bang)) if bang.as_char() == '!');
                at += usize::from(inner);
                if let Some(TokenTree::Group(attribute)) = trees.get(at) {
                    at += 1;
                    if is_cfg_test(attribute) {
                        at += item(&trees[at..]);
                    }
                }
            }
            TokenTree::Group(group) => {
                let name = name_of_macro(&trees[..at - 1]);
                walk(group.stream(), file, name.as_deref().or(within), found);
            }
            TokenTree::Literal(literal) => {
                let Ok(string) = syn::parse_str::<syn::LitStr>(&literal.to_string()) else { continue };
                let text = string.value();
                if text.trim().contains(' ') {
                    let line = literal.span().start().line;
                    let (file, within) = (file.to_owned(), within.map(str::to_owned));
                    found.push(Literal { file, line, text, within });
                }
            }
            _ => {}
        }
    }
}

fn is_cfg_test(attribute: &Group) -> bool {
    let text = attribute.stream().to_string().replace(' ', "");
    text == "cfg(test)" || text == "cfg(fuzzing)" || text.starts_with("cfg(all(test")
}

/// How many of these trees the item has that comes first: to its `;` or the end of its braces.
fn item(trees: &[TokenTree]) -> usize {
    let ends = |tree: &TokenTree| match tree {
        TokenTree::Punct(punct) => punct.as_char() == ';',
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        _ => false,
    };
    trees.iter().position(ends).map_or(trees.len(), |end| end + 1)
}

/// `tracing::info`, where these trees end with `tracing::info!`.
fn name_of_macro(before: &[TokenTree]) -> Option<String> {
    let (TokenTree::Punct(bang), path) = before.split_last()? else { return None };
    if bang.as_char() != '!' {
        return None;
    }
    let is_of_path = |tree: &&TokenTree| match tree {
        TokenTree::Ident(_) => true,
        TokenTree::Punct(punct) => punct.as_char() == ':',
        _ => false,
    };
    let path: Vec<String> = path.iter().rev().take_while(is_of_path).map(ToString::to_string).collect();
    (!path.is_empty()).then(|| path.into_iter().rev().collect())
}
