//! What a store keeps, and its written form.

use std::{fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::StoreError;
use crate::{
    error::{ErrorKind, TokenError},
    secret::Fingerprint,
};

/// The version of the written form. A reader refuses another one rather than guess.
const FORMAT: u32 = 2;

/// The newest token of an account, as a store keeps it.
///
/// ```
/// use std::time::Duration;
/// use tower_wechat::store::Record;
///
/// let life = Duration::from_secs(7200);
/// let record = Record::new("a-token", 42, life, life);
/// let written = record.encode(); // to where the store keeps it
///
/// let left = Duration::from_secs(6000); // by the store's clock
/// let read = Record::decode(&written, left)?.unwrap();
/// assert_eq!((read.generation, read.left), (42, left));
/// # Ok::<(), tower_wechat::store::StoreError>(())
/// ```
///
/// Its `Debug` shows no token.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The token.
    pub token: Arc<str>,
    /// The fence of the lease that it was minted under.
    pub generation: u64,
    /// The whole of its life.
    pub life: Duration,
    /// What is left of it at this moment, by the store's clock.
    pub left: Duration,
}

/// Why the last mint failed, and for how long nobody should try again.
///
/// ```
/// use std::time::Duration;
/// use tower_wechat::{AppSecret, TokenError, store::Failure};
///
/// let error = TokenError::permanent("the secret is wrong").with_errcode(40125);
/// let secret = AppSecret::from("the-app-secret").fingerprint();
/// let failure = Failure::new(error, 42, Duration::from_secs(5))
///     .with_credential(Some(secret));
/// let written = failure.encode();
///
/// let read = Failure::decode(&written, Duration::from_secs(3))?;
/// assert_eq!(read.error.errcode(), Some(40125));
/// assert_eq!(read.credential, Some(secret));
/// # Ok::<(), tower_wechat::store::StoreError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// What happened.
    pub error: TokenError,
    /// The fence of the lease under which it happened.
    pub generation: u64,
    /// How much longer it lasts, by the store's clock.
    pub left: Duration,
    /// The [secret](crate::issuer::Issuer::credential) that it happened with.
    pub credential: Option<Fingerprint>,
}

#[derive(Serialize, Deserialize)]
struct WrittenRecord {
    v: u32,
    token: Arc<str>,
    generation: u64,
    life_ms: u64,
    /// Of all the rest: a token of which one character was changed looks like any other.
    check: String,
}

#[derive(Serialize, Deserialize)]
struct WrittenFailure {
    v: u32,
    generation: u64,
    kind: String,
    message: String,
    transient: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    errcode: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    credential: Option<String>,
}

impl Record {
    /// A token with `left` of its `life` to go.
    #[must_use]
    pub fn new(token: impl Into<Arc<str>>, generation: u64, life: Duration, left: Duration) -> Self {
        Self { token: token.into(), generation, life, left: left.min(life) }
    }

    /// The written form (JSON), without [`left`](Self::left): that is for the store's clock to keep.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        to_json(&WrittenRecord {
            v: FORMAT,
            token: self.token.clone(),
            generation: self.generation,
            life_ms: to_millis(self.life),
            check: checksum(&self.token, self.generation, to_millis(self.life)),
        })
    }

    /// Reads the written form. `left` comes from the store's clock; more than the whole life is cut to that. What cannot be
    /// read counts as no record once nothing is left of it.
    ///
    /// # Errors
    ///
    /// [`StoreError::unreadable`] for anything else that has life left: damaged, foreign, or of another format.
    pub fn decode(written: &[u8], left: Duration) -> Result<Option<Self>, StoreError> {
        let read =
            from_json(written).and_then(|WrittenRecord { token, generation, life_ms, check, .. }| {
                if check != checksum(&token, generation, life_ms) {
                    return Err(StoreError::unreadable("a record is damaged (its checksum is another)"));
                }
                let life = Duration::from_millis(life_ms);
                Ok(Some(Self { token, generation, life, left: left.min(life) }))
            });
        if left.is_zero() { Ok(read.unwrap_or_default()) } else { read }
    }
}

impl Failure {
    /// `error` happened under the lease with this fence; nobody should try again for `left`.
    #[must_use]
    pub fn new(error: TokenError, generation: u64, left: Duration) -> Self {
        Self { error, generation, left, credential: None }
    }

    /// It happened with this secret.
    #[must_use]
    pub fn with_credential(self, credential: Option<Fingerprint>) -> Self {
        Self { credential, ..self }
    }

