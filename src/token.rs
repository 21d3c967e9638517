//! [`AccessToken`]: one token, immutable, published to readers by pointer.

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    clock::{Clock, Deadline, Moment},
    secret::Fingerprint,
};

/// What may stand in a query value as it is (RFC 3986 "unreserved"); the tokens seen so far are made of nothing else.
pub(crate) const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// An access token as it was minted, with the moment at which it expires.
///
/// Cheap to clone, never changed. Its `Debug` shows a fingerprint in place of the text, and there is no `Display`.
///
/// ```
/// # use tower_wechat::{TokenCache, issuer::StableToken, testing::FakeWeChat};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let wechat = FakeWeChat::start().await;
/// # let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
/// #     .base_url(&wechat.url())?;
/// let token = TokenCache::new(issuer).token().await?;
/// let minutes = token.expires_in().as_secs() / 60;
/// println!("{} (no. {})", token.fingerprint(), token.generation());
/// assert!(minutes <= 120 && !token.as_str().is_empty());
/// assert!(!format!("{token:?}").contains(token.as_str()));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct AccessToken(Arc<Content>);

/// What a token is made of; the cache keeps it by pointer.
pub(crate) struct Content {
    text: Arc<str>,
    /// Only where it differs from the text.
    encoded: Option<Box<str>>,
    generation: u64,
    life: Duration,
    expiry: Deadline,
    /// The end of its whole life, though it may not be trusted so long.
    end: Deadline,
    /// Until then nobody need think of the next one.
    fresh: Deadline,
    clock: Clock,
}

impl AccessToken {
    /// A token of which `expiry` is what is left of its `life`. The next one is not thought of sooner than `ahead` of that.
    pub(crate) fn new(
        text: Arc<str>,
        generation: u64,
        life: Duration,
        expiry: Deadline,
        ahead: Duration,
        clock: Clock,
    ) -> Self {
        // Not told by the variant: a text of one byte that must be encoded comes back borrowed, too.
        let encoded = Cow::from(utf8_percent_encode(&text, ESCAPED));
        let encoded = (*encoded != *text).then(|| encoded.into());
        let fresh = expiry.less(ahead);
        Self(Arc::new(Content { text, encoded, generation, life, expiry, end: expiry, fresh, clock }))
    }

    /// The token itself. WeChat asks to reserve 512 characters for it
    /// (<https://developers.weixin.qq.com/doc/oplatform/developers/dev/AccessToken.html>).
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// How long it will live on; zero once it has expired. WeChat may revoke it earlier.
    #[must_use]
    pub fn expires_in(&self) -> Duration {
        self.0.expiry.left(self.0.clock.now())
    }

    /// Which token of its account this is: every mint has a higher number than the one before, in all processes that
    /// share a store, even if WeChat answers with the same text again.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.0.generation
    }

    /// A short hash of the text, which may be logged and compared.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.0.text)
    }

    /// The text as it goes into a query.
    pub(crate) fn encoded(&self) -> &str {
        self.0.encoded.as_deref().unwrap_or(&self.0.text)
    }

    pub(crate) fn content(&self) -> &Arc<Content> {
        &self.0
    }

    pub(crate) fn shared_text(&self) -> Arc<str> {
        self.0.text.clone()
    }

    /// The whole of its life, as it was when it was minted.
    pub(crate) fn life(&self) -> Duration {
        self.0.life
    }

    /// How long ago it was minted, as far as its life tells.
    pub(crate) fn age(&self) -> Duration {
        self.life().saturating_sub(self.0.end.left(self.0.clock.now()))
    }

    /// The same token, trusted for no longer than `most` from `now`.
    pub(crate) fn curtailed(&self, now: Moment, most: Duration) -> Self {
        let Content { text, encoded, generation, life, end, clock, .. } = &*self.0;
        let expiry = now.after(self.left(now).min(most));
        Self(Arc::new(Content {
            text: text.clone(),
            encoded: encoded.clone(),
            generation: *generation,
            life: *life,
            expiry,
            end: *end,
            fresh: now.after(Duration::ZERO),
            clock: clock.clone(),
        }))
    }

    /// Whether `new` is to take its place.
    pub(crate) fn gives_way_to(&self, new: &Self) -> bool {
        self.0.gives_way_to(&new.0)
    }

    /// Whether it is good, and far from its end.
    pub(crate) fn is_fresh(&self, now: Moment) -> bool {
        !self.0.fresh.has_passed(now)
    }

    /// What is left of its life at `now`.
    pub(crate) fn left(&self, now: Moment) -> Duration {
        self.0.expiry.left(now)
    }
}

impl From<Arc<Content>> for AccessToken {
    fn from(content: Arc<Content>) -> Self {
        Self(content)
    }
}

impl Content {
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether `new` is to take its place: it is later, or is another one and lives where this one does not. A store that was
    /// emptied may count from a lower number on. (The very same token, by a clock that was set back, lives no longer.)
    pub(crate) fn gives_way_to(&self, new: &Self) -> bool {
        let has_expired = |token: &Self| token.expiry.has_passed(token.clock.now());
        let revives = || new.text != self.text && has_expired(self) && !has_expired(new);
        new.generation > self.generation || revives()
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("fingerprint", &self.fingerprint())
            .field("generation", &self.generation())
            .field("expires_in", &self.expires_in())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> AccessToken {
        let clock = Clock::default();
        let life = Duration::from_secs(7200);
        AccessToken::new(text.into(), 1, life, clock.now().after(life), Duration::ZERO, clock)
    }

    #[test]
    fn an_ordinary_token_is_kept_once() {
        let token = token("81_aB-c_9.~");
        assert_eq!(token.encoded(), "81_aB-c_9.~");
        assert!(token.0.encoded.is_none());
    }

    #[test]
    fn anything_else_is_percent_encoded() {
        assert_eq!(token("a#b&c d+e%é@").encoded(), "a%23b%26c%20d%2Be%25%C3%A9%40");
        assert_eq!(token("&").encoded(), "%26");
    }

    #[test]
    fn debug_shows_the_fingerprint_only() {
        let shown = format!("{:?}", token("SENTINEL"));
        assert!(!shown.contains("SENTINEL"), "{shown}");
        assert!(shown.contains(&Fingerprint::of("SENTINEL").to_string()), "{shown}");
    }
}
