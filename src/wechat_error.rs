//! [`WeChatError`]: an API's answer that is an error, as a Rust error.

use std::{error::Error as StdError, fmt};

use memchr::memmem;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    issuer::answer::{errcode, read},
    response::{ErrcodeScanner, Found},
    rid::{hint, rid},
};

/// Characters of the platform's text that are shown; the longest known one has about 200.
const LONGEST_SHOWN: usize = 300;
/// Longer words are not shown: an app secret has 32 characters, an openid 28.
const LONGEST_WORD: usize = 31;

/// An answer in which a WeChat or WeCom API says that the call failed: HTTP status 200, and an `errcode` in the body.
///
/// Codes are listed at <https://developers.weixin.qq.com/doc/oplatform/developers/errCode/errCode.html> and
/// <https://developer.work.weixin.qq.com/document/path/90313>. A code that rejects the `access_token` has been dealt
/// with by the layer before; if it still comes, the request's [`AuthOutcome`](crate::AuthOutcome) says why.
///
/// ```
/// # use tower::Layer;
/// # use tower_wechat::{TokenCache, WeChatAuthLayer, issuer::StableToken, testing::FakeWeChat};
/// use serde_json::Value;
/// use tower_wechat::{WeChatAuth, WeChatError};
///
/// type BoxError = Box<dyn std::error::Error + Send + Sync>;
///
/// async fn send(
///     client: &WeChatAuth<reqwest::Client>,
///     request: reqwest::Request,
/// ) -> Result<Value, BoxError> {
///     let answer = client.execute(request).await?.bytes().await?;
///     WeChatError::parse(&answer).map_or(Ok(()), Err)?;
///     Ok(serde_json::from_slice(&answer)?)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), BoxError> {
/// # let _ = rustls::crypto::ring::default_provider().install_default();
/// # let wechat = FakeWeChat::start().await;
/// # let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
/// #     .base_url(&wechat.url())?;
/// # let http = reqwest::Client::new();
/// # let client = WeChatAuthLayer::new(TokenCache::new(issuer)).layer(http.clone());
/// # let url = wechat.url() + "/cgi-bin/message/custom/send";
/// # let request = || http.post(&url).build();
/// let answer = send(&client, request()?).await?;
/// assert_eq!(answer["errmsg"], "ok");
///
/// wechat.reject_all(Some(45015)); // the user has not written for 48 hours
/// let error = send(&client, request()?).await.unwrap_err();
/// assert_eq!(error.downcast_ref::<WeChatError>().unwrap().errcode(), 45015);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct WeChatError {
    errcode: i64,
    errmsg: Box<str>,
}

/// What matters of an answer; the rest is skipped, not kept.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    errcode: Value,
    errmsg: Value,
}

impl WeChatError {
    /// The error that an answer is; give it the whole body.
    ///
    /// It is `None` for a success: a JSON object with `errcode` 0 or without one, and whatever is no JSON object: an
    /// array, a picture, a body that was cut off. Only the outermost object counts. The code may be a string that holds
    /// a number. A byte order mark, raw control characters in strings and bad UTF-8 do no harm: WeChat sends them.
    ///
    /// An answer that is no JSON object, or that does not have the word `errcode` in it, is not read in full.
    ///
    /// ```
    /// use tower_wechat::WeChatError;
    ///
    /// let answer = br#"{"errcode":45009,"errmsg":"reach max api daily quota limit"}"#;
    /// assert_eq!(WeChatError::parse(answer).unwrap().errcode(), 45009);
    ///
    /// assert!(WeChatError::parse(br#"{"errcode":0,"errmsg":"ok"}"#).is_none());
    /// assert!(WeChatError::parse(b"\x89PNG\r\n").is_none());
    /// ```
    #[must_use]
    pub fn parse(answer: &[u8]) -> Option<Self> {
        let start = answer.strip_prefix(b"\xef\xbb\xbf").unwrap_or(answer).trim_ascii_start();
        if !start.starts_with(b"{") {
            return None;
        }
        // Any character of a key may be written as `\uXXXX`.
        if memmem::find(start, b"errcode").is_none() && memmem::find(start, b"\\u").is_none() {
            return None;
        }
        let Some(Said { errcode: code, errmsg }) = read(answer) else {
            return Self::of_damaged(start);
        };
        let errmsg = match errmsg {
            Value::String(text) => text.into(),
            _ => Box::default(),
        };
        Some(Self { errcode: errcode(&code)?, errmsg })
    }

