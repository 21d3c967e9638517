//! Ends of tokens that no mint brings about.

use super::{Ended, Tokens};

impl Tokens {
    pub(crate) fn revoke(&mut self, only: Option<&str>) {
        self.end(only, Ended::Revoked);
        self.forget_current(only);
    }

    pub(crate) fn expire(&mut self) {
        self.end(None, Ended::Expired);
        self.forget_current(None);
    }

    /// The tokens are dead, and the endpoints do not know it.
    pub(crate) fn revoke_unnoticed(&mut self) {
        self.end(None, Ended::Revoked);
    }

    fn end(&mut self, only: Option<&str>, how: Ended) {
        for issued in self.issued.values_mut() {
            let id = self.accounts[issued.account].id.as_str();
            if issued.ended.is_none() && only.is_none_or(|only| only == id) {
                issued.ended = Some(how);
            }
        }
    }

    fn forget_current(&mut self, only: Option<&str>) {
        for account in &mut self.accounts {
            if only.is_none_or(|only| only == account.id.as_str()) {
                account.desks.iter_mut().for_each(|desk| desk.current = None);
            }
        }
    }
}
