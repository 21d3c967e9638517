//! [`AuthOutcome`]: what the layer did for a request, told with the answer.

use crate::{error::TokenError, request::NotReplayable};

/// What the layer did, as an extension of the response. The answer to a request that the layer did not touch has none.
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Empty;
/// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// use tower::{Layer, ServiceExt};
/// use tower_wechat::{AuthOutcome, NotReplayed, TokenCache, WeChatAuthLayer, issuer::StableToken, testing::FakeWeChat};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let wechat = FakeWeChat::start().await;
/// let issuer = StableToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET).base_url(&wechat.url())?;
/// let client = WeChatAuthLayer::new(TokenCache::new(issuer)).layer(Client::builder(TokioExecutor::new()).build_http());
///
/// wechat.reject_all(Some(40001)); // whatever the token
/// for _ in 0..2 {
///     let request = http::Request::get(wechat.url() + "/cgi-bin/user/get").body(Empty::<Bytes>::new())?;
///     let response = client.clone().oneshot(request).await?;
///     let outcome: &AuthOutcome = response.extensions().get().ok_or("no outcome")?;
///     assert_eq!(outcome.errcode(), Some(40001));
///     match outcome.not_replayed() {
///         None => assert!(outcome.replayed()), // the first request: sent again, and rejected again
///         Some(why) => assert_eq!(why, NotReplayed::BackedOff), // the second: too early for another token
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct AuthOutcome {
    rejection: Option<i64>,
    replayed: bool,
    not_replayed: Option<NotReplayed>,
    refresh_error: Option<TokenError>,
}

/// Why a rejected request was not sent a second time. The answer is then WeChat's own first answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotReplayed {
    /// There is no better token; [`AuthOutcome::refresh_error`] says why.
    RefreshFailed,
    /// It was too early to ask for another token; [`AuthOutcome::refresh_error`] says until when.
    BackedOff,
    /// The body was a stream of more bytes than `replay_limit`.
    BodyTooLarge,
    /// The body itself ended with an error.
    BodyFailed,
    /// The rest of the rejection did not come.
    AnswerIncomplete,
    /// The inner service would take no second request.
    ServiceNotReady,
    /// The other token does not fit into the URI.
    Uri,
}

impl AuthOutcome {
    /// WeChat rejected the token with this code.
    pub(crate) fn rejected_with(errcode: i64) -> Self {
        Self { rejection: Some(errcode), ..Self::default() }
    }

    pub(crate) fn and_replayed(self) -> Self {
        Self { replayed: true, ..self }
    }

    pub(crate) fn and_not_replayed(self, why: NotReplayed, refresh_error: Option<TokenError>) -> Self {
        Self { not_replayed: Some(why), refresh_error, ..self }
    }

    /// Whether the layer put a token into the request. Always true where there is an outcome at all.
    #[must_use]
    pub fn authorized(&self) -> bool {
        true
    }

    /// Whether WeChat rejected the token that the request first carried.
    #[must_use]
    pub fn rejected(&self) -> bool {
        self.rejection.is_some()
    }

    /// The code that WeChat rejected it with, in its first answer. Other codes are for the caller to read in the body.
    #[must_use]
    pub fn errcode(&self) -> Option<i64> {
        self.rejection
    }

    /// Whether the request was sent a second time, so that this is the answer to the second.
    #[must_use]
    pub fn replayed(&self) -> bool {
        self.replayed
    }

    /// Why it was not sent a second time although the token was rejected.
    #[must_use]
    pub fn not_replayed(&self) -> Option<NotReplayed> {
        self.not_replayed
    }

    /// Why there was no better token, where that is why the request was not sent a second time.
    #[must_use]
    pub fn refresh_error(&self) -> Option<&TokenError> {
        self.refresh_error.as_ref()
    }
}

impl NotReplayed {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::RefreshFailed => "refresh_failed",
            Self::BackedOff => "backed_off",
            Self::BodyTooLarge => "body_too_large",
            Self::BodyFailed => "body_failed",
            Self::AnswerIncomplete => "answer_incomplete",
            Self::ServiceNotReady => "service_not_ready",
            Self::Uri => "uri",
        }
    }
}

impl From<NotReplayable> for NotReplayed {
    fn from(why: NotReplayable) -> Self {
        match why {
            NotReplayable::TooLarge => Self::BodyTooLarge,
            NotReplayable::Failed => Self::BodyFailed,
        }
    }
}
