//! [`Told`]: a token as clients are told of it.

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use serde::Serialize;
use tower_wechat::{AccessToken, Platform};

/// The answer of an app's present token, which changes once a second.
#[derive(Default)]
pub(crate) struct Told(ArcSwapOption<Answer>);

struct Answer {
    generation: u64,
    expires_in: u64,
    json: Bytes,
}

#[derive(Serialize)]
struct Json<'a> {
    access_token: &'a str,
    expires_in: u64,
    generation: u64,
    platform: &'static str,
}

impl Told {
    /// The JSON that tells of this token.
    pub(crate) fn json(&self, token: &AccessToken, platform: &Platform) -> Bytes {
        let (generation, expires_in) = (token.generation(), token.expires_in().as_secs());
        if let Some(answer) = &*self.0.load()
            && answer.generation == generation
            && answer.expires_in == expires_in
        {
            return answer.json.clone();
        }
        let json = Json { access_token: token.as_str(), expires_in, generation, platform: platform.name() };
        // Strings and numbers always have a JSON.
        let json = Bytes::from(serde_json::to_vec(&json).unwrap_or_default());
        self.0.store(Some(Answer { generation, expires_in, json: json.clone() }.into()));
        json
    }
}
