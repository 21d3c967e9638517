//! The middleware: [`WeChatAuthLayer`] and [`WeChatAuth`].
//!
//! The way of a request, from `service.rs` downwards:
//!
//! 1. `scope`: does it go to WeChat, and does it want a token? If not, it goes out as it is.
//! 2. `service`: is there a good token? Then it is put into the URI and the request goes out at once, with no wait and no
//!    box. If not, the ready inner service is given up, so that nothing is held while the token is fetched.
//! 3. `future`: the answer comes. Unless its head rules that out, its start is looked at, up to the first byte that
//!    decides. An answer that does not reject the token goes to the caller with its start put back.
//! 4. A rejection is kept, everything of the first send is dropped, and the cache is asked for a later token. The request
//!    goes out a second time, from the original URI and the recorded body. Whatever comes then is the answer.
//! 5. Where that is not possible, the caller gets WeChat's own first answer, and [`AuthOutcome`] says why.

mod accounts;
mod call;
mod future;
mod layer;
mod outcome;
mod scope;
mod service;

pub use self::{
    accounts::Accounts,
    future::ResponseFuture,
    layer::WeChatAuthLayer,
    outcome::{AuthOutcome, NotReplayed},
    scope::SkipAuth,
    service::WeChatAuth,
};
