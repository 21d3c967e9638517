//! [`ClientSecret`] and [`SecretHash`]: what a client shows, and what the hub keeps of it.

use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

use ring::{
    digest::{SHA256, digest},
    rand::{SecureRandom, SystemRandom},
};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::error::Error;

/// A client's secret: 128 random bits as 32 hex digits, which every SDK takes for an app secret.
///
/// The hub does not keep it. Its `Debug` does not show it, and its memory is wiped at the end.
///
/// ```
/// use wechat_hub::ClientSecret;
///
/// let secret = ClientSecret::generate()?;
/// assert_eq!(secret.expose().len(), 32);
/// assert_eq!(secret.hash().to_string().len(), 64);
/// # Ok::<(), wechat_hub::Error>(())
/// ```
pub struct ClientSecret(Zeroizing<String>);

impl ClientSecret {
    /// A new one.
    ///
    /// # Errors
    ///
    /// If the operating system has no random bytes to give.
    pub fn generate() -> Result<Self, Error> {
        let mut bytes = Zeroizing::new([0; 16]);
        let filled = SystemRandom::new().fill(&mut *bytes);
        filled.map_err(|_| Error::new("the operating system gave no random bytes for a client secret"))?;
        Ok(Self(Zeroizing::new(hex(&*bytes))))
    }

    /// The secret itself, to be given to the client.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the hub's configuration has of it (`secret_sha256`).
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(..)")
    }
}

/// The SHA-256 of a client's secret, as 64 hex digits.
///
/// A secret of 128 random bits cannot be guessed from it, so that a configuration which has hashes only gives no client away.
/// Two of them are compared in constant time.
///
/// ```
/// use wechat_hub::SecretHash;
///
/// let hash = SecretHash::of("abc");
/// let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
/// assert_eq!(hash.to_string(), text);
/// assert_eq!(text.parse::<SecretHash>()?, hash);
/// # Ok::<(), wechat_hub::Error>(())
/// ```
#[derive(Clone, Copy, Eq)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The hash of this secret.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
        Self(hash)
    }
}

impl FromStr for SecretHash {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::new("a secret's SHA-256 has 64 hex digits: `wechat-hub secret` makes one");
        if text.len() != 64 || !text.is_ascii() {
            return Err(wrong());
        }
        let mut hash = [0; 32];
        for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digit = |at: usize| char::from(digits[at]).to_digit(16).ok_or_else(wrong);
            // Two hex digits are one byte.
            *byte = u8::try_from(digit(0)? * 16 + digit(1)?).map_err(|_| wrong())?;
        }
        Ok(Self(hash))
    }
}

impl PartialEq for SecretHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Hash for SecretHash {
    /// Of its beginning: what a map tells by that, nobody can choose who does not know the secret.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0[..8]);
    }
}

impl fmt::Display for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_new_each_time_and_their_hash_is_sha256() {
        let [one, other] = [ClientSecret::generate().unwrap(), ClientSecret::generate().unwrap()];
        assert_ne!(one.expose(), other.expose());
        assert!(one.expose().len() == 32 && one.expose().bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(one.hash(), SecretHash::of(one.expose()));
        assert_ne!(one.hash(), other.hash());
        assert_eq!(
            SecretHash::of("abc").to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(format!("{one:?}"), "ClientSecret(..)");
    }

    #[test]
    fn only_64_hex_digits_are_a_hash() {
        let hash = SecretHash::of("abc");
        assert_eq!(hash.to_string().parse::<SecretHash>().unwrap(), hash);
        assert_eq!(hash.to_string().to_uppercase().parse::<SecretHash>().unwrap(), hash);
        for text in ["", "ba7816bf", &"g".repeat(64), &"ä".repeat(32), &format!("+{}", "0".repeat(63))] {
            assert!(text.parse::<SecretHash>().is_err(), "{text}");
        }
    }
}
