//! [`PassKey`] and passes: what a client shows at the proxy in place of a token.
//!
//! A pass says whose it is, for which app and until when, and a MAC under a key of the hub's says that this is so. Nothing is
//! kept of the passes that were made: any hub with the same key can tell, and a client that is in the configuration no more,
//! or has another secret, has no pass.

use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    digest::{SHA256, digest},
    hmac,
    rand::{SecureRandom, SystemRandom},
};
use subtle::ConstantTimeEq;
use tower_wechat::AppId;
use zeroize::Zeroizing;

use crate::{client::Client, error::Error};

/// Before everything else, so that people and programs that look for secrets tell it from a token.
const PREFIX: &str = "wxhub_";
const VERSION: u8 = 1;
/// Version, end, client, app, MAC: a multiple of three, so that each pass has one spelling.
const LENGTH: usize = 1 + 4 + 8 + 8 + MAC;
const MAC: usize = 18;
/// More keys than any change of keys takes.
const MOST_KEYS: usize = 4;
const KEY: usize = 32;

/// Names a client or an app in a pass, without its name.
pub(crate) type Tag = [u8; 8];

pub(crate) fn tag(name: &str) -> Tag {
    let mut tag = Tag::default();
    tag.copy_from_slice(&digest(&SHA256, name.as_bytes()).as_ref()[..8]);
    tag
}

/// The key under which a hub makes and checks passes. Hubs that are to take each other's passes have the same.
///
/// Its `Debug` does not show it.
///
/// ```
/// use wechat_hub::{Hub, PassKey};
///
/// # fn hub() -> Result<Hub, Box<dyn std::error::Error>> {
/// let key = PassKey::from_bytes(&std::fs::read("/run/secrets/pass_key")?)?;
/// let hub = Hub::builder().pass_key(key).build()?;
/// # Ok(hub)
/// # }
/// ```
#[derive(Clone)]
pub struct PassKey(Arc<[hmac::Key]>);

impl PassKey {
    /// A new one, for a hub that is alone and whose passes may end with it.
    ///
    /// ```
    /// use wechat_hub::{Hub, PassKey};
    ///
    /// let hub = Hub::builder().pass_key(PassKey::generate()?).build()?;
    /// # drop(hub);
    /// # Ok::<(), wechat_hub::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the operating system has no random bytes to give.
    pub fn generate() -> Result<Self, Error> {
        Self::from_bytes(&*random_key()?)
    }

    /// From 32 random bytes. There may be up to four keys, one behind the other: the first makes passes, and passes of all are
    /// taken. To change the key of several hubs, let all of them have the new one behind the old one first, then in front of it,
    /// and leave the old one out once its passes have ended.
    ///
    /// ```
    /// use wechat_hub::PassKey;
    ///
    /// let (new, old) = ([1; 32], [2; 32]); // random ones, of course
    /// assert!(PassKey::from_bytes(&[new, old].concat()).is_ok());
    /// assert!(PassKey::from_bytes(b"too short").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// For any other number of bytes, and for a text of hex digits.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.iter().all(|byte| byte.is_ascii_hexdigit() || byte.is_ascii_whitespace()) {
            return Err(Error::new(
                "a pass key has 32 random bytes, and this is a text of hex digits: `head -c 32 /dev/urandom` makes one",
            ));
        }
        if bytes.is_empty() || !bytes.len().is_multiple_of(KEY) || bytes.len() / KEY > MOST_KEYS {
            return Err(Error::new(format!(
                "a pass key has 32 random bytes, and this has {}: `head -c 32 /dev/urandom` makes one",
                bytes.len()
            )));
        }
        Ok(Self(bytes.chunks(KEY).map(|key| hmac::Key::new(hmac::HMAC_SHA256, key)).collect()))
    }

    /// A pass for this client and app, until `end` in seconds since 1970.
    pub(crate) fn make(&self, client: &Client, app: &AppId, end: u64) -> String {
        // In seconds it lasts until 2106.
        let end = u32::try_from(end).unwrap_or(u32::MAX);
        let mut pass = [0; LENGTH];
        pass[0] = VERSION;
        pass[1..5].copy_from_slice(&end.to_be_bytes());
        pass[5..13].copy_from_slice(&tag(&client.name));
        pass[13..21].copy_from_slice(&tag(app.as_str()));
        // There is at least one key.
        let mac = mac(&self.0[0], end, client, app);
        pass[21..].copy_from_slice(&mac);
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(pass))
    }
}

impl fmt::Debug for PassKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PassKey(..)")
    }
}

/// 32 random bytes.
pub(crate) fn random_key() -> Result<Zeroizing<[u8; KEY]>, Error> {
    let mut bytes = Zeroizing::new([0; KEY]);
    let filled = SystemRandom::new().fill(&mut *bytes);
    filled.map_err(|_| Error::new("the operating system gave no random bytes for a pass key"))?;
    Ok(bytes)
}

/// What is no pass of a hub's can say so.
#[derive(Clone, Copy)]
pub(crate) struct Pass {
    pub(crate) client: Tag,
    pub(crate) app: Tag,
    end: u32,
    mac: [u8; MAC],
}

