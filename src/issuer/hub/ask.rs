//! [`Hub`]: the questions that a hub is asked, each over a connection of its own and within its time.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, StatusCode,
    header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE},
};
use percent_encoding::utf8_percent_encode;
use tokio::time::timeout;

use super::{
    failure::Failure,
    known::Known,
    place::Place,
    reach::Reach,
    wire::{self, Asked, Told},
};
use crate::{
    error::{ErrorKind, TokenError},
    issuer::{
        client::{Answer, Client},
        secrets::check,
    },
    platform::Platform,
    secret::{AppId, AppSecret},
    token::{AccessToken, ESCAPED},
};

/// How long an ask may take.
pub(super) const ASK: Duration = Duration::from_secs(6);
/// How long the hub is to wait for a newer token before it says that there is none.
const WAIT: Duration = Duration::from_secs(45);
/// How much later that answer may come.
const GRACE: Duration = Duration::from_secs(10);
/// A token with less than that, in seconds, may be dead before a request with it is at the platform.
const LEAST_LIFE_SECS: u64 = 10;

/// An account at a hub. Clones ask the same hub, and know the same of it.
#[derive(Clone)]
pub(super) struct Hub {
    pub(super) place: Place,
    pub(super) app: AppId,
    pub(super) secret: AppSecret,
    pub(super) platform: Platform,
    pub(super) known: Arc<Known>,
    pub(super) reach: Arc<Reach>,
    client: Client,
}

impl Hub {
    pub(super) fn new(place: Place, client: Client, app: AppId, secret: AppSecret) -> Self {
        let (known, reach) = (Arc::default(), Arc::default());
        Self { place, app, secret, platform: Platform::wechat(), known, reach, client }
    }

    pub(super) fn through(self, client: Client) -> Self {
        if self.place.is_unix { self } else { Self { client, ..self } }
    }

    #[cfg(feature = "https")]
    pub(super) fn trusting(self, pem: &[u8]) -> Result<Self, crate::error::Error> {
        let client = self.client.trusting(pem)?;
        Ok(self.through(client))
    }

    /// The present token.
    pub(super) async fn present(&self, limit: Duration) -> Result<Told, Failure> {
        let query = format!("min_ttl={LEAST_LIFE_SECS}");
        self.token(self.get(&query)?, limit, None).await
    }

    /// The token that takes the place of this one, which the platform rejected.
    pub(super) async fn refresh(&self, rejected: &AccessToken, limit: Duration) -> Result<Told, Failure> {
        let json = serde_json::json!({ "rejected": rejected.as_str() });
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.url("refresh"))
            .header(CONTENT_TYPE, "application/json");
        let request = self.finish(request, json.to_string().into())?;
        self.token(request, limit, Some(rejected)).await
    }

    /// The next token after the one of this generation, as soon as there is one; none where the hub has waited in vain.
    pub(super) async fn next_after(&self, generation: u64) -> Result<Option<Told>, Failure> {
        let query = format!("newer_than={generation}&wait={}", WAIT.as_secs());
        let (request, question) = (self.get(&query)?, self.known.ask());
        let limit = WAIT + GRACE;
        let began = self.reach.now();
        let answer = self.exchange(request, limit).await?;
        if self.reach.now().since(began) > limit {
            // The machine was suspended meanwhile, and who knows what is left of such a token.
            return Err(self.late(limit));
        }
        if answer.status == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        let told = self.read(&answer, None)?;
        if told.generation <= generation {
            let text = format!("{} told of a newer token, which is no newer one", self.place.name);
            return Err(Failure::Refused(self.named(TokenError::transient(text))));
        }
        Ok(Some(self.known.learn(question, told, self.reach.now())))
    }

    async fn token(
        &self,
        request: Request<Bytes>,
        limit: Duration,
        rejected: Option<&AccessToken>,
    ) -> Result<Told, Failure> {
        let question = self.known.ask();
        let told = self.read(&self.exchange(request, limit).await?, rejected)?;
        Ok(self.known.learn(question, told, self.reach.now()))
    }

    /// One call, and what it says of the hub's reach.
    async fn exchange(&self, request: Request<Bytes>, limit: Duration) -> Result<Answer, Failure> {
        let error = match timeout(limit, self.client.once(request)).await {
            Ok(Ok(answer)) => {
                self.reach.answered();
                return Ok(answer);
            }
            Ok(Err(error)) => error,
            Err(_) => return Err(self.late(limit)),
        };
        let (is_of_transport, is_late) = (error.is_of_transport(), error.is_timeout());
        let error = self.named(error.into_error(&self.place.name, &[self.secret.expose()]));
        if !is_of_transport {
            return Err(Failure::Refused(error));
        }
        self.reach.failed();
        Err(Failure::Away(if is_late { error } else { error.of_this_host() }))
    }

    fn late(&self, limit: Duration) -> Failure {
        self.reach.failed();
        let text =
            format!("{} did not answer within {} s: see whether it runs", self.place.name, limit.as_secs());
        Failure::Away(self.named(TokenError::new(ErrorKind::Timeout, text).with_transient(true)))
    }

    fn read(&self, answer: &Answer, rejected: Option<&AccessToken>) -> Result<Told, Failure> {
        let known = self.known.text().unwrap_or_default();
        let rejected = rejected.map_or("", AccessToken::as_str);
        let secrets = [self.secret.expose(), &known, rejected];
        let asked = Asked { server: &self.place.name, platform: self.platform.name(), secrets: &secrets };
        wire::read(&asked, answer.status, &answer.headers, &answer.body)
            .map_err(|error| Failure::Refused(self.named(error)))
    }

    fn get(&self, query: &str) -> Result<Request<Bytes>, Failure> {
        let url = format!("{}?{query}", self.url("token"));
        self.finish(Request::builder().uri(url), Bytes::new())
    }

    fn url(&self, what: &str) -> String {
        let app = utf8_percent_encode(self.app.as_str(), ESCAPED);
        format!("{}/v1/apps/{app}/{what}", self.place.base)
    }

    fn finish(&self, request: http::request::Builder, body: Bytes) -> Result<Request<Bytes>, Failure> {
        let refused = |error| Failure::Refused(self.named(error));
        check("app id", self.app.as_str()).map_err(refused)?;
        let impossible = |_| TokenError::new(ErrorKind::Config, "the URL of the hub is too long");
        // On a connection that a client keeps, what comes late could be taken for the answer to another question.
        let mut request = request.header(CONNECTION, "close");
        if !(self.place.is_unix && self.secret.expose().is_empty()) {
            check("client secret", self.secret.expose()).map_err(refused)?;
            let bearer = HeaderValue::try_from(format!("Bearer {}", self.secret.expose()));
            let mut bearer = bearer.map_err(|error| refused(impossible(error.into())))?;
            bearer.set_sensitive(true);
            request = request.header(AUTHORIZATION, bearer);
        }
        request.body(body).map_err(|error| refused(impossible(error)))
    }

    fn named(&self, error: TokenError) -> TokenError {
        error.for_app(&self.app)
    }
}
