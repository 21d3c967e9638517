//! [`Stats`]: what a cache has done since it was built, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::telemetry::{Cause, Event};

macro_rules! stats {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counters of one cache, since it was built. They hold no secrets.
        ///
        /// Made by [`TokenCache::stats`](crate::TokenCache::stats).
        ///
        /// ```
        /// # use tower_wechat::{TokenCache, issuer::StableToken, testing::FakeWeChat};
        /// # #[tokio::main(flavor = "current_thread")]
        /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// # let wechat = FakeWeChat::start().await;
        /// # let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
        /// #     .base_url(&wechat.url())?;
        /// # let cache = TokenCache::new(issuer);
        /// let token = cache.token().await?;
        /// # wechat.revoke();
        /// cache.refresh(&token).await?;
        ///
        /// let stats = cache.stats();
        /// assert_eq!((stats.mints_cold, stats.mints_rejected), (1, 1));
        /// assert_eq!(stats.mints(), 2);
        /// # Ok(())
        /// # }
        /// ```
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Stats {
            $($(#[$doc])* pub $name: u64,)*
        }

        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $($name: AtomicU64,)*
        }

        impl Counters {
            pub(crate) fn read(&self) -> Stats {
                Stats { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }
    };
}

stats! {
    /// Tokens minted because there was none or it had expired.
    mints_cold,
    /// Tokens minted because the present one was near its end.
    mints_ahead,
    /// Tokens minted because WeChat rejected the present one.
    mints_rejected,
    /// Tokens minted by force, after a normal mint had returned the rejected one.
    mints_forced,
    /// Mints that failed, second tries included in the first.
    mint_failures,
    /// Tokens taken from the store instead of minted.
    shared,
    /// Callers that had to wait for a token.
    waits,
    /// Those of them that joined a fetch under way.
    coalesced,
    /// Answers in which WeChat rejected the token.
    rejections,
    /// Requests sent a second time.
    replays,
    /// Rejected requests that were not sent a second time.
    not_replayed,
    /// Refreshes refused because the budget was spent.
    budget_refusals,
    /// Times it looked as if another program minted for this app.
    foreign_minter_alarms,
    /// Outages of the store, each counted once.
    store_failures,
    /// Tokens minted too late, and thrown away because another process had taken over.
    fenced,
}

impl Stats {
    /// Tokens minted, whatever the cause.
    #[must_use]
    pub fn mints(&self) -> u64 {
        self.mints_cold + self.mints_ahead + self.mints_rejected + self.mints_forced
    }
}

impl Counters {
    pub(crate) fn count(&self, event: Event<'_>) {
        let counter = match event {
            Event::Minted { cause: Cause::Cold, .. } => &self.mints_cold,
            Event::Minted { cause: Cause::Ahead, .. } => &self.mints_ahead,
            Event::Minted { cause: Cause::Rejected, .. } => &self.mints_rejected,
            Event::Minted { cause: Cause::Forced, .. } => &self.mints_forced,
            Event::MintFailed { .. } => &self.mint_failures,
            Event::Shared { .. } => &self.shared,
            Event::Waited => &self.waits,
            Event::Coalesced => &self.coalesced,
            Event::Rejected { .. } => &self.rejections,
            Event::Replayed => &self.replays,
            Event::NotReplayed { .. } => &self.not_replayed,
            Event::BudgetSpent { .. } => &self.budget_refusals,
            Event::ForeignMinter { .. } => &self.foreign_minter_alarms,
            Event::StoreFailed { .. } => &self.store_failures,
            Event::Fenced { .. } => &self.fenced,
            Event::Life { .. } => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
