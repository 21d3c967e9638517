//! A client of a hub may send any bytes: no panic, an answer that is HTTP or none, and no token unless it shows the secret.

#![no_main]

use std::{cell::RefCell, time::Duration};

use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};
use tower_wechat::{
    Platform, TokenCache,
    issuer::{AccountKey, Issuer, Mint, MintFuture, Minted},
};
use wechat_hub::{Client, Hub, fuzzing::exchange};

const TOKEN: &str = "the-token-itself";
const SECRET: &str = "client-secret";

struct Fixed(Platform);

impl Issuer for Fixed {
    fn mint(&self, _: Mint) -> MintFuture<'_> {
        Box::pin(std::future::ready(Ok(Minted::new(TOKEN, Duration::from_secs(7200)))))
    }

    fn platform(&self) -> &Platform {
        &self.0
    }

    fn account(&self) -> AccountKey {
        AccountKey::new("fixed", "", "wx", None)
    }
}

thread_local! {
    static HUB: RefCell<Option<(Runtime, Hub)>> = const { RefCell::new(None) };
}

fn new() -> (Runtime, Hub) {
    // Its time stands still but for what is waited for, so that no time limit holds up the fuzzer.
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let cache = TokenCache::new(Fixed(Platform::wechat()));
    let client = Client::new("c", SECRET).apps(["wx"]).rights(["token", "refresh"]);
    (runtime, Hub::builder().app_on_demand("wx", cache).client(client).build().unwrap())
}

fuzz_target!(|bytes: &[u8]| {
    HUB.with_borrow_mut(|hub| {
        let (runtime, hub) = hub.get_or_insert_with(new);
        let said = runtime.block_on(exchange(hub, bytes));
        assert!(said.is_empty() || said.starts_with(b"HTTP/1."), "{}", String::from_utf8_lossy(&said));
        let has =
            |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        if has(&said, TOKEN) {
            assert!(has(bytes, SECRET));
        }
        assert_eq!(hub.load().connections, 0);
        assert_eq!(hub.load().long_polls, 0);
    });
});
