//! [`KeepWarm`]: refreshes ahead without traffic.
//!
//! One task a runtime serves all accounts: a queue of the moments at which their tokens are due. It knows the caches weakly
//! and ends when the last [`KeepWarm`] is dropped. Mints are spread: a token is due at a moment of its own within its last
//! minutes, accounts that have no token yet start one after another, and no more than a few mints run at a time.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::mpsc,
    task::JoinSet,
    time::{Instant, Interval, Sleep, interval, sleep},
};
use tokio_util::time::{DelayQueue, delay_queue};

use super::{TokenCache, core::Core, per_runtime::PerRuntime, policy::Need};
use crate::clock::{Clock, Moment};

/// Mints at a time.
const AT_ONCE: usize = 32;
/// Accounts without a token start at this pace a second, or at the one that has all of them started within nearly a
/// token's life: tokens that were minted together are due together ever after.
const COLD_A_SECOND: u32 = 10;
const COLD_WITHIN_SECS: u32 = 6500;
/// An account that nobody has used for this long is left to refresh on use.
const IDLE: Duration = Duration::from_secs(6 * 3600);
/// How often such an account is looked at.
const IDLE_LOOK: Duration = Duration::from_secs(600);
/// The least and the most time between two looks at an account. The queue panics at more than two years, and a store can
/// hold anything.
const LEAST: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_secs(24 * 3600);
/// How often the two clocks are compared: the monotonic one stands still while a machine is suspended.
const TICK: Duration = Duration::from_secs(30);
/// How far they may drift apart in that time.
const DRIFT: Duration = Duration::from_secs(10);

/// Keeps a cache's token warm until it is dropped; made by [`TokenCache::keep_warm`].
///
/// ```
/// use tower_wechat::KeepWarm;
/// # use tower_wechat::{TokenCache, issuer::StableToken, testing::FakeWeChat};
///
/// struct Bot {
///     cache: TokenCache,
///     _warm: KeepWarm, // as long as the bot lives
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let wechat = FakeWeChat::start().await;
/// # let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
/// #     .base_url(&wechat.url())?;
/// # let cache = TokenCache::new(issuer);
/// let bot = Bot { _warm: cache.keep_warm(), cache };
/// bot.cache.newer_than(0).await; // the first token, fetched by nobody's request
/// # Ok(())
/// # }
/// ```
#[must_use = "the cache is kept warm until this is dropped"]
pub struct KeepWarm {
    id: u64,
    /// The guard is a handle of the cache like any other.
    cache: TokenCache,
    warmer: Arc<Warmer>,
}

/// The way to one runtime's task. It ends when this is dropped.
struct Warmer {
    orders: mpsc::UnboundedSender<Order>,
}

enum Order {
    Add(u64, Weak<Core>),
    Remove(u64),
}

static WARMERS: PerRuntime<Warmer> = PerRuntime::new();
static NEXT_ID: AtomicU64 = AtomicU64::new(0);

impl KeepWarm {
    pub(super) fn new(cache: TokenCache) -> Self {
        let warmer = Warmer::of(&Handle::current());
        let state = &cache.core.state;
        state.note_use(state.clock.now());
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        // Fails only where the runtime is being shut down, and everything with it.
        let _ = warmer.orders.send(Order::Add(id, Arc::downgrade(&cache.core)));
        Self { id, cache, warmer }
    }
}

impl Drop for KeepWarm {
    fn drop(&mut self) {
        let _ = self.warmer.orders.send(Order::Remove(self.id));
    }
}

impl fmt::Debug for KeepWarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeepWarm").field(&self.cache).finish()
    }
}

impl Warmer {
    /// The runtime's warmer, started if there is none.
    fn of(runtime: &Handle) -> Arc<Self> {
        // One whose task is gone may still be held by guards.
        let is_of_use = |warmer: &Self| !warmer.orders.is_closed();
        WARMERS.of(runtime, is_of_use, || {
            let (orders, inbox) = mpsc::unbounded_channel();
            // Here and not in the task, so that a runtime without a timer shows at once.
            let rounds = Rounds::new(inbox);
            runtime.spawn(rounds.run());
            Self { orders }
        })
    }
}

