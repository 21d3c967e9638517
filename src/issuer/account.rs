//! [`AccountKey`]: which account a token is of.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::secret::{AppId, AppSecret};

/// The name of an account in caches and stores: a hash of what its tokens depend on.
///
/// `Display` and `Debug` show the hash, from which neither the app id nor the secret can be read.
///
/// ```
/// use tower_wechat::issuer::AccountKey;
///
/// let key = |app| AccountKey::new("of-ours", "https://tokens.example", app, None);
/// assert_eq!(key("wx01"), key("wx01"));
/// assert_ne!(key("wx01"), key("wx02"));
/// assert_eq!(key("wx01").to_string().len(), 32);
/// assert_eq!(key("wx01").app().as_str(), "wx01");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AccountKey {
    hash: [u8; 16],
    app: AppId,
}

impl AccountKey {
    /// The key of `app` at the endpoint `kind` below `base`. Accounts that differ in any of the four have different keys,
    /// and texts are compared as they are: give `base` one spelling.
    ///
    /// Give a `secret` only where one id has several accounts that differ by it, as the agents of a WeCom corp do. Anywhere
    /// else a new secret would make another account of the same one, with a token, failures and budgets of its own.
    #[must_use]
    pub fn new(kind: &str, base: &str, app: impl Into<AppId>, secret: Option<&AppSecret>) -> Self {
        let app = app.into();
        let mut digest = Sha256::new();
        for part in [kind, base, app.as_str(), secret.map_or("", AppSecret::expose)] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let mut hash = [0; 16];
        hash.copy_from_slice(&digest.finalize()[..16]);
        Self { hash, app }
    }

    /// The app, for messages to people; not for names in a store.
    #[must_use]
    pub fn app(&self) -> &AppId {
        &self.app
    }
}

impl fmt::Display for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountKey({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_tells_accounts_apart() {
        let secret = AppSecret::from("secret");
        let key = |kind, base, app: &str, secret| AccountKey::new(kind, base, app, secret).to_string();
        let keys = [
            key("stable", "https://a", "app", Some(&secret)),
            key("classic", "https://a", "app", Some(&secret)),
            key("stable", "https://b", "app", Some(&secret)),
            key("stable", "https://a", "app2", Some(&secret)),
            key("stable", "https://a", "app", None),
            key("stable", "https://aa", "pp", Some(&secret)),
        ];
        for (i, one) in keys.iter().enumerate() {
            assert_eq!(one.len(), 32);
            assert!(keys[i + 1..].iter().all(|other| other != one));
        }
    }

    #[test]
    fn debug_does_not_show_the_app() {
        let key = AccountKey::new("stable", "https://a", "wxSENTINEL", None);
        assert!(!format!("{key:?} {key}").contains("SENTINEL"));
    }
}
