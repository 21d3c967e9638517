//! [`Users`]: login codes, and the tokens of users, which are no tokens of apps.

use std::{collections::HashMap, time::Duration};

use sha2::{Digest, Sha256};

use crate::rules::random_text;

/// How long a user's token lives.
pub(crate) const LIFE: Duration = Duration::from_secs(7200);

#[derive(Default)]
pub(crate) struct Users {
    codes: HashMap<String, Code>,
    tokens: HashMap<String, Token>,
    /// What a refresh token is good for: the app and the user.
    refresh_tokens: HashMap<String, (String, String)>,
}

struct Code {
    open_id: String,
    is_used: bool,
}

struct Token {
    open_id: String,
    expires: Duration,
}

/// What a login comes to.
pub(crate) struct Grant {
    pub(crate) open_id: String,
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
}

impl Users {
    /// A code with which this user logs in once.
    pub(crate) fn code(&mut self, open_id: &str) -> String {
        let code = random_text(32);
        self.codes.insert(code.clone(), Code { open_id: open_id.to_owned(), is_used: false });
        code
    }

    pub(crate) fn redeem(&mut self, code: &str) -> Result<String, i64> {
        let code = self.codes.get_mut(code).ok_or(40029)?;
        if std::mem::replace(&mut code.is_used, true) {
            return Err(40163);
        }
        Ok(code.open_id.clone())
    }

    pub(crate) fn grant(&mut self, app: &str, open_id: &str, now: Duration) -> Grant {
        let refresh_token = random_text(89);
        self.refresh_tokens.insert(refresh_token.clone(), (app.to_owned(), open_id.to_owned()));
        self.access(open_id.to_owned(), refresh_token, now)
    }

    /// Another token for the same user. The refresh token stays.
    pub(crate) fn refresh(&mut self, app: &str, refresh_token: &str, now: Duration) -> Result<Grant, i64> {
        let open_id = match self.refresh_tokens.get(refresh_token) {
            Some((of, open_id)) if of == app => open_id.clone(),
            _ => return Err(40030),
        };
        Ok(self.access(open_id, refresh_token.to_owned(), now))
    }

    fn access(&mut self, open_id: String, refresh_token: String, now: Duration) -> Grant {
        let access_token = random_text(89);
        let expires = now.saturating_add(LIFE);
        self.tokens.insert(access_token.clone(), Token { open_id: open_id.clone(), expires });
        Grant { open_id, access_token, refresh_token }
    }

    /// Zero, 42001, or 40001 for a text that is no user's token.
    pub(crate) fn judge(&self, token: &str, now: Duration) -> i64 {
        match self.tokens.get(token) {
            Some(token) if token.expires > now => 0,
            Some(_) => 42001,
            None => 40001,
        }
    }

    pub(crate) fn who(&self, token: &str) -> Option<String> {
        self.tokens.get(token).map(|token| token.open_id.clone())
    }
}

/// The same for the same user, whatever the app.
pub(crate) fn union_id(open_id: &str) -> String {
    let hash = format!("{:x}", Sha256::digest(open_id));
    format!("o{}", &hash[..27])
}

/// Sixteen bytes in base64.
pub(crate) fn session_key() -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut key: String = (0..21).map(|_| char::from(ALPHABET[fastrand::usize(..64)])).collect();
    // The last character stands for two bits.
    key.push(char::from(ALPHABET[fastrand::usize(..4) * 16]));
    key + "=="
}
