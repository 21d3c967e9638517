//! [`Table`]: the accounts that are there, found without a lock.
//!
//! It is cut into shards, each a map that is never changed but replaced as a whole, so that nobody who looks something up
//! waits. Most of a lookup's time goes into what the processor has to fetch from memory. So an id is hashed once, for the
//! shard and for the place in it, and a usual id's text stands in the map itself. The hash is a quick one, though strangers
//! choose which ids are looked up: which are put in, the user or the factory chooses.

use std::{
    collections::HashMap,
    hash::{BuildHasher, BuildHasherDefault, Hash, Hasher},
    sync::Arc,
};

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;

use crate::{cache::TokenCache, secret::AppId};

/// Enough that copying one to add an account is cheap with 100 000 accounts.
const SHARDS: usize = 1024;

/// Bytes of an id that is kept in the map itself. WeChat's have 18, and so have WeCom's corp ids, which leaves room for the
/// number of an agent.
const SHORT: usize = 30;

type Shard = HashMap<Key, TokenCache, BuildHasherDefault<Carried>>;

/// Readers need no lock. Writers must take turns: each of them copies a shard, and would undo what another did meanwhile.
pub(super) struct Table {
    shards: Box<[ArcSwap<Shard>]>,
    hasher: RandomState,
}

/// An id, and its hash, which each table makes with a seed of its own.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Key {
    hash: u64,
    text: Text,
}

#[derive(Clone, PartialEq, Eq)]
enum Text {
    Short { length: u8, bytes: [u8; SHORT] },
    Long(AppId),
}

/// Passes on the hash that a key has.
#[derive(Default)]
struct Carried(u64);

impl Table {
    pub(super) fn new() -> Self {
        let empty = Arc::new(Shard::default());
        Self {
            shards: (0..SHARDS).map(|_| ArcSwap::new(empty.clone())).collect(),
            hasher: RandomState::default(),
        }
    }

    pub(super) fn get(&self, app: &AppId) -> Option<TokenCache> {
        let key = self.key(app);
        self.shard(&key).load().get(&key).cloned()
    }

    /// Puts an account in; gives back the one that was there.
    pub(super) fn put(&self, app: &AppId, cache: TokenCache) -> Option<TokenCache> {
        let key = self.key(app);
        let slot = self.shard(&key);
        let mut shard = Shard::clone(&slot.load());
        let previous = shard.insert(key, cache);
        slot.store(Arc::new(shard));
        previous
    }

    pub(super) fn take(&self, app: &AppId) -> Option<TokenCache> {
        let key = self.key(app);
        let slot = self.shard(&key);
        // Most that is taken out is there, but an id that is not must cost no copy.
        slot.load().get(&key)?;
        let mut shard = Shard::clone(&slot.load());
        let taken = shard.remove(&key);
        slot.store(Arc::new(shard));
        taken
    }

    /// Takes out all accounts of which `goes` says so.
    pub(super) fn take_all(&self, goes: impl Fn(&Key, &TokenCache) -> bool) -> Vec<TokenCache> {
        let mut taken = Vec::new();
        for slot in &self.shards {
            let shard = slot.load();
            let going: Vec<_> = shard.iter().filter(|(key, cache)| goes(key, cache)).collect();
            if going.is_empty() {
                continue;
            }
            let mut staying = Shard::clone(&shard);
            for (key, _) in going {
                taken.extend(staying.remove(key));
            }
            slot.store(Arc::new(staying));
        }
        taken
    }

    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.load().len()).sum()
    }

    fn key(&self, app: &AppId) -> Key {
        let hash = self.hasher.hash_one(app.as_str());
        let text = app.as_str().as_bytes();
        let mut bytes = [0; SHORT];
        let text = match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(place), Ok(length)) => {
                place.copy_from_slice(text);
                Text::Short { length, bytes }
            }
            _ => Text::Long(app.clone()),
        };
        Key { hash, text }
    }

    fn shard(&self, key: &Key) -> &ArcSwap<Shard> {
        // The map within takes the lowest and the highest bits. Below SHARDS, so the cast loses nothing.
        #[allow(clippy::cast_possible_truncation)]
        let index = (key.hash >> 32) as usize % SHARDS;
        &self.shards[index]
    }
}

impl Key {
    pub(super) fn is(&self, app: &AppId) -> bool {
        match &self.text {
            Text::Short { length, bytes } => bytes.get(..(*length).into()) == Some(app.as_str().as_bytes()),
            Text::Long(own) => own == app,
        }
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl Hasher for Carried {
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    /// Not what a key calls, but a hasher must have it.
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
