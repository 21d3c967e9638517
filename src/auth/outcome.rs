//! [`AuthOutcome`]: what the layer did for a request whose token was rejected, told with the answer.

use std::fmt;

use crate::{error::TokenError, request::NotReplayable};

/// What the layer did about a rejection, as an extension of the response. An answer to a request whose token was not
/// rejected has none.
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Empty;
/// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// use tower_wechat::{
///     AuthOutcome, NotReplayed, TokenCache, WeChatAuth, issuer::StableToken,
///     testing::FakeWeChat,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let wechat = FakeWeChat::start().await;
/// let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
///     .base_url(&wechat.url())?;
/// let http = Client::builder(TokioExecutor::new()).build_http();
/// let client = WeChatAuth::new(http, TokenCache::new(issuer));
///
/// wechat.reject_all(Some(40001)); // whatever the token
/// for _ in 0..2 {
///     let url = wechat.url() + "/cgi-bin/user/get";
///     let request = http::Request::get(url).body(Empty::<Bytes>::new())?;
///     let response = client.send(request).await?;
///     let outcome = response.extensions().get::<AuthOutcome>().ok_or("accepted")?;
///     assert_eq!(outcome.errcode(), 40001);
///     match outcome.not_replayed() {
///         // The first request was sent again, and rejected again.
///         None => assert!(outcome.replayed()),
///         // The second came too early for another token.
///         Some(why) => assert_eq!(why, NotReplayed::BackedOff),
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct AuthOutcome {
    errcode: i64,
    not_replayed: Option<NotReplayed>,
    refresh_error: Option<TokenError>,
}

/// Why there is no second answer to a rejected request. The answer is then WeChat's own first answer.
///
/// ```
/// use tower_wechat::NotReplayed;
///
/// /// Whether to send the request again by hand, with the next token.
/// fn worth_another_try(why: NotReplayed) -> bool {
///     match why {
///         // The stream had gone by; make a new one.
///         NotReplayed::BodyTooLarge | NotReplayed::ReplayMemoryFull => true,
///         _ => false,
///     }
/// }
/// assert!(worth_another_try(NotReplayed::BodyTooLarge));
/// assert_eq!(NotReplayed::BodyTooLarge.to_string(), "body_too_large");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotReplayed {
    /// There is no better token; [`AuthOutcome::refresh_error`] says why.
    RefreshFailed,
    /// It was too early to ask for another token; [`AuthOutcome::refresh_error`] says until when.
    BackedOff,
    /// The body was a stream, and more bytes of it had been sent than
    /// [`replay_limit`](crate::WeChatAuthLayer::replay_limit).
    BodyTooLarge,
    /// The body was a stream, and the requests of the layer together had recorded as much as
    /// [`replay_memory`](crate::WeChatAuthLayer::replay_memory).
    ReplayMemoryFull,
    /// The body itself ended with an error.
    BodyFailed,
    /// The rest of the rejection did not come, or was more than is looked at
    /// ([`inspect_limit`](crate::WeChatAuthLayer::inspect_limit), [`replay_memory`](crate::WeChatAuthLayer::replay_memory)).
    AnswerIncomplete,
    /// The inner service would take no second request.
    ServiceNotReady,
    /// The second request was refused, and nothing of it was carried out: the load was shed, the connection refused, or the
    /// server said that it had not processed it.
    Refused,
    /// [`replay_timeout`](crate::WeChatAuthLayer::replay_timeout), or the request's own time-out, had passed. If the second
    /// request was on its way by then, it may have been carried out.
    TimedOut,
    /// The other token does not fit into the URI.
    Uri,
}

impl AuthOutcome {
    /// WeChat rejected the token with this code, and the request was sent a second time.
    pub(super) fn replayed_after(errcode: i64) -> Self {
        Self { errcode, not_replayed: None, refresh_error: None }
    }

    /// WeChat rejected the token with this code, and that is the answer.
    pub(super) fn not_replayed_because(
        errcode: i64,
        why: NotReplayed,
        refresh_error: Option<TokenError>,
    ) -> Self {
        Self { errcode, not_replayed: Some(why), refresh_error }
    }

    /// The code that WeChat rejected the token with, in its first answer. Other codes are for the caller to read in the
    /// body.
    #[must_use]
    pub fn errcode(&self) -> i64 {
        self.errcode
    }

    /// Whether this is the answer to a second request.
    #[must_use]
    pub fn replayed(&self) -> bool {
        self.not_replayed.is_none()
    }

    /// Why this is the first answer although the token was rejected.
    #[must_use]
    pub fn not_replayed(&self) -> Option<NotReplayed> {
        self.not_replayed
    }

    /// Why there was no better token, where that is why there was no second request.
    ///
    /// ```
    /// # use bytes::Bytes;
    /// # use http_body_util::Empty;
    /// # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
    /// # use tower_wechat::{AuthOutcome, TokenCache, WeChatAuth, issuer::StableToken};
    /// # use tower_wechat::testing::{FakeWeChat, Fault};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let wechat = FakeWeChat::start().await;
    /// # let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
    /// #     .base_url(&wechat.url())?;
    /// # let http = Client::builder(TokioExecutor::new()).build_http();
    /// # let client = WeChatAuth::new(http, TokenCache::new(issuer));
    /// # let request = || http::Request::get(wechat.url() + "/cgi-bin/user/get").body(Empty::<Bytes>::new());
    /// # client.send(request()?).await?;
    /// wechat.revoke();
    /// wechat.fail_tokens(Fault::Errcode(40125)); // and the secret was replaced
    /// let response = client.send(request()?).await?;
    /// let outcome = response.extensions().get::<AuthOutcome>().unwrap();
    /// assert_eq!(outcome.refresh_error().unwrap().errcode(), Some(40125));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn refresh_error(&self) -> Option<&TokenError> {
        self.refresh_error.as_ref()
    }
}

impl NotReplayed {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::RefreshFailed => "refresh_failed",
            Self::BackedOff => "backed_off",
            Self::BodyTooLarge => "body_too_large",
            Self::ReplayMemoryFull => "replay_memory_full",
            Self::BodyFailed => "body_failed",
            Self::AnswerIncomplete => "answer_incomplete",
            Self::ServiceNotReady => "service_not_ready",
            Self::Refused => "refused",
            Self::TimedOut => "timed_out",
            Self::Uri => "uri",
        }
    }
}

/// One word, such as `backed_off`.
impl fmt::Display for NotReplayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<NotReplayable> for NotReplayed {
    fn from(why: NotReplayable) -> Self {
        match why {
            NotReplayable::TooLarge => Self::BodyTooLarge,
            NotReplayable::NoMemory => Self::ReplayMemoryFull,
            NotReplayable::Failed => Self::BodyFailed,
        }
    }
}
