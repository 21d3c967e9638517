//! What the fuzz targets reach for. Built for them only (`--cfg fuzzing`), and no part of the API.

#[cfg(feature = "hub")]
use std::time::Duration;

#[cfg(feature = "hub")]
use http::HeaderMap;
use http::{StatusCode, Uri};

#[cfg(feature = "hub")]
use crate::issuer::{AskedHub, read_hub};
use crate::{
    error::{Error, TokenError},
    issuer::{Minted, parse_answer},
    platform::Codes,
    request,
    response::{ErrcodeScanner, Found},
};

/// The top-level `errcode` of an answer that comes in these pieces.
pub fn errcode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Option<i64> {
    let mut scanner = ErrcodeScanner::new();
    let found = pieces.into_iter().find_map(|piece| scanner.push(piece)).unwrap_or_else(|| scanner.finish());
    match found {
        Found::Code(code) => Some(code),
        Found::None => None,
    }
}

/// The URI with the token in it. Both pieces must be percent-encoded.
///
/// # Errors
///
/// Where there is no place for it.
pub fn inject(uri: &Uri, parameter: &str, encoded: &str) -> Result<Uri, Error> {
    request::inject(uri, parameter, encoded)
}

/// The top-level `errcode` of a whole answer.
#[must_use]
pub fn errcode_of_whole(answer: &[u8]) -> Option<i64> {
    match ErrcodeScanner::new().push_whole(answer) {
        Found::Code(code) => Some(code),
        Found::None => None,
    }
}

/// Whether the query has a credential of the caller's own, for a platform with this parameter.
#[must_use]
pub fn has_credential(uri: &Uri, parameter: &str) -> bool {
    uri.query().is_some_and(|query| request::own_credential(query, parameter).is_some())
}

/// The text as it stands in a query.
#[must_use]
pub fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, crate::token::ESCAPED).to_string()
}

/// What the answer of a token endpoint means.
///
/// # Errors
///
/// Where it holds no token.
pub fn answer(status: StatusCode, body: &[u8]) -> Result<Minted, TokenError> {
    parse_answer(status, body, Codes::WeChat)
}

/// What the answer of a token hub means: a token's text, the life it has left, and the hub's generation.
///
/// # Errors
///
/// Where it holds no token.
#[cfg(feature = "hub")]
pub fn hub_answer(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    secret: &str,
) -> Result<(String, Duration, u64), TokenError> {
    let asked = AskedHub { server: "the hub", platform: "wechat", secrets: &[secret] };
    let told = read_hub(&asked, status, headers, body)?;
    Ok((told.text, told.life, told.generation))
}
