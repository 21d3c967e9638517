//! What WeChat's codes mean for a broadcast.
//!
//! They are listed at <https://developers.weixin.qq.com/doc/oplatform/developers/errCode/errCode.html>, and in part at
//! <https://developers.weixin.qq.com/doc/service/api/notify/template/api_sendtemplatemessage>.

/// What to do about a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing was sent.
    Refused,
    /// The message may have been sent. (WeChat asks to try later, but does not say that nothing was done.)
    Unknown,
    /// Not now.
    SlowDown,
    /// Not today.
    Quota,
    /// Nobody would get this message.
    Stop,
}

/// A code that is not known here is a refusal. So is 40037: users report that it comes now and then for a template that is there.
pub fn verdict(errcode: i64) -> Verdict {
    match errcode {
        -1 => Verdict::Unknown,
        45009 => Verdict::Quota,
        // The first three: the layer has tried another token.
        40001 | 40014 | 42001 | 45011 => Verdict::SlowDown,
        41001 | 43002 | 43003 | 44002 | 47001 | 48001 | 48004 | 50002 => Verdict::Stop,
        _ => Verdict::Refused,
    }
}

/// Whether it says something about one user, and nothing about the message or the account.
pub fn is_of_recipient(errcode: i64) -> bool {
    matches!(errcode, 43004 | 43019 | 43101)
}

/// Whether this open id will be refused the next time too. Whatever else a refusal is for may be mended, or pass.
pub fn is_final(errcode: i64) -> bool {
    // The first one is no user's of this account. If they all are not, it is the wrong file.
    errcode == 40003 || is_of_recipient(errcode)
}

pub fn meaning(errcode: i64) -> &'static str {
    match errcode {
        -1 => "WeChat is busy",
        40001 | 40014 | 42001 => "the access_token is not accepted, nor is a new one",
        40003 => "no open id of a user of this account",
        40037 => "no template of this account has this template_id",
        43004 => "the user does not follow the account",
        43019 => "the user is on the account's blacklist",
        43101 => "the user does not want such messages",
        45009 => "the day's quota is spent",
        45011 => "too many calls in this minute",
        47001 => "the message is no JSON that WeChat reads",
        47003 => "a value does not fit its field (too long, empty, not of its kind)",
        48001 => "the account may not send template messages",
        48004 => "the account is banned from this API",
        50002 => "the account is banned",
        _ => "see WeChat's list of return codes",
    }
}
