//! Calls with a user's token, which is none of the hub's business: they go through as they are.
//!
//! A web login gets the user's token from `/sns/oauth2/access_token`, and asks who the user is with it
//! (<https://developers.weixin.qq.com/doc/offiaccount/OA_Web_Apps/Wechat_webpage_authorization.html>). SDKs show nothing of their
//! own there. So that the hub is no open relay, these calls come from loopback and Unix sockets, unless the configuration says
//! otherwise, and not too many from one address.

use std::{net::IpAddr, num::NonZeroU32};

use axum::{extract::Request, response::Response};
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use http::Method;
use tower_wechat::AppId;

use super::{caller::Caller, query, send};
use crate::{hub::Hub, pass::Pass, peer::Peer, problem::Problem, table::Table};

const PATHS: [&str; 3] = ["/sns/userinfo", "/sns/auth", "/sns/oauth2/refresh_token"];

/// What proxies say of who they speak for.
const FORWARDED: [&str; 3] = ["forwarded", "x-forwarded-for", "x-real-ip"];

/// Calls of one address in a second.
const RATE: NonZeroU32 = NonZeroU32::new(200).expect("it is not zero");

/// Whether a path is called with a user's token.
pub(super) fn is_one(path: &str) -> bool {
    PATHS.contains(&path)
}

/// Counts the calls of each address.
pub(crate) struct Users(DefaultKeyedRateLimiter<Option<IpAddr>>);

impl Users {
    pub(crate) fn new() -> Self {
        Self(RateLimiter::keyed(Quota::per_second(RATE)))
    }

    /// Forgets the addresses that have not called for a while.
    pub(crate) fn forget(&self) {
        self.0.retain_recent();
        self.0.shrink_to_fit();
    }

    /// Whether a call may come from there.
    fn admit(&self, peer: Option<Peer>, is_forwarded: bool, open: bool) -> Result<(), Problem> {
        let (address, is_here) = match peer {
            Some(Peer::Unix(_)) => (None, true),
            Some(Peer::Tcp(address)) => {
                let address = address.ip().to_canonical();
                (Some(address), address.is_loopback())
            }
            // It came through another server.
            None => (None, false),
        };
        // Whoever is behind a proxy on this machine is not on this machine.
        if (!is_here || is_forwarded) && !open {
            return Err(Problem::not_from_here(address.filter(|_| !is_here)));
        }
        let until = self.0.check_key(&address);
        until.map_err(|until| Problem::too_many(until.wait_time_from(DefaultClock::default().now())))
    }
}

/// Sends the call on as it is.
pub(super) async fn call(hub: &Hub, table: &Table, request: Request) -> Result<Response, Problem> {
    let is_forwarded = FORWARDED.iter().any(|name| request.headers().contains_key(*name));
    hub.users().admit(request.extensions().get::<Peer>().copied(), is_forwarded, table.open_user_paths)?;
    if *request.method() != Method::GET {
        return Err(Problem::bad_method("calls with a user's token are made by GET"));
    }
    let text = request.uri().query().unwrap_or_default();
    let (shown, _) = query::take_token(text)?;
    if shown.is_some_and(|shown| Pass::read(&shown.token).is_some()) {
        return Err(Problem::bad_request("the token of this call is the user's, and no pass"));
    }
    let named = query::one_of(text, &["appid"])?.map(AppId::from);
    let (id, app) = table.app_for_users(named.as_ref()).ok_or_else(Problem::no_such_app)?;
    let caller = Caller { known: None, id: id.clone(), app: app.clone() };
    let query = text.to_owned();
    send::bare(table, caller, request, &query).await
}
