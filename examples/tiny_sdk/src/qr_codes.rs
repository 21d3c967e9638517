//! QR codes of an official account.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use crate::{Answer, Client, Error, HttpService};

/// A QR code that is wanted.
#[derive(Clone, Debug)]
pub struct NewQrCode<'a> {
    scene: &'a str,
    life: Option<Duration>,
}

impl<'a> NewQrCode<'a> {
    /// One that reports `scene` (64 characters at most) for `life`, 30 days at most.
    #[must_use]
    pub fn temporary(scene: &'a str, life: Duration) -> Self {
        Self { scene, life: Some(life) }
    }

    /// One that reports `scene` for ever. An account may have 100 000 of them.
    #[must_use]
    pub fn permanent(scene: &'a str) -> Self {
        Self { scene, life: None }
    }
}

/// A QR code.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct QrCode {
    /// With this the picture is fetched, which takes no token.
    pub ticket: String,
    /// What the picture holds, for those who draw it themselves.
    pub url: String,
    /// How long it works, in seconds; nothing for a permanent one.
    #[serde(default)]
    pub expire_seconds: Option<u64>,
}

impl<S: HttpService> Client<S> {
    /// Makes a QR code.
    ///
    /// # Errors
    ///
    /// WeChat refuses (48001: the account has no right to make QR codes), or there is no answer.
    pub async fn qrcode_create(&self, code: &NewQrCode<'_>) -> Result<Answer<QrCode>, Error> {
        let info = json!({ "scene": { "scene_str": code.scene } });
        let wanted = match code.life {
            Some(life) => {
                json!({ "action_name": "QR_STR_SCENE", "expire_seconds": life.as_secs(), "action_info": info })
            }
            None => json!({ "action_name": "QR_LIMIT_STR_SCENE", "action_info": info }),
        };
        self.post("/cgi-bin/qrcode/create", &wanted).await
    }
}
