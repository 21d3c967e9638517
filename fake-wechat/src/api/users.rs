//! The followers of an official account.

use serde_json::json;

use super::call::Call;
use crate::{reply::Reply, users};

/// Everybody who follows any account.
const FOLLOWERS: [&str; 3] =
    ["oFollower0000000000000000001", "oFollower0000000000000000002", "oFollower0000000000000000003"];

pub(super) fn describe(call: &Call<'_>) -> Reply {
    let open_id = call.parameter("openid");
    if open_id.is_empty() {
        return call.error(40003);
    }
    let lang = call.parameter("lang");
    call.json(&json!({
        "subscribe": 1,
        "openid": open_id,
        "nickname": "",
        "sex": 0,
        "language": if lang.is_empty() { "zh_CN" } else { &*lang },
        "city": "",
        "province": "",
        "country": "",
        "headimgurl": "",
        "subscribe_time": 1_700_000_000,
        "unionid": users::union_id(&open_id),
        "remark": "",
        "groupid": 0,
        "tagid_list": [],
        "subscribe_scene": "ADD_SCENE_QR_CODE",
        "qr_scene": 0,
        "qr_scene_str": "",
    }))
}

/// Those after `next_openid`. One that does not follow is answered as if there were none.
pub(super) fn list(call: &Call<'_>) -> Reply {
    let after = call.parameter("next_openid");
    let first = FOLLOWERS.iter().position(|id| *id == after).map_or(0, |at| at + 1);
    let (ids, total) = (&FOLLOWERS[first..], FOLLOWERS.len());
    call.json(&match ids.last() {
        None => json!({ "total": total, "count": 0, "next_openid": "" }),
        Some(last) => {
            json!({ "total": total, "count": ids.len(), "data": { "openid": ids }, "next_openid": last })
        }
    })
}
