//! The READMEs and the pages of the book, whose code rustdoc compiles and runs: `cargo test --doc -p doc-tests`.

#[cfg(doctest)]
include!(concat!(env!("OUT_DIR"), "/pages.rs"));
