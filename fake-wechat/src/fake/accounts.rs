//! What befalls tokens, and when.

use std::time::Duration;

use super::FakeWeChat;

impl FakeWeChat {
    /// Kills every present token at once: 40001 from now on, 40014 on WeCom.
    pub fn revoke(&self) {
        self.state().tokens(|tokens, _| tokens.revoke(None));
    }

    /// Kills the present tokens of this app or corp id at once.
    pub fn revoke_account(&self, app: &str) {
        self.state().tokens(|tokens, _| tokens.revoke(Some(app)));
    }

    /// Kills every present token at once, and the stable endpoint and WeCom's do not notice: a normal call is answered
    /// with the dead token again until it would have run out. A forced refresh of a stable token helps.
    pub fn revoke_unnoticed(&self) {
        self.state().tokens(|tokens, _| tokens.revoke_unnoticed());
    }

    /// Ends the life of every present token at once: 42001 from now on.
    pub fn expire(&self) {
        self.state().tokens(|tokens, _| tokens.expire());
    }

    /// Mints a classic token for somebody else who uses the same account, so that the present one dies after the overlap.
    /// Returns its text, or `None` if there is no such official account. No counter counts it.
    #[must_use = "the token, or `None` for an unknown account"]
    pub fn mint_elsewhere(&self, app: &str) -> Option<String> {
        self.state().tokens(|tokens, now| tokens.mint_elsewhere(app, now)).map(|text| text.to_string())
    }

    /// A code as a login of this user gives it to a page or a mini program: `/sns/oauth2/access_token` and
    /// `/sns/jscode2session` take it once, for any official account. No other code is good.
    #[must_use = "the code is good for one call"]
    pub fn login_code(&self, open_id: &str) -> String {
        self.state().lock().users.code(open_id)
    }

    /// Whether an API would accept this token now.
    #[must_use]
    pub fn accepts(&self, token: &str) -> bool {
        self.state().tokens(|tokens, now| tokens.judge(token, now).errcode) == 0
    }

    /// Moves the platform's own clock forward, by which tokens expire and quotas are renewed. It also runs with tokio's.
    pub fn advance(&self, by: Duration) {
        self.state().clock.advance(by);
    }
}