    /// The written form (JSON), without [`left`](Self::left): that is for the store's clock to keep.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        to_json(&WrittenFailure {
            v: FORMAT,
            generation: self.generation,
            kind: kind_to_str(self.error.kind()).to_owned(),
            message: self.error.message().to_owned(),
            transient: self.error.is_transient(),
            errcode: self.error.errcode(),
            rid: self.error.rid().map(str::to_owned),
            hint: self.error.hint().map(str::to_owned),
            credential: self.credential.map(|credential| credential.to_string()),
        })
    }

    /// Reads the written form. `left` comes from the store's clock.
    ///
    /// # Errors
    ///
    /// [`StoreError::unreadable`] for anything else, and for a later format.
    pub fn decode(written: &[u8], left: Duration) -> Result<Self, StoreError> {
        let failure: WrittenFailure = from_json(written)?;
        let mut error =
            TokenError::new(kind_from_str(&failure.kind), failure.message).with_transient(failure.transient);
        if let Some(errcode) = failure.errcode {
            error = error.with_errcode(errcode);
        }
        if let Some(rid) = failure.rid {
            error = error.with_rid(rid);
        }
        if let Some(hint) = failure.hint {
            error = error.with_hint(hint);
        }
        let credential = failure.credential.and_then(|text| Fingerprint::parse(&text));
        Ok(Self { error, generation: failure.generation, left, credential })
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("token", &Fingerprint::of(&self.token))
            .field("generation", &self.generation)
            .field("life", &self.life)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

/// Against damage, not against malice.
fn checksum(token: &str, generation: u64, life_ms: u64) -> String {
    let mut digest = Sha256::new();
    digest.update(generation.to_be_bytes());
    digest.update(life_ms.to_be_bytes());
    digest.update(token);
    let mut first = [0; 8];
    first.copy_from_slice(&digest.finalize()[..8]);
    format!("{:016x}", u64::from_be_bytes(first))
}

pub(super) fn to_json(value: &impl Serialize) -> Vec<u8> {
    // Plain structs of strings and numbers: there is nothing in them that JSON cannot say.
    serde_json::to_vec(value).unwrap_or_default()
}

pub(super) fn from_json<'a, T: Deserialize<'a>>(written: &'a [u8]) -> Result<T, StoreError> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    // serde_json quotes the input in its errors, and the input is a token: say where, not what.
    let torn = |error: serde_json::Error| {
        let at = error.column();
        StoreError::unreadable(format!("a record is torn or foreign (not readable from byte {at} on)"))
    };
    let Version { v } = serde_json::from_slice(written).map_err(torn)?;
    if v != FORMAT {
        let other =
            if v > FORMAT { "update this program" } else { "an older version of this program wrote it" };
        return Err(StoreError::unreadable(format!(
            "a record has format {v}, and this version reads only {FORMAT}: {other}"
        )));
    }
    serde_json::from_slice(written).map_err(torn)
}

pub(super) fn to_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn kind_to_str(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Timeout => "timeout",
        ErrorKind::Config => "config",
        ErrorKind::Closed => "closed",
        _ => "token",
    }
}

fn kind_from_str(kind: &str) -> ErrorKind {
    match kind {
        "timeout" => ErrorKind::Timeout,
        "config" => ErrorKind::Config,
        "closed" => ErrorKind::Closed,
        _ => ErrorKind::Token,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_record_survives_its_written_form() {
        let record = Record::new("tok\"en", 7, HOUR * 2, HOUR);
        assert_eq!(Record::decode(&record.encode(), HOUR).unwrap(), Some(record));
    }

    #[test]
    fn a_failure_survives_its_written_form() {
        let error = TokenError::permanent("refused").with_errcode(40125).with_rid("r-1").with_hint("h-1");
        let credential = Some(Fingerprint::of("secret"));
        let failure = Failure::new(error, 3, HOUR).with_credential(credential);
        let read = Failure::decode(&failure.encode(), HOUR).unwrap();
        assert_eq!(read.credential, credential);
        assert_eq!((read.generation, read.error.errcode(), read.error.rid()), (3, Some(40125), Some("r-1")));
        assert_eq!(read.error.hint(), Some("h-1"));
        assert_eq!((read.error.kind(), read.error.is_transient()), (ErrorKind::Token, false));
    }

    #[test]
    fn nobody_can_write_an_immortal_token() {
        let record = Record::new("t", 1, HOUR, HOUR * 100);
        assert_eq!(record.left, HOUR);
        assert_eq!(Record::decode(&record.encode(), HOUR * 100).unwrap().unwrap().left, HOUR);
    }

    #[test]
    fn torn_foreign_and_future_records_are_errors_without_their_content() {
        let whole = Record::new("SENTINEL", 1, HOUR, HOUR).encode();
        for cut in 0..whole.len() {
            let error = Record::decode(&whole[..cut], HOUR).unwrap_err();
            assert!(error.is_unreadable() && !format!("{error} {error:?}").contains("SENTINEL"));
        }
        let future = Record::decode(br#"{"v":3,"secret":"SENTINEL"}"#, HOUR).unwrap_err();
        assert!(future.to_string().contains("update this program"));
        assert!(Record::decode(b"SENTINEL", HOUR).is_err());
        assert!(!format!("{:?}", Record::new("SENTINEL", 1, HOUR, HOUR)).contains("SENTINEL"));
    }

    #[test]
    fn one_changed_byte_is_an_error_while_the_token_lives_and_nothing_after() {
        let whole = Record::new("81_aBcDeF-0123", 1_790_000_000_000, HOUR * 2, HOUR).encode();
        for at in 0..whole.len() {
            for change in [1, 0x20] {
                let mut damaged = whole.clone();
                damaged[at] ^= change;
                match Record::decode(&damaged, HOUR) {
                    Err(error) => {
                        assert!(error.is_unreadable() && !format!("{error:?}").contains("81_"), "{error:?}");
                        assert_eq!(Record::decode(&damaged, Duration::ZERO).unwrap(), None);
                    }
                    // Only where it means the same.
                    Ok(read) => assert_eq!(read, Record::decode(&whole, HOUR).unwrap()),
                }
            }
        }
    }
}