    /// The code of an object that ends but cannot be read: a text that was cut in the middle of an emoji, a key that is
    /// there twice.
    fn of_damaged(answer: &[u8]) -> Option<Self> {
        if !answer.trim_ascii_end().ends_with(b"}") {
            return None;
        }
        match ErrcodeScanner::new().push_whole(answer) {
            Found::Code(errcode) if errcode != 0 => Some(Self { errcode, errmsg: Box::default() }),
            _ => None,
        }
    }

    /// The code; never zero.
    #[must_use]
    pub fn errcode(&self) -> i64 {
        self.errcode
    }

    /// The platform's own text as it came, or nothing where that cannot be read. What could not be read in it is U+FFFD.
    ///
    /// It may quote the request. `Display` and `Debug` show it on one line, 300 characters of it at most, and without
    /// words of 32 and more letters, digits, `-` and `_`: a token or a secret would look like that.
    ///
    /// ```
    /// use tower_wechat::WeChatError;
    ///
    /// let answer = br#"{"errcode":40003,"errmsg":"invalid openid"}"#;
    /// let error = WeChatError::parse(answer).unwrap();
    /// assert_eq!(error.errmsg(), "invalid openid");
    /// assert_eq!(
    ///     error.to_string(),
    ///     "the platform answered with errcode 40003: invalid openid",
    /// );
    /// ```
    #[must_use]
    pub fn errmsg(&self) -> &str {
        &self.errmsg
    }

    /// WeChat's id of the failed request (`654df33c-64386a2f-29857782`), for its support. WeCom gives a
    /// [`hint`](Self::hint) instead.
    ///
    /// ```
    /// use tower_wechat::WeChatError;
    ///
    /// let answer = br#"{"errcode":40003,
    ///     "errmsg":"invalid openid rid: 654df33c-64386a2f-29857782"}"#;
    /// let error = WeChatError::parse(answer).unwrap();
    /// assert_eq!(error.rid(), Some("654df33c-64386a2f-29857782"));
    /// ```
    ///
    /// WeChat keeps what it knows of a `rid` for seven days (`/cgi-bin/openapi/rid/get` tells).
    #[must_use]
    pub fn rid(&self) -> Option<&str> {
        rid(&self.errmsg)
    }

    /// WeCom's mark of the failed request, for its support: `1692099979531331300516404` where the text has
    /// `hint: [1692099979531331300516404]`. Some of WeChat's texts have one, too, beside a [`rid`](Self::rid) or without.
    ///
    /// ```
    /// use tower_wechat::WeChatError;
    ///
    /// let answer = br#"{"errcode":60111,
    ///     "errmsg":"userid not found, hint: [1692099979531331300516404]"}"#;
    /// let error = WeChatError::parse(answer).unwrap();
    /// assert_eq!(error.hint(), Some("1692099979531331300516404"));
    /// ```
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        hint(&self.errmsg)
    }

    /// The text for people; see [`errmsg`](Self::errmsg).
    fn shown(&self) -> String {
        let of_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let mut shown = String::new();
        let mut rest = &*self.errmsg;
        while let Some(first) = rest.chars().next() {
            let end = rest.find(|c| of_token(c) != of_token(first)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            if of_token(first) && word.len() > LONGEST_WORD {
                shown.push_str("***");
            } else {
                shown.extend(word.chars().map(|c| if c.is_control() { ' ' } else { c }));
            }
            rest = after;
        }
        if let Some((end, _)) = shown.char_indices().nth(LONGEST_SHOWN) {
            shown.truncate(end);
            shown.push('…');
        }
        shown
    }
}

impl fmt::Display for WeChatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the platform answered with errcode {}", self.errcode)?;
        let shown = self.shown();
        if shown.is_empty() { Ok(()) } else { write!(f, ": {shown}") }
    }
}

impl fmt::Debug for WeChatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeChatError").field("errcode", &self.errcode).field("errmsg", &self.shown()).finish()
    }
}

impl StdError for WeChatError {}

#[cfg(test)]
mod tests;
