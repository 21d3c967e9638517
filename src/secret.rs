//! Names that may be shown and secrets that may not.

use std::{fmt, sync::Arc};

use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
};
use zeroize::Zeroizing;

#[cfg(not(feature = "testing"))]
mod fingerprint;

// What the fake platform saw of a token is of the same type as what a cache says of it, so that a test can compare them.
#[cfg(feature = "testing")]
#[doc(inline)]
pub use fake_wechat::Fingerprint;

#[cfg(not(feature = "testing"))]
pub use self::fingerprint::Fingerprint;

/// The name of an account: an official account's or mini program's appid, a WeCom corp id, or whatever key a
/// [`TokenPool`](crate::TokenPool) knows the account by.
///
/// An app id is no secret: it is shown in errors. As a request extension it picks the account in a pool.
///
/// It deserializes from a string, so that it can stand in a struct of settings; see [`AppSecret`].
///
/// ```
/// use tower_wechat::AppId;
///
/// let app = AppId::from("wx0123456789abcdef"); // also from a String
/// assert_eq!(app.to_string(), "wx0123456789abcdef");
///
/// let url = "https://api.weixin.qq.com/cgi-bin/user/get";
/// let request = http::Request::get(url).extension(app).body(())?;
/// # drop(request);
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub struct AppId(Arc<str>);

impl AppId {
    /// The text of the id.
    ///
    /// ```
    /// let app = tower_wechat::AppId::from("wx0123456789abcdef");
    /// assert_eq!(app.as_str(), "wx0123456789abcdef");
    /// ```
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
///
/// It deserializes from a string. A string that the format hands over is taken as it is, and one that it lends is copied
/// once; no other copy is made here. Buffers of the format itself are its own business. What is no string is an error, which
/// does not show the value: an unquoted secret of digits is a number to some formats.
///
/// ```
/// use serde::Deserialize;
/// use tower_wechat::{AppId, AppSecret, issuer::StableToken};
///
/// #[derive(Deserialize)]
/// struct Settings {
///     app_id: AppId,
///     app_secret: AppSecret,
/// }
///
/// let text = r#"{"app_id": "wx0123456789abcdef", "app_secret": "a-secret"}"#;
/// let settings: Settings = serde_json::from_str(text)?;
/// let issuer = StableToken::new(settings.app_id, settings.app_secret);
/// # drop(issuer);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct AppSecret(Arc<Zeroizing<String>>);

impl AppSecret {
    /// The secret itself, for the one call that needs it: the mint.
    ///
    /// ```
    /// let secret = tower_wechat::AppSecret::from("the-app-secret");
    /// let body = serde_json::json!({
    ///     "component_appid": "wx0123456789abcdef",
    ///     "component_appsecret": secret.expose(),
    /// });
    /// # drop(body);
    /// ```
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl AppSecret {
    /// A short hash, which may be logged and compared: what an [`Issuer`](crate::issuer::Issuer::credential) of your own tells
    /// its secret by.
    ///
    /// ```
    /// use tower_wechat::{AppSecret, Fingerprint};
    ///
    /// let secret = AppSecret::from("the-app-secret");
    /// assert_eq!(secret.fingerprint(), Fingerprint::of("the-app-secret"));
    /// ```
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.expose())
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

impl From<AppId> for String {
    fn from(id: AppId) -> Self {
        id.as_str().to_owned()
    }
}

impl From<&AppId> for String {
    fn from(id: &AppId) -> Self {
        id.as_str().to_owned()
    }
}

impl AsRef<str> for AppId {
    fn as_ref(&self) -> &str {
        &self.0
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

impl<'de> Deserialize<'de> for AppSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The format's own error quotes what it found in place of a string, and that may be the secret.
        deserializer
            .deserialize_string(SecretVisitor)
            .map_err(|_| de::Error::custom("the secret cannot be read: it must be a string"))
    }
}

struct SecretVisitor;

impl Visitor<'_> for SecretVisitor {
    type Value = AppSecret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a secret as a string")
    }

    fn visit_str<E>(self, secret: &str) -> Result<AppSecret, E> {
        Ok(secret.into())
    }

    fn visit_string<E>(self, secret: String) -> Result<AppSecret, E> {
        Ok(secret.into())
    }
}

impl fmt::Debug for AppSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AppSecret({})", Fingerprint::of(self.expose()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let secret = AppSecret::from("s3cr3t-of-the-app");
        assert_eq!(format!("{secret:?}"), format!("AppSecret({})", Fingerprint::of("s3cr3t-of-the-app")));
        assert_eq!(secret.expose(), "s3cr3t-of-the-app");
    }

    #[test]
    fn ids_and_secrets_are_read_from_strings() {
        let id: AppId = serde_json::from_str(r#""wx\u0030123""#).unwrap();
        assert_eq!((id.as_str(), id.as_ref()), ("wx0123", "wx0123"));
        assert!(serde_json::from_str::<AppId>("7").is_err());
        for json in [r#""s3cr3t""#, r#""s3\u0063r3t""#] {
            let secret: AppSecret = serde_json::from_str(json).unwrap();
            assert_eq!(secret.expose(), "s3cr3t");
            let secret: AppSecret = serde_json::from_value(serde_json::from_str(json).unwrap()).unwrap();
            assert_eq!(secret.expose(), "s3cr3t");
        }
    }

    #[test]
    fn an_owned_string_is_taken_over_without_a_copy() {
        let owned = "s3cr3t".to_owned();
        let at = owned.as_ptr();
        let deserializer = de::value::StringDeserializer::<de::value::Error>::new(owned);
        let secret = AppSecret::deserialize(deserializer).unwrap();
        assert_eq!(secret.expose().as_ptr(), at);
    }

    #[test]
    fn what_is_no_string_is_refused_and_not_shown() {
        for json in
            ["4242", "-4242", "4242.4242", "42424242424242424242424242", "[4242]", "{\"a\":4242}", "\"4242"]
        {
            let error = serde_json::from_str::<AppSecret>(json).unwrap_err().to_string();
            assert!(error.contains("must be a string") && !error.contains("4242"), "{error}");
        }
        let error = serde_json::from_str::<HashMap<String, AppSecret>>("{\n\"secret\": 4242}").unwrap_err();
        assert_eq!(error.line(), 2, "{error}");
    }

    #[test]
    fn a_fingerprint_is_eight_hex_digits() {
        let print = Fingerprint::of("token").to_string();
        assert_eq!(print.len(), 8);
        assert_ne!(print, Fingerprint::of("token2").to_string());
    }
}
