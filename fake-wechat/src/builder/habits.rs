//! How the platform behaves at its token endpoints, and how long it takes.

use std::time::Duration;

use super::FakeWeChatBuilder;

impl FakeWeChatBuilder {
    /// How long token endpoints take to answer. None by default.
    pub fn token_latency(self, latency: Duration) -> Self {
        Self { token_latency: latency, ..self }
    }

    /// How long APIs take to answer. None by default.
    pub fn api_latency(self, latency: Duration) -> Self {
        Self { api_latency: latency, ..self }
    }

    /// How long tokens live; 7200 seconds by default. Stable tokens are renewed when 300 seconds are left of them.
    pub fn token_life(mut self, life: Duration) -> Self {
        self.rules.token_life = life;
        self
    }

    /// How long the token before stays good after a mint; 5 minutes by default. Zero is harsher than WeChat.
    pub fn overlap(mut self, overlap: Duration) -> Self {
        self.rules.overlap = overlap;
        self
    }

    /// The same after a forced refresh of a stable token; none by default, as it is documented. Users have seen some.
    pub fn forced_overlap(mut self, overlap: Duration) -> Self {
        self.rules.forced_overlap = overlap;
        self
    }

    /// How many classic tokens an account may have a day; 2000 by default. Then 45009.
    pub fn classic_quota(mut self, per_day: u32) -> Self {
        self.rules.classic_quota = per_day;
        self
    }

    /// How often an account may call the stable endpoint a day; 500 000 by default. Then 45009.
    pub fn stable_quota(mut self, per_day: u32) -> Self {
        self.rules.stable_quota = per_day;
        self
    }

    /// How many forced refreshes an account has a day; 20 by default. Then 45009.
    pub fn forced_quota(mut self, per_day: u32) -> Self {
        self.rules.forced_quota = per_day;
        self
    }

    /// How long after a forced refresh another one is answered with the present token; 30 seconds by default.
    pub fn forced_spacing(mut self, spacing: Duration) -> Self {
        self.rules.forced_spacing = spacing;
        self
    }

    /// Makes every `gettoken` mint, where WeCom by default returns the same token as long as it lives. The tokens before
    /// stay good.
    pub fn wecom_mints_anew(mut self) -> Self {
        self.rules.wecom_mints_anew = true;
        self
    }

    /// What a wrong secret of an official account is answered with: 40125 by default, 40001 is documented as well. WeCom
    /// always says 40001.
    pub fn wrong_secret_code(mut self, errcode: i64) -> Self {
        self.rules.wrong_secret = errcode;
        self
    }

    /// Token endpoints find the caller's address on no allow-list: 40164, or 60020 on WeCom.
    pub fn refuse_ip(mut self) -> Self {
        self.rules.refuses_ip = true;
        self
    }
}
