//! Which messages came a short while ago.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Mutex, PoisonError},
};

use sha1::{Digest, Sha1};

/// WeChat's three tries of a message are over within 15 seconds: enough for a thousand messages a second.
const KEPT: usize = 15_000;

/// Tells the second and third try of a message from the first.
///
/// One process remembers for itself. Where several receive callbacks, keep the keys where all of them look, as with Redis's
/// `SET key 1 NX EX 60`.
#[derive(Default)]
pub struct Recent(Mutex<Keys>);

/// Hashes, so that a long key takes no more room.
#[derive(Default)]
struct Keys {
    known: HashSet<[u8; 20]>,
    in_order: VecDeque<[u8; 20]>,
}

impl Recent {
    /// Whether this key comes for the first time.
    pub fn is_new(&self, key: &str) -> bool {
        let key = Sha1::digest(key).into();
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !keys.known.insert(key) {
            return false;
        }
        keys.in_order.push_back(key);
        if keys.in_order.len() > KEPT
            && let Some(oldest) = keys.in_order.pop_front()
        {
            keys.known.remove(&oldest);
        }
        true
    }
}
