//! A [`reqwest::Client`] as the client of an issuer.

use bytes::Bytes;
use http::Request;

use super::{
    any::Client,
    error::ExchangeError,
    exchange::{Answer, read},
    http_client::sealed::Sealed,
};

impl Sealed<reqwest::Response> for reqwest::Client {
    fn into_client(self) -> Client {
        Client::own(move |request| exchange(self.clone(), request))
    }
}

async fn exchange(client: reqwest::Client, request: Request<Bytes>) -> Result<Answer, ExchangeError> {
    let no_answer = |error: reqwest::Error| ExchangeError::NoAnswer(error.without_url().into());
    let request = reqwest::Request::try_from(request).map_err(no_answer)?;
    let sent = request.url().clone();
    let response = client.execute(request).await.map_err(no_answer)?;
    // By default reqwest follows redirects, with the secret in the body or the `Referer`. It cannot be told not to for one
    // request; what can be done is to say so.
    if *response.url() != sent {
        return Err(ExchangeError::Redirected);
    }
    let (head, body) = http::Response::<reqwest::Body>::from(response).into_parts();
    let body = http_body_util::BodyExt::map_err(body, reqwest::Error::without_url);
    Ok(Answer { status: head.status, headers: head.headers, body: read(body).await? })
}
