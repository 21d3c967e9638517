//! What tests against WeChat need: [`FakeWeChat`], the platform in a box, a [`ManualClock`], and
//! [`store_conformance`] for whoever writes a store.

mod fake;
mod manual_clock;
mod store_conformance;

pub use self::{
    fake::{Answer, FakeWeChat, FakeWeChatBuilder, Fault, Hold, Seen, media_byte},
    manual_clock::ManualClock,
    store_conformance::store_conformance,
};
