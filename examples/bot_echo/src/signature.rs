//! WeChat's signatures: the SHA-1 of the token and what it vouches for, sorted and joined.

use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;

/// The signature of these texts, the token among them, as lower-case hex.
pub fn sign<const N: usize>(mut texts: [&str; N]) -> String {
    texts.sort_unstable();
    let mut sha1 = Sha1::new();
    for text in texts {
        sha1.update(text);
    }
    format!("{:x}", sha1.finalize())
}

/// Whether this is their signature. How long that takes does not tell where the two differ.
pub fn is_signed<const N: usize>(texts: [&str; N], signature: &str) -> bool {
    sign(texts).as_bytes().ct_eq(signature.as_bytes()).into()
}
