//! [`Sealed`]: a store that keeps tokens encrypted.

use std::{fmt, fmt::Write as _, sync::Arc};

use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom, SystemRandom},
};
use zeroize::Zeroizing;

use super::{
    Claim, Commit, Failure, Lease, LeaseRequest, Note, Record, Snapshot, StoreError, StoreFuture, TokenStore,
    Usage, Watch,
};
use crate::{error::Error, issuer::AccountKey};

/// What a sealed text begins with; the number is the format's.
const MARK: &str = "sealed1:";

/// Encrypts tokens before they reach a store, so that a dump, a backup or a copied file gives nobody a token.
///
/// The first key seals, all keys open. To change keys, give the new one to every process as the second, then as the
/// first, and leave the old one out once a day has passed. A token that no key opens, or that is not sealed, is an error
/// ([`is_unreadable`](StoreError::is_unreadable)) and is not overwritten while it has life left; after that it counts as
/// absent. All processes that share a store must therefore seal: begin with another key prefix or folder than without.
///
/// A token is sealed with ChaCha20-Poly1305 for its account, so that nobody can pass one account's token off as
/// another's. Lives, generations, failures and usage are kept in the open.
///
/// ```
/// use tower_wechat::store::{MemoryStore, SealKey, Sealed};
///
/// # let in_the_environment = "00".repeat(32);
/// let key = SealKey::from_hex("2026-11", &in_the_environment)?;
/// let store = Sealed::new(MemoryStore::new(), [key])?;
/// # Ok::<(), tower_wechat::Error>(())
/// ```
#[derive(Clone)]
pub struct Sealed<S> {
    store: S,
    keys: Arc<[SealKey]>,
}

/// A key of 256 bits with a name. Its `Debug` shows the name only.
///
/// ```
/// use tower_wechat::store::{MemoryStore, SealKey, Sealed};
///
/// # let (old, new) = ("00".repeat(32), "01".repeat(32));
/// // In the middle of a change of keys: the new one seals, both open.
/// let keys = [
///     SealKey::from_hex("2026-12", &new)?,
///     SealKey::from_hex("2026-11", &old)?,
/// ];
/// let store = Sealed::new(MemoryStore::new(), keys)?;
/// # drop(store);
/// # Ok::<(), tower_wechat::Error>(())
/// ```
pub struct SealKey {
    id: String,
    key: LessSafeKey,
}

impl SealKey {
    /// A key of 32 random bytes, for instance what `openssl rand -hex 32` prints. The id is stored beside every token: it
    /// tells keys apart, and must not change.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for anything but 64 hexadecimal digits, and for an id that is
    /// empty or has a character beside letters, digits, `-`, `_` and `.`.
    pub fn from_hex(id: &str, key: &str) -> Result<Self, Error> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if id.is_empty() || !id.bytes().all(allowed) {
            return Err(Error::config("the id of a sealing key must be letters, digits, `-`, `_` or `.`"));
        }
        let key = unhex(key)
            .map(Zeroizing::new)
            .and_then(|key| UnboundKey::new(&CHACHA20_POLY1305, &key).ok())
            .ok_or_else(|| Error::config("a sealing key must be 64 hexadecimal digits"))?;
        Ok(Self { id: id.to_owned(), key: LessSafeKey::new(key) })
    }

    fn seal(&self, account: &str, token: &str) -> Result<String, StoreError> {
        let failed =
            |_| StoreError::unavailable("the token cannot be sealed: this machine has no random numbers");
        // Random nonces: a key may seal four thousand million tokens before two of them are likely to meet.
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(failed)?;
        let mut text = token.as_bytes().to_vec();
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(account.as_bytes()),
                &mut text,
            )
            .map_err(failed)?;
        let mut sealed = format!("{MARK}{}:", self.id);
        for byte in nonce.iter().chain(&text) {
            // Writing to a String does not fail.
            let _ = write!(sealed, "{byte:02x}");
        }
        Ok(sealed)
    }

    fn open(&self, account: &str, sealed: &str) -> Option<Arc<str>> {
        let mut sealed = unhex(sealed)?;
        let (nonce, text) = sealed.split_first_chunk_mut::<NONCE_LEN>()?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let token = self.key.open_in_place(nonce, Aad::from(account.as_bytes()), text).ok()?;
        std::str::from_utf8(token).ok().map(Arc::from)
    }
}

