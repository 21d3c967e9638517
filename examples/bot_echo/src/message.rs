//! What WeChat sends: the XML of a message or an event.

use quick_xml::{DeError, de::from_str};
use serde::Deserialize;

/// A message or an event. A field that it does not have is empty.
///
/// There are [more fields](https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_standard_messages.html),
/// a picture's `PicUrl` for one: add what you need.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Message {
    /// The account that it was sent to, by its name `gh_…`.
    pub to_user_name: String,
    /// The openid of the user who sent it.
    pub from_user_name: String,
    pub create_time: u64,
    /// `text`, `image`, `event`, ….
    pub msg_type: String,
    /// The text of a `text`.
    pub content: String,
    /// Events have none.
    pub msg_id: String,
    /// The kind of an `event`: `subscribe`, `CLICK`, ….
    pub event: String,
}

/// What an encrypted message comes in. Whatever else it says is not signed.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope {
    encrypt: String,
}

impl Message {
    /// Entities other than XML's own are an error, so that none can grow.
    pub fn parse(xml: &str) -> Result<Self, DeError> {
        from_str(xml)
    }

    /// What a second try of the same message has in common with the first, as WeChat documents it.
    pub fn key(&self) -> String {
        if self.msg_id.is_empty() {
            format!("{} {} {}", self.from_user_name, self.create_time, self.event)
        } else {
            self.msg_id.clone()
        }
    }
}

/// The ciphertext in this envelope.
pub fn encrypted(xml: &str) -> Result<String, DeError> {
    from_str(xml).map(|envelope: Envelope| envelope.encrypt)
}