struct Rounds {
    inbox: mpsc::UnboundedReceiver<Order>,
    accounts: HashMap<u64, Account>,
    due: DelayQueue<u64>,
    minting: JoinSet<u64>,
    tick: Interval,
    clock: Clock,
    /// When the clocks were last compared.
    looked: Moment,
    /// Accounts that have no token yet, in the order in which they came.
    cold: VecDeque<u64>,
    /// When the next of them may start.
    pace: Pin<Box<Sleep>>,
}

struct Account {
    cache: Weak<Core>,
    /// None while it is being minted for.
    queued: Option<delay_queue::Key>,
}

enum Happening {
    Ordered(Option<Order>),
    Minted(u64),
    Due(u64),
    Tick,
}

impl Rounds {
    fn new(inbox: mpsc::UnboundedReceiver<Order>) -> Self {
        let clock = Clock::default();
        Self {
            inbox,
            accounts: HashMap::new(),
            due: DelayQueue::new(),
            minting: JoinSet::new(),
            tick: interval(TICK),
            looked: clock.now(),
            clock,
            cold: VecDeque::new(),
            pace: Box::pin(sleep(Duration::ZERO)),
        }
    }

    async fn run(mut self) {
        loop {
            match self.next().await {
                Happening::Ordered(None) => return,
                Happening::Ordered(Some(Order::Add(id, cache))) => {
                    self.accounts.insert(id, Account { cache, queued: None });
                    self.admit(id);
                }
                Happening::Ordered(Some(Order::Remove(id))) => {
                    if let Some(key) = self.accounts.remove(&id).and_then(|account| account.queued) {
                        self.due.remove(&key);
                    }
                }
                Happening::Due(id) => self.mint(id),
                Happening::Minted(id) => self.queue(id),
                Happening::Tick => self.compare_clocks(),
            }
        }
    }

    async fn next(&mut self) -> Happening {
        poll_fn(|cx| {
            if let Poll::Ready(order) = self.inbox.poll_recv(cx) {
                return Poll::Ready(Happening::Ordered(order));
            }
            // A panic in there is impossible (the issuer's are caught); the account would be let go of.
            if let Poll::Ready(Some(Ok(id))) = self.minting.poll_join_next(cx) {
                return Poll::Ready(Happening::Minted(id));
            }
            if self.minting.len() < AT_ONCE {
                if let Poll::Ready(Some(due)) = self.due.poll_expired(cx) {
                    return Poll::Ready(Happening::Due(due.into_inner()));
                }
                while self.cold.front().is_some_and(|id| !self.accounts.contains_key(id)) {
                    self.cold.pop_front();
                }
                if let Some(&id) = self.cold.front()
                    && self.pace.as_mut().poll(cx).is_ready()
                {
                    self.cold.pop_front();
                    self.keep_pace();
                    return Poll::Ready(Happening::Due(id));
                }
            }
            self.tick.poll_tick(cx).map(|_| Happening::Tick)
        })
        .await
    }

    /// Takes in an account that has just come.
    fn admit(&mut self, id: u64) {
        let has_token =
            |account: &Account| account.cache.upgrade().is_some_and(|cache| cache.state.current().is_some());
        if self.accounts.get(&id).is_some_and(has_token) {
            self.queue(id);
        } else {
            self.cold.push_back(id);
        }
    }

    /// An account without a token starts: the next one has to wait.
    fn keep_pace(&mut self) {
        let accounts = u32::try_from(self.accounts.len()).unwrap_or(u32::MAX);
        let step = Duration::from_secs(1) / COLD_A_SECOND.max(accounts / COLD_WITHIN_SECS + 1);
        self.pace.as_mut().reset(Instant::from_std(self.clock.now().monotonic) + step);
    }

