//! [`Mask`]: hides tokens and secrets in what goes to a client.
//!
//! WeChat does not tell them. Yet an answer may quote the call that it belongs to, as `/cgi-bin/openapi/rid/get` does, or the
//! error page of a server in between. Each of their bytes becomes a `*`, so that the answer stays as long as it is.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue};

use crate::recent::Needle;

/// So much of the beginning of what is hidden may be seen at the end of an answer; it may be chance.
const LONGEST_HINT: usize = 8;

/// What is hidden, and the end of what has passed that may be the beginning of it.
pub(super) struct Mask {
    hidden: Vec<Needle>,
    held: BytesMut,
    /// Whether whatever stands behind `access_token=` is hidden, too.
    all_tokens: bool,
    /// Whether the end of what has passed is in the middle of such a token.
    in_token: bool,
}

/// What a token stands behind.
const NAME: &[u8] = b"access_token=";

impl Mask {
    pub(super) fn new(hidden: Vec<Needle>, all_tokens: bool) -> Self {
        Self { hidden, held: BytesMut::new(), all_tokens, in_token: false }
    }

    /// How many bytes are held back.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// What can go out once this has come.
    pub(super) fn pass(&mut self, mut bytes: Bytes) -> Bytes {
        if !self.held.is_empty() {
            self.held.extend_from_slice(&bytes);
            bytes = self.held.split().freeze();
        }
        bytes = self.hide(bytes);
        let needles = self.hidden.iter().map(|finder| finder.needle()).chain(self.all_tokens.then_some(NAME));
        let open = needles.map(|needle| open_end(&bytes, needle)).max().unwrap_or(0);
        if self.all_tokens {
            bytes = self.hide_tokens(&bytes);
        }
        self.held.extend_from_slice(&bytes.split_off(bytes.len() - open));
        bytes
    }

    /// What can go out at the end. A good part of what is hidden is as good as the whole.
    pub(super) fn end(&mut self) -> Bytes {
        let mut held = self.held.split();
        if held.len() >= LONGEST_HINT {
            held.fill(b'*');
        }
        held.freeze()
    }

    /// Hides it in headers, whose values come in one piece each.
    pub(super) fn headers(&self, headers: &mut HeaderMap) {
        for value in headers.values_mut() {
            if self.hidden.iter().any(|finder| finder.find(value.as_bytes()).is_some()) {
                let masked = self.hide(Bytes::copy_from_slice(value.as_bytes()));
                // A value with stars in it is one.
                *value = HeaderValue::from_maybe_shared(masked).unwrap_or(HeaderValue::from_static("*"));
            }
        }
    }

    /// Hides whatever stands behind a token's name.
    fn hide_tokens(&mut self, bytes: &[u8]) -> Bytes {
        let mut masked = BytesMut::from(bytes);
        let mut at = 0;
        loop {
            if self.in_token {
                let is_of_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~%*".contains(byte);
                let length = masked[at..].iter().take_while(|byte| is_of_token(byte)).count();
                masked[at..at + length].fill(b'*');
                at += length;
                if at == masked.len() {
                    return masked.freeze();
                }
                self.in_token = false;
            }
            let Some(next) = memchr::memmem::find(&masked[at..], NAME) else { return masked.freeze() };
            at += next + NAME.len();
            self.in_token = true;
        }
    }

    fn hide(&self, bytes: Bytes) -> Bytes {
        let mut masked: Option<BytesMut> = None;
        for finder in &self.hidden {
            let found: Vec<_> = finder.find_iter(masked.as_deref().unwrap_or(&bytes)).collect();
            for at in found {
                let masked = masked.get_or_insert_with(|| BytesMut::from(&bytes[..]));
                masked[at..at + finder.needle().len()].fill(b'*');
            }
        }
        masked.map_or(bytes, BytesMut::freeze)
    }
}

/// How much of the end may be the beginning of the needle.
fn open_end(bytes: &[u8], needle: &[u8]) -> usize {
    let Some(first) = needle.first() else { return 0 };
    let longest = bytes.len().min(needle.len() - 1);
    let tail = &bytes[bytes.len() - longest..];
    let starts = memchr::memchr_iter(*first, tail).map(|at| &tail[at..]);
    starts.into_iter().find(|end| needle.starts_with(end)).map_or(0, <[u8]>::len)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use memchr::memmem::Finder;

    use super::*;

    fn hiding(texts: &[&str]) -> Mask {
        Mask::new(texts.iter().map(|text| Arc::new(Finder::new(text).into_owned())).collect(), false)
    }

    fn masked(hidden: &[&str], text: &str, piece: usize) -> String {
        let mut mask = hiding(hidden);
        let mut out = Vec::new();
        for chunk in text.as_bytes().chunks(piece) {
            out.extend_from_slice(&mask.pass(Bytes::copy_from_slice(chunk)));
        }
        out.extend_from_slice(&mask.end());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_hidden_is_hidden_however_it_comes() {
        for piece in 1..40 {
            for (hidden, text, expected) in [
                (&["token"][..], "a token, a toke, tokentoken", "a *****, a toke, **********"),
                (&["aab"], "aaab aaaab aa", "a*** aa*** aa"),
                (&["abab"], "ababab", "****ab"),
                (&[], "token", "token"),
            ] {
                assert_eq!(masked(hidden, text, piece), expected, "in pieces of {piece}");
            }
        }
    }

    #[test]
    fn every_token_can_be_hidden_by_its_name() {
        let text = "x?access_token=12_ab-C%2F\\u0026a=1&component_access_token=z\" access_token= access_tok";
        for piece in 1..40 {
            let mut mask = Mask::new(Vec::new(), true);
            let mut out = Vec::new();
            for chunk in text.as_bytes().chunks(piece) {
                out.extend_from_slice(&mask.pass(Bytes::copy_from_slice(chunk)));
            }
            out.extend_from_slice(&mask.end());
            let expected = "x?access_token=**********\\u0026a=1&component_access_token=*\" access_token= ";
            let out = String::from_utf8(out).unwrap();
            assert!(out.starts_with(expected), "in pieces of {piece}: {out}");
        }
    }

    #[test]
    fn what_is_not_hidden_is_not_copied() {
        let mut mask = hiding(&["secret"]);
        let bytes = Bytes::from_static(b"nothing to see here");
        assert_eq!(mask.pass(bytes.clone()).as_ptr(), bytes.as_ptr());
        assert_eq!(mask.held(), 0);
        let mut headers = HeaderMap::new();
        headers.insert("location", HeaderValue::from_static("/a?t=secret"));
        headers.insert("etag", HeaderValue::from_static("x"));
        mask.headers(&mut headers);
        assert_eq!(
            (&headers["location"], &headers["etag"]),
            (&HeaderValue::from_static("/a?t=******"), &HeaderValue::from_static("x"))
        );
    }
}
