//! What tests against WeChat need: [`FakeWeChat`], the platform in a box, a [`ManualClock`], and
//! [`store_conformance`] for whoever writes a store.
//!
//! The platform is the crate `fake-wechat`, which is a program as well, for tests in other languages.

mod manual_clock;
mod store_conformance;

pub use fake_wechat::{Answer, FakeWeChat, FakeWeChatBuilder, Fault, Hold, Seen, media_byte};

pub use self::{manual_clock::ManualClock, store_conformance::store_conformance};
