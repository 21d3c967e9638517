//! Finds all pages and makes a module of each, whose documentation the page is, so that rustdoc runs the code in it.
//!
//! Blocks that are tagged `rust,peer` need crates of others; they stand in `peers/`, which compiles them.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut pages = Vec::new();
    for folder in ["", "fake-wechat", "hub"] {
        find(&root.join(folder), false, &mut pages)?;
    }
    find(&root.join("docs"), true, &mut pages)?;
    pages.sort();

    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut modules = String::new();
    for page in pages {
        println!("cargo::rerun-if-changed={}", page.display());
        let name: String = page
            .strip_prefix(&root)?
            .to_string_lossy()
            .replace(|letter: char| !letter.is_alphanumeric(), "_");
        let file = format!("{name}.md");
        fs::write(out.join(&file), without_peers(&fs::read_to_string(&page)?))?;
        writeln!(
            modules,
            r#"#[doc = include_str!(concat!(env!("OUT_DIR"), "/{file}"))] #[allow(non_snake_case, clippy::doc_markdown)] mod {name} {{}}"#
        )?;
    }
    fs::write(out.join("pages.rs"), modules)?;
    Ok(())
}

/// The pages in a folder, and in the folders in it.
fn find(folder: &Path, deeply: bool, pages: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    // A page that is added makes the folder newer.
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && deeply {
            find(&path, true, pages)?;
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    Ok(())
}

/// The page without the blocks that need crates of others.
fn without_peers(page: &str) -> String {
    let mut of_peer = false;
    let mut kept = String::new();
    for line in page.lines() {
        of_peer |= line.starts_with("```rust,peer");
        if !of_peer {
            kept += line;
            kept += "\n";
        }
        of_peer &= line != "```";
    }
    kept
}