    fn mint(&mut self, id: u64) {
        let Some(account) = self.accounts.get_mut(&id) else { return };
        account.queued = None;
        let Some(cache) = account.cache.upgrade() else { return };
        self.minting.spawn(async move {
            warm(cache).await;
            id
        });
    }

    fn queue(&mut self, id: u64) {
        let Some(account) = self.accounts.get_mut(&id) else { return };
        let Some(cache) = account.cache.upgrade() else { return };
        account.queued = Some(self.due.insert(id, due_in(&cache)));
    }

    /// After a suspend, what the queue calls later may be long past.
    fn compare_clocks(&mut self) {
        let now = self.clock.now();
        let ran = now.monotonic.saturating_duration_since(self.looked.monotonic);
        let went = now.wall.duration_since(self.looked.wall).unwrap_or_default();
        self.looked = now;
        if went < ran + DRIFT {
            return;
        }
        for account in self.accounts.values() {
            if let Some(key) = &account.queued {
                self.due.reset(key, Duration::ZERO);
            }
        }
    }
}

/// Whether there is nothing to be done for it: nobody uses it, or it was shut down.
fn rests(cache: &Core, now: Moment) -> bool {
    cache.state.is_closed() || cache.state.idle(now) > IDLE
}

/// When the token should be looked at next.
fn due_in(cache: &Core) -> Duration {
    let now = cache.state.clock.now();
    if rests(cache, now) {
        return IDLE_LOOK;
    }
    let pause = cache.state.history().pause(now);
    cache.state.before_window(now).max(pause).clamp(LEAST, MOST)
}

/// Sees to the next token, if it is due.
async fn warm(cache: Arc<Core>) {
    let now = cache.state.clock.now();
    if rests(&cache, now) || !cache.state.before_window(now).is_zero() {
        return;
    }
    let need = Need::After(cache.state.slot().map_or(0, |token| token.generation()));
    // Whether it went well shows in the slot; what went wrong has been reported.
    let _ = cache.wait(need).await;
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;
    use crate::{
        cache::{settings::Settings, state::State},
        issuer::{AccountKey, Issuer, Mint, MintFuture, Minted},
        platform::Platform,
    };

    const LIFE: Duration = Duration::from_secs(7200);

    struct Plain(Platform);

    impl Issuer for Plain {
        fn mint(&self, _: Mint) -> MintFuture<'_> {
            Box::pin(ready(Ok(Minted::new("T", LIFE))))
        }

        fn platform(&self) -> &Platform {
            &self.0
        }

        fn account(&self) -> AccountKey {
            AccountKey::new("plain", "", "app", None)
        }
    }

    /// Meanwhile the wall clock went on, and the monotonic one, by which tokens are queued, did not.
    #[tokio::test(start_paused = true)]
    async fn after_a_suspend_what_is_due_by_now_is_replaced_whether_it_has_expired_or_not() {
        for suspended in [7_000, 8_000] {
            let clock = Clock::shiftable();
            let issuer = Arc::new(Plain(Platform::wechat()));
            let core = Arc::new(Core::new(State::new(issuer, None, Settings::default(), clock.clone())));
            let (orders, inbox) = mpsc::unbounded_channel();
            let rounds = Rounds { looked: clock.now(), clock: clock.clone(), ..Rounds::new(inbox) };
            tokio::spawn(rounds.run());
            let _ = orders.send(Order::Add(1, Arc::downgrade(&core)));
            sleep(Duration::from_secs(10)).await;
            assert_eq!(core.state.stats().mints(), 1);
            clock.shift_wall(suspended * 1000);
            sleep(TICK * 2).await;
            assert_eq!(core.state.stats().mints(), 2, "{suspended} s");
            assert!(core.state.current().is_some());
        }
    }
}
