//! Which failures of a second send mean that nothing of it can have been carried out.

use std::error::Error as StdError;

use hyper_util::client::legacy;
use tower::load_shed::error::Overloaded;

use crate::{
    error::{MayBeCarriedOut, causes},
    request::ReplayBodyError,
};

/// Whether the request was refused before anything of it was acted upon: the load was shed, no connection came about, a
/// connection was closed before it took the request, or the server said that it had not processed the request (HTTP/2's
/// `GOAWAY` and `REFUSED_STREAM`, RFC 9113, 6.8 and 8.7).
///
/// A redirect that a client followed by itself to a place that is shut looks the same; WeChat's APIs answer with none.
pub(super) fn was_refused(error: &(dyn StdError + 'static)) -> bool {
    // What is below these is of something else: an upload may fail with the error of another call.
    let of_the_request =
        |error: &&(dyn StdError + 'static)| !error.is::<ReplayBodyError>() && !error.is::<MayBeCarriedOut>();
    causes(error).take_while(of_the_request).any(|error| {
        error.is::<Overloaded>()
            || error.downcast_ref::<legacy::Error>().is_some_and(legacy::Error::is_connect)
            || error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled)
            || is_refused_stream(error)
    })
}

#[cfg(feature = "http2")]
fn is_refused_stream(error: &(dyn StdError + 'static)) -> bool {
    error.downcast_ref::<h2::Error>().is_some_and(|error| {
        let reason = error.reason();
        error.is_remote()
            && (error.is_go_away() && reason == Some(h2::Reason::NO_ERROR)
                || error.is_reset() && reason == Some(h2::Reason::REFUSED_STREAM))
    })
}

#[cfg(not(feature = "http2"))]
fn is_refused_stream(_: &(dyn StdError + 'static)) -> bool {
    false
}
