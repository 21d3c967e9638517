//! The middleware: [`WeChatAuthLayer`] and [`WeChatAuth`].
//!
//! The way of a request, from `service.rs` downwards:
//!
//! 1. `route`: does it go to WeChat, whose token does it want? If none, it goes out as it is. Where a pool has yet to make its
//!    account, that is known once it is there: until then the request is `arriving`, without the inner service.
//! 2. `service`: is there a good token? Then it is put into the URI and the request goes out at once, with no wait and no
//!    box. If not, the ready inner service is given up, so that nothing is held while the token is fetched.
//! 3. `attempt`: one send, and what the next one needs: the head as the caller gave it, and the body as it passes.
//! 4. `future`: the answer comes. Unless its head rules that out, its start is looked at, up to the first byte that
//!    decides. An answer that does not reject the token goes to the caller with its start put back.
//! 5. A `rejection` is kept, the body is taken over from the first send, and the cache is asked for a later token. Once the
//!    inner service is ready, the request goes out a second time, with the newest token. Whatever comes then is the answer.
//! 6. Where that is not possible, or takes too long, or was `refused`, the caller gets WeChat's own first answer, and
//!    [`AuthOutcome`] says why.

mod arriving;
mod attempt;
mod future;
mod layer;
mod outcome;
mod refused;
mod rejection;
mod route;
mod service;
mod settings;
mod template;

pub use self::{
    future::ResponseFuture,
    layer::WeChatAuthLayer,
    outcome::{AuthOutcome, NotReplayed},
    route::SkipAuth,
    service::WeChatAuth,
    settings::Accounts,
};