/// Why a pass is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// It was made under another key, for another secret of the client's, or by nobody.
    Forged,
    Ended,
}

impl Pass {
    /// What a text says, if it has the looks of a pass.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = text.strip_prefix(PREFIX)?;
        // One more than it takes shows what is too long.
        let mut bytes = [0; LENGTH + 3];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        let (VERSION, LENGTH) = (bytes[0], length) else { return None };
        let part = |from: usize| -> Tag { std::array::from_fn(|at| bytes[from + at]) };
        Some(Self {
            client: part(5),
            app: part(13),
            end: u32::from_be_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]),
            mac: std::array::from_fn(|at| bytes[21 + at]),
        })
    }

    /// Whether it was made for this client and app, as they are now, and has not ended.
    pub(crate) fn check(
        &self,
        key: &PassKey,
        client: &Client,
        app: &AppId,
        now: u64,
    ) -> Result<(), NotTaken> {
        let is_made_under = |key| bool::from(mac(key, self.end, client, app).ct_eq(&self.mac));
        if !key.0.iter().any(is_made_under) {
            return Err(NotTaken::Forged);
        }
        if u64::from(self.end) <= now { Err(NotTaken::Ended) } else { Ok(()) }
    }
}

fn mac(key: &hmac::Key, end: u32, client: &Client, app: &AppId) -> [u8; MAC] {
    let mut context = hmac::Context::with_key(key);
    context.update(b"wechat-hub pass ");
    context.update(&[VERSION]);
    context.update(&end.to_be_bytes());
    for text in [client.name.as_str(), app.as_str()] {
        context.update(&text.len().to_be_bytes());
        context.update(text.as_bytes());
    }
    // A client with another secret is another.
    if let Some(secret) = &client.secret {
        context.update(secret.as_bytes());
    }
    let tag = context.sign();
    std::array::from_fn(|at| tag.as_ref()[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> PassKey {
        PassKey::from_bytes(&[byte; KEY]).unwrap()
    }

    fn client() -> Client {
        Client::new("shop", "secret")
    }

    #[test]
    fn a_pass_is_good_for_its_client_and_app_until_its_end() {
        let (key, client, app) = (key(1), client(), AppId::from("wx1"));
        let text = key.make(&client, &app, 1000);
        assert!(
            text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')),
            "{text}"
        );
        let pass = Pass::read(&text).unwrap();
        assert_eq!((pass.client, pass.app), (tag("shop"), tag("wx1")));
        assert_eq!(pass.check(&key, &client, &app, 999), Ok(()));
        assert_eq!(pass.check(&key, &client, &app, 1000), Err(NotTaken::Ended));
        let forged = Err(NotTaken::Forged);
        assert_eq!(pass.check(&super::tests::key(2), &client, &app, 1), forged);
        assert_eq!(pass.check(&key, &client, &AppId::from("wx2"), 1), forged);
        assert_eq!(pass.check(&key, &Client::new("shop2", "secret"), &app, 1), forged);
        assert_eq!(pass.check(&key, &Client::new("shop", "another secret"), &app, 1), forged);
    }

    #[test]
    fn a_pass_that_was_altered_anywhere_is_none() {
        let (key, client, app) = (key(1), client(), AppId::from("wx1"));
        let text = key.make(&client, &app, 1000);
        // Client and app are looked up by what the pass says.
        let is_known = |pass: &Pass| (pass.client, pass.app) == (tag("shop"), tag("wx1"));
        let is_taken = |text: &str| {
            Pass::read(text).filter(is_known).is_some_and(|pass| pass.check(&key, &client, &app, 1).is_ok())
        };
        assert!(is_taken(&text));
        for at in 0..text.len() {
            for other in ["A", "B", "_", "-", "z", "", "=", "AA", "+", " "] {
                let altered = format!("{}{other}{}", &text[..at], &text[at + 1..]);
                assert!(altered == text || !is_taken(&altered), "{altered}");
            }
        }
        for other in
            [format!("{text}A"), format!("{text}AAAA"), format!("{text}="), String::new(), "ä".into()]
        {
            assert!(!is_taken(&other), "{other}");
        }
    }

    #[test]
    fn keys_can_be_changed_without_a_break() {
        let (client, app) = (client(), AppId::from("wx1"));
        let both =
            |first: u8, second: u8| PassKey::from_bytes(&[[first; KEY], [second; KEY]].concat()).unwrap();
        let (old, new) = (key(1).make(&client, &app, 9), key(2).make(&client, &app, 9));
        assert_eq!(
            (both(1, 2).make(&client, &app, 9), both(2, 1).make(&client, &app, 9)),
            (old.clone(), new.clone())
        );
        for pass in [old, new] {
            assert_eq!(Pass::read(&pass).unwrap().check(&both(1, 2), &client, &app, 1), Ok(()));
        }
        for wrong in [0, 1, 31, 33, 160] {
            assert!(
                PassKey::from_bytes(&vec![0; wrong]).unwrap_err().to_string().contains("32 random bytes")
            );
        }
        assert_eq!(format!("{:?}", PassKey::generate().unwrap()), "PassKey(..)");
    }
}