impl<S> Sealed<S> {
    /// Seals for `store` with the first of `keys`, and opens with all of them.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if there is no key, or two with one id.
    pub fn new(store: S, keys: impl IntoIterator<Item = SealKey>) -> Result<Self, Error> {
        let keys: Arc<[SealKey]> = keys.into_iter().collect();
        let twice = (1..keys.len()).any(|at| keys[..at].iter().any(|other| other.id == keys[at].id));
        if keys.is_empty() || twice {
            return Err(Error::config("a sealed store needs at least one key, and no two with the same id"));
        }
        Ok(Self { store, keys })
    }

    fn seal(&self, account: &AccountKey, record: &Record) -> Result<Record, StoreError> {
        // `new` sees to it that there is one.
        let Some(key) = self.keys.first() else {
            return Err(StoreError::unavailable("there is no sealing key"));
        };
        Ok(Record { token: key.seal(&account.to_string(), &record.token)?.into(), ..record.clone() })
    }

    fn open(&self, account: &AccountKey, mut snapshot: Snapshot) -> Result<Snapshot, StoreError> {
        if let Some(record) = &mut snapshot.record {
            match self.open_token(account, &record.token) {
                Ok(token) => record.token = token,
                // The account may have been idle since its key was left out.
                Err(_) if record.left.is_zero() => snapshot.record = None,
                Err(error) => return Err(error),
            }
        }
        Ok(snapshot)
    }

    fn open_token(&self, account: &AccountKey, text: &str) -> Result<Arc<str>, StoreError> {
        let unreadable =
            |what: String| StoreError::unreadable(format!("the token of account {account} {what}"));
        let (id, sealed) =
            text.strip_prefix(MARK).and_then(|sealed| sealed.split_once(':')).ok_or_else(|| {
                unreadable("is not sealed: a process without sealing wrote it, which must seal, too".into())
            })?;
        let Some(key) = self.keys.iter().find(|key| key.id == id) else {
            return Err(unreadable(
                "is sealed with a key that is not among those given: give this process that one, too".into(),
            ));
        };
        key.open(&account.to_string(), sealed).ok_or_else(|| {
            unreadable(format!("cannot be opened with the key {id:?}: another key, or changed"))
        })
    }
}

impl<S: TokenStore> TokenStore for Sealed<S> {
    fn load<'a>(&'a self, account: &'a AccountKey) -> StoreFuture<'a, Snapshot> {
        Box::pin(async move { self.open(account, self.store.load(account).await?) })
    }

    fn try_lease<'a>(&'a self, account: &'a AccountKey, ask: LeaseRequest) -> StoreFuture<'a, Claim> {
        Box::pin(async move {
            match self.store.try_lease(account, ask).await? {
                Claim::Held(snapshot) => Ok(Claim::Held(self.open(account, snapshot)?)),
                Claim::Granted(lease, snapshot) => {
                    let (failure, usage) = (snapshot.failure.clone(), snapshot.usage.clone());
                    let opened = self.open(account, snapshot);
                    if opened.is_err() {
                        // Whoever can read the record may mint. If this fails, the lease ends by itself.
                        let _ = self.store.abandon(account, &lease, failure.as_ref(), &usage).await;
                    }
                    Ok(Claim::Granted(lease, opened?))
                }
            }
        })
    }

    fn renew<'a>(&'a self, account: &'a AccountKey, lease: &'a Lease) -> StoreFuture<'a, bool> {
        self.store.renew(account, lease)
    }

    fn commit<'a>(
        &'a self,
        account: &'a AccountKey,
        lease: &'a Lease,
        record: &'a Record,
        usage: &'a Usage,
    ) -> StoreFuture<'a, Commit> {
        Box::pin(async move {
            let sealed = self.seal(account, record)?;
            Ok(match self.store.commit(account, lease, &sealed, usage).await? {
                Commit::Done => Commit::Done,
                Commit::Fenced(snapshot) => Commit::Fenced(self.open(account, snapshot)?),
            })
        })
    }

    fn abandon<'a>(
        &'a self,
        account: &'a AccountKey,
        lease: &'a Lease,
        failure: Option<&'a Failure>,
        usage: &'a Usage,
    ) -> StoreFuture<'a, ()> {
        self.store.abandon(account, lease, failure, usage)
    }

    fn note<'a>(&'a self, account: &'a AccountKey, note: Note) -> StoreFuture<'a, ()> {
        self.store.note(account, note)
    }

    fn watch(&self, account: &AccountKey) -> Box<dyn Watch> {
        self.store.watch(account)
    }
}

impl<S: fmt::Debug> fmt::Debug for Sealed<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed").field("store", &self.store).field("keys", &self.keys).finish()
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKey({:?})", self.id)
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        &[high, low] => u8::try_from(digit(high)? << 4 | digit(low)?).ok(),
        _ => None,
    });
    pairs.collect()
}
