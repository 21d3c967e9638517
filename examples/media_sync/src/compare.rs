//! Comparing two files.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

/// The first byte, counted from 0, at which they differ.
pub fn first_difference(one: &Path, other: &Path) -> io::Result<Option<u64>> {
    let (mut one, mut other) = (BufReader::new(File::open(one)?), BufReader::new(File::open(other)?));
    let mut at = 0;
    loop {
        let (left, right) = (one.fill_buf()?, other.fill_buf()?);
        let common = left.len().min(right.len());
        if common == 0 {
            let both_end = left.is_empty() && right.is_empty();
            return Ok((!both_end).then_some(at));
        }
        if let Some(differs) = (0..common).find(|&index| left[index] != right[index]) {
            return Ok(Some(at + differs as u64));
        }
        one.consume(common);
        other.consume(common);
        at += common as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_first_byte_that_differs() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        let mut content = vec![7; 100_000];
        std::fs::write(&one, &content).unwrap();
        let difference = |content: &[u8]| {
            std::fs::write(&other, content).unwrap();
            first_difference(&one, &other).unwrap()
        };
        assert_eq!(difference(&content), None);
        assert_eq!(difference(&content[..99_999]), Some(99_999));
        assert_eq!(difference(&[]), Some(0));
        content.push(7);
        assert_eq!(difference(&content), Some(100_000));
        content[90_000] = 8;
        assert_eq!(difference(&content), Some(90_000));
    }
}
