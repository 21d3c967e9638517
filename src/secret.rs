//! Names that may be shown and secrets that may not.

use std::{fmt, sync::Arc};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The name of an account: an official account's or mini program's appid, a WeCom corp id, or whatever key a
/// [`TokenPool`](crate::TokenPool) knows the account by.
///
/// An app id is no secret: it is shown in errors. As a request extension it picks the account in a pool.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppId(Arc<str>);

impl AppId {
    /// The text of the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id for messages to people: on one line, and of bounded length, whatever somebody took for an id.
    pub(crate) fn shown(&self) -> String {
        let mut chars = self.0.chars();
        let mut shown: String = chars.by_ref().take(LONGEST_SHOWN).flat_map(char::escape_debug).collect();
        if chars.next().is_some() {
            shown.push('…');
        }
        shown
    }
}

/// Characters of an id that are shown; real ones have 18.
const LONGEST_SHOWN: usize = 128;

/// An account's secret (`appsecret`, `corpsecret`).
///
/// It has no `Display`, its `Debug` shows a [`Fingerprint`] only, and its memory is wiped when the last clone goes.
#[derive(Clone)]
pub struct AppSecret(Arc<Zeroizing<String>>);

impl AppSecret {
    /// The secret itself, for the one call that needs it: the mint.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// The first four bytes of a SHA-256, in hex: enough to tell two tokens apart in a log, useless for anything else.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 4]);

impl Fingerprint {
    pub(crate) fn of(text: &str) -> Self {
        let digest = Sha256::digest(text.as_bytes());
        Self([digest[0], digest[1], digest[2], digest[3]])
    }
}

impl From<&str> for AppId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl From<String> for AppId {
    fn from(id: String) -> Self {
        Self(id.into())
    }
}

impl From<&String> for AppId {
    fn from(id: &String) -> Self {
        Self(id.as_str().into())
    }
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AppId(\"{}\")", self.shown())
    }
}

impl From<&str> for AppSecret {
    fn from(secret: &str) -> Self {
        Self::from(secret.to_owned())
    }
}

impl From<String> for AppSecret {
    fn from(secret: String) -> Self {
        Self(Arc::new(Zeroizing::new(secret)))
    }
}

impl From<&String> for AppSecret {
    fn from(secret: &String) -> Self {
        Self::from(secret.clone())
    }
}

impl fmt::Debug for AppSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AppSecret({})", Fingerprint::of(self.expose()))
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
    fn debug_shows_no_secret() {
        let secret = AppSecret::from("s3cr3t-of-the-app");
        assert_eq!(format!("{secret:?}"), format!("AppSecret({})", Fingerprint::of("s3cr3t-of-the-app")));
        assert_eq!(secret.expose(), "s3cr3t-of-the-app");
    }

    #[test]
    fn a_fingerprint_is_eight_hex_digits() {
        let print = Fingerprint::of("token").to_string();
        assert_eq!(print.len(), 8);
        assert_ne!(print, Fingerprint::of("token2").to_string());
    }
}
