//! Sends a call to the platform, and hands its answer on.

use std::{error::Error as StdError, future::Future, sync::Arc, time::Duration};

use axum::{body::Body, extract::Request, response::Response};
use http::{Version, header::CONTENT_LENGTH};
use hyper_util::client::legacy;
use tokio::select;
use tower_wechat::{AppId, TokenError, WeChatError};

use super::{
    caller::Caller,
    download::Download,
    headers,
    mask::Mask,
    outcome::Outcome,
    target,
    upload::{Progress, Upload},
};
use crate::{
    app::App,
    client::Right,
    known::Known,
    problem::{DONE, Problem},
    table::Table,
    upstream::Answer,
};

/// The longest that a call may stand still, in either direction.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Sends a call with the token of its app.
pub(super) async fn authorized(table: &Table, caller: Caller, request: Request) -> Result<Response, Problem> {
    let Caller { known, id, app } = caller;
    let base = app.cache.platform().base_url();
    let mut hidden = Hidden::default();
    // Who may have the token may see it.
    let may_see = known.as_ref().is_none_or(|known| known.client.rights.contains(&Right::Token));
    if !may_see {
        hidden.tokens_of(&app);
    }
    let call = Call { path: request.uri().path().to_owned(), known, id: id.clone() };
    let (request, progress) = outgoing(&base, request)?;
    let answer = in_time(&progress, table.upstream.send(&id, request)).await?;
    if !may_see {
        // Another one, if the first was rejected.
        hidden.tokens_of(&app);
    }
    Ok(call.hand_on(answer, hidden.mask()))
}

/// Sends a call as it is, to the base URL.
pub(super) async fn bare(
    table: &Table,
    base: &str,
    request: Request,
    (known, id): (Option<Arc<Known>>, AppId),
    hidden: Option<String>,
) -> Result<Response, Problem> {
    let call = Call { path: request.uri().path().to_owned(), known, id };
    let (request, progress) = outgoing(base, request)?;
    let answer = in_time(&progress, table.upstream.send_bare(request)).await?;
    Ok(call.hand_on(answer, Mask::new(hidden)))
}

/// What must not be seen in an answer.
#[derive(Default)]
struct Hidden(Vec<String>);

impl Hidden {
    fn tokens_of(&mut self, app: &App) {
        self.0.extend(app.cache.current().map(|token| token.as_str().to_owned()));
        self.0.extend(app.recent.texts());
    }

    fn mask(self) -> Mask {
        Mask::new(self.0)
    }
}

/// The call as the platform gets it.
fn outgoing(base: &str, request: Request) -> Result<(http::Request<Upload>, Arc<Progress>), Problem> {
    let progress = Arc::<Progress>::default();
    let (head, body) = request.into_parts();
    let mut request = http::Request::new(Upload::new(body, progress.clone()));
    *request.method_mut() = head.method;
    *request.uri_mut() = target::below(base, &head.uri)?;
    *request.headers_mut() = head.headers;
    headers::to_platform(request.headers_mut());
    Ok((request, progress))
}

/// The answer, unless the call stands still for too long.
async fn in_time(
    progress: &Progress,
    answer: impl Future<Output = Result<Answer, tower_wechat::Error>>,
) -> Result<Answer, Problem> {
    select! {
        biased;
        answer = answer => answer.map_err(|error| failed(&error)),
        waits_for_client = progress.stalled(LONGEST_PAUSE) => {
            Err(if waits_for_client { Problem::too_slow() } else { Problem::answer_too_late() })
        }
    }
}

fn failed(error: &tower_wechat::Error) -> Problem {
    if let Some(error) = error.downcast_ref::<TokenError>() {
        return Problem::no_token_for_call(error);
    }
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<legacy::Error>().is_some_and(legacy::Error::is_connect) {
            return Problem::unreachable();
        }
        cause = error.source();
    }
    tracing::debug!(target: "wechat_hub", %error, "a call had no answer");
    if error.kind() == tower_wechat::ErrorKind::Uri { Problem::too_long() } else { Problem::no_answer() }
}

/// A call that has been sent, as the log has it.
struct Call {
    path: String,
    known: Option<Arc<Known>>,
    id: AppId,
}

impl Call {
    /// The answer as the client gets it.
    fn hand_on(self, answer: Answer, mask: Mask) -> Response {
        let (mut head, body) = answer.into_parts();
        let outcome = Outcome::of(&head.extensions);
        head.extensions.clear();
        // Whichever the platform speaks (RFC 9110, 2.5).
        head.version = Version::HTTP_11;
        headers::to_client(&mut head.headers);
        mask.headers(&mut head.headers);
        head.headers.insert(DONE, outcome.header());
        let client = self.known.as_ref().map_or("", |known| known.name()).to_owned();
        metrics::counter!("wechat_hub_calls_total", "client" => client.clone(), "outcome" => outcome.name())
            .increment(1);
        tracing::debug!(
            target: "wechat_hub",
            client,
            app = self.id.as_str(),
            path = self.path,
            status = head.status.as_u16(),
            %outcome,
            "a call was answered",
        );
        let on_error = move |error: &WeChatError| {
            tracing::info!(
                target: "wechat_hub",
                client,
                app = self.id.as_str(),
                path = self.path,
                errcode = error.errcode(),
                rid = error.rid(),
                hint = error.hint(),
                %outcome,
                "WeChat has refused a call",
            );
        };
        let body = Download::new(body, mask, LONGEST_PAUSE, on_error);
        // An answer to HEAD says how long another one would be.
        if !http_body::Body::is_end_stream(&body) {
            head.headers.remove(CONTENT_LENGTH);
        }
        Response::from_parts(head, Body::new(body))
    }
}
