//! [`Fingerprint`]: what may be shown of a token.

use std::fmt;

use sha2::{Digest, Sha256};

/// The first four bytes of a SHA-256, in hex: enough to tell two tokens apart in a log, useless for anything else.
///
/// ```
/// use fake_wechat::Fingerprint;
///
/// let fingerprint = Fingerprint::of("token");
/// assert_eq!(fingerprint.to_string(), "3c469e9d");
/// assert_eq!(Fingerprint::parse("3c469e9d"), Some(fingerprint));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 4]);

impl Fingerprint {
    /// The fingerprint of this token.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let digest = Sha256::digest(text.as_bytes());
        Self([digest[0], digest[1], digest[2], digest[3]])
    }

    /// The one that `Display` writes like this: eight hex digits. `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let digits = is_hex.then(|| u32::from_str_radix(text, 16).ok())?;
        digits.map(|digits| Self(digits.to_be_bytes()))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_eight_hex_digits_are_one() {
        for text in ["", "3c469e9", "3c469e9d0", "+c469e9d", "3c469e9g"] {
            assert_eq!(Fingerprint::parse(text), None, "{text}");
        }
    }
}
