//! [`Who`]: who sends the requests.

use tower::layer::util::Identity;
use tower_http::auth::AddAuthorizationLayer;
use tower_wechat::WeChatAuthLayer;
use wechat_mp_sdk::middleware::AuthMiddleware;

use crate::{case::Case, drive, inner::Sent, over_reqwest, scan, token};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The inner service alone.
    Bare,
    /// The same in the older reqwest's types.
    BareOld,
    Ours,
    MpSdk,
    AddAuthorization,
    /// Not a layer: `serde_json` reads the answer and drops all of it.
    SerdeIgnored,
    /// The same for its `errcode`.
    SerdeField,
}

impl Who {
    pub const ALL: [Self; 7] = [
        Self::Bare,
        Self::BareOld,
        Self::Ours,
        Self::MpSdk,
        Self::AddAuthorization,
        Self::SerdeIgnored,
        Self::SerdeField,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::BareOld => "bare-old",
            Self::Ours => "ours",
            Self::MpSdk => "mp-sdk",
            Self::AddAuthorization => "add-authorization",
            Self::SerdeIgnored => "serde-ignored",
            Self::SerdeField => "serde-field",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|who| who.name() == name)
    }

    /// What a layer is compared to.
    pub fn without_layer(self, case: Case) -> Self {
        if self == Self::MpSdk && case == Case::Reqwest { Self::BareOld } else { Self::Bare }
    }

    /// Whether there is such a measurement.
    pub fn does(self, case: Case) -> bool {
        match self {
            Self::Bare | Self::Ours => true,
            Self::BareOld => case == Case::Reqwest,
            Self::MpSdk => !case.scans(),
            Self::AddAuthorization => !case.scans() && case != Case::Reqwest,
            Self::SerdeIgnored | Self::SerdeField => case.scans(),
        }
    }

    /// Starts up, sends one request to see that its token is where it should be, and then `count` more. All but those is
    /// the same whatever `count` is.
    pub fn run(self, case: Case, count: u64) {
        let runtime = token::runtime();
        match (self, case) {
            (Self::Bare, Case::Reqwest) => {
                over_reqwest::new::requests(&Identity::new(), case, false, count);
            }
            (Self::BareOld, _) => over_reqwest::old::requests(&Identity::new(), case, false, count),
            (Self::Bare, _) => drive::requests(&Identity::new(), case, Sent::Nowhere, count),
            (Self::Ours, _) => {
                let layer = WeChatAuthLayer::new(token::ours(&runtime));
                match case {
                    Case::Reqwest => over_reqwest::new::requests(&layer, case, true, count),
                    Case::Outside => drive::requests(&layer, case, Sent::Nowhere, count),
                    // It has to be read to its end, or the comparison is none.
                    Case::Scan | Case::ScanErrcodes => {
                        drive::requests(&layer.inspect_limit(512 * 1024), case, Sent::Query, count);
                    }
                    _ => drive::requests(&layer, case, Sent::Query, count),
                }
            }
            (Self::MpSdk, Case::Reqwest) => {
                let layer = AuthMiddleware::new(token::mp_sdk(&runtime));
                over_reqwest::old::requests(&layer, case, true, count);
            }
            (Self::MpSdk, _) => {
                // It sends the token to any host.
                drive::requests(&AuthMiddleware::new(token::mp_sdk(&runtime)), case, Sent::Query, count);
            }
            (Self::AddAuthorization, _) => {
                let layer = AddAuthorizationLayer::bearer(&"t".repeat(token::LENGTH));
                drive::requests(&layer, case, Sent::Header, count);
            }
            (Self::SerdeIgnored, _) => scan::ignoring_all(case, count),
            (Self::SerdeField, _) => scan::one_field(case, count),
        }
    }
}
