//! The events.

use std::{fmt::Display, io};

use tower_wechat::WeChatError;
use tracing::{debug, error, field::display, info, warn};

use crate::peer::Peer;

/// The target of all events, whichever module they come from.
const TARGET: &str = "wechat_hub";

/// Something worth reporting.
#[derive(Clone, Copy)]
// Some of it happens to the program only.
#[cfg_attr(not(feature = "program"), allow(dead_code))]
pub(crate) enum Event<'a> {
    // === connections ===
    Connected {
        peer: Peer,
    },
    /// The operating system gives no connection.
    NotTaken {
        error: &'a io::Error,
    },
    /// One connection too many, and none that is idle.
    NoRoom {
        peer: Peer,
    },
    /// A TLS handshake failed; without an error, it took too long.
    NoTls {
        peer: Peer,
        error: Option<&'a io::Error>,
    },
    // === requests ===
    Refused {
        what: &'a str,
        status: u16,
        client: Option<&'a str>,
        peer: Option<Peer>,
        title: &'a str,
    },
    /// A call got no answer from the platform.
    NoAnswer {
        error: &'a tower_wechat::Error,
    },
    Answered {
        call: Call<'a>,
        status: u16,
    },
    /// The platform answered a call with an error code.
    CallRefused {
        call: Call<'a>,
        error: &'a WeChatError,
    },
    // === verification ===
    Verified {
        app: &'a str,
        rejected: bool,
    },
    NoVerificationLeft,
    // === the program ===
    FewDescriptors {
        what: &'a str,
    },
    UnknownVariable {
        name: &'a str,
    },
    /// Passes end with the process.
    PassKeyNotKept,
    TakenOver,
    /// The rest needs a restart.
    TakenOverInPart {
        rest: &'a str,
    },
    NotTakenOver {
        fault: &'a dyn Display,
    },
    /// The pause after a failure is over, because the configuration was taken over.
    Retried {
        app: &'a str,
    },
    /// It was taken over too often for that.
    PausesStay,
    Ending,
    Ended,
}

/// A call through the hub.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) client: Option<&'a str>,
    pub(crate) app: &'a str,
    pub(crate) path: &'a str,
    pub(crate) outcome: &'a dyn Display,
}

/// Reports the event.
pub(crate) fn emit(event: Event<'_>) {
    match event {
        Event::Connected { peer } => debug!(target: TARGET, %peer, "connected"),
        Event::NotTaken { error } => warn!(target: TARGET, %error, "a connection cannot be taken"),
        Event::NoRoom { peer } => {
            warn!(target: TARGET, %peer, "a connection was refused: all of `connections` are busy");
        }
        Event::NoTls { peer, error: Some(error) } => {
            debug!(target: TARGET, %peer, %error, "no TLS came about");
        }
        Event::NoTls { peer, error: None } => debug!(target: TARGET, %peer, "no TLS came about in time"),
        Event::Refused { what, status, client, peer, title } => {
            let peer = peer.map(display);
            info!(target: TARGET, status, client, peer, "{what} refused: {title}");
        }
        Event::NoAnswer { error } => debug!(target: TARGET, %error, "a call had no answer"),
        Event::Answered { call: Call { client, app, path, outcome }, status } => {
            debug!(target: TARGET, client, app, path, status, %outcome, "a call was answered");
        }
        Event::CallRefused { call: Call { client, app, path, outcome }, error } => {
            let (errcode, rid, hint) = (error.errcode(), error.rid(), error.hint());
            info!(
                target: TARGET,
                client, app, path, errcode, rid, hint, %outcome,
                "WeChat has refused a call"
            );
        }
        Event::Verified { app, rejected } => debug!(target: TARGET, app, rejected, "made sure of the token"),
        Event::NoVerificationLeft => warn!(
            target: TARGET,
            "the day has no verification left: tokens that are asked for again go out as they are (`a_day` of `[verify]`)"
        ),
        Event::FewDescriptors { what } => warn!(target: TARGET, "{what}"),
        Event::UnknownVariable { name } => {
            warn!(target: TARGET, "the variable {name} is none of the hub's, and is ignored");
        }
        Event::PassKeyNotKept => info!(
            target: TARGET,
            "there is no file for the key of the passes: they end with this process (`pass_key_file`, WECHAT_HUB_PASS_KEY_FILE)"
        ),
        Event::TakenOver => info!(target: TARGET, "the configuration was taken over"),
        Event::TakenOverInPart { rest } => {
            warn!(target: TARGET, "the configuration was taken over, but for what needs a restart: {rest}");
        }
        Event::NotTakenOver { fault } => {
            error!(target: TARGET, "the configuration was not taken over, and all stays as it was: {fault}");
        }
        Event::Retried { app } => {
            info!(target: TARGET, app, "SIGHUP ends the pause after a failure: a token is asked for at once");
        }
        Event::PausesStay => warn!(
            target: TARGET,
            "the pauses after failures stay: SIGHUP ends them five times at once, and then once in two minutes"
        ),
        Event::Ending => {
            info!(target: TARGET, "ending: requests under way are answered, and mints are finished");
        }
        Event::Ended => info!(target: TARGET, "ended"),
    }
}
