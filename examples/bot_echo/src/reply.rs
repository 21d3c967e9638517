//! What a callback is answered with: a text for the user, encrypted where the callback was.

use crate::{crypto::Cipher, message::Message, signature::sign};

/// WeChat takes no more of a text.
const LONGEST: usize = 2048;

/// A text for the user who sent this message.
pub fn text(message: &Message, text: &str, now: u64) -> String {
    format!(
        "<xml><ToUserName>{}</ToUserName><FromUserName>{}</FromUserName><CreateTime>{now}</CreateTime>\
         <MsgType>text</MsgType><Content>{}</Content></xml>",
        cdata(&message.from_user_name),
        cdata(&message.to_user_name),
        cdata(cut(text)),
    )
}

/// The same, encrypted and signed. `None` if it is too long to be encrypted.
pub fn sealed(reply: &str, cipher: &Cipher, token: &str, nonce: &str, now: u64) -> Option<String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).ok()?;
    let encrypted = cipher.encrypt(reply, random)?;
    let signature = sign([token, &now.to_string(), nonce, &encrypted]);
    Some(format!(
        "<xml><Encrypt>{}</Encrypt><MsgSignature>{}</MsgSignature><TimeStamp>{now}</TimeStamp>\
         <Nonce>{}</Nonce></xml>",
        cdata(&encrypted),
        cdata(&signature),
        cdata(nonce),
    ))
}

/// As much of a text as WeChat takes.
pub fn cut(text: &str) -> &str {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The text as it stands, but for what XML cannot carry.
fn cdata(text: &str) -> String {
    let is_text = |c: &char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    let text: String = text.chars().filter(is_text).collect();
    format!("<![CDATA[{}]]>", text.replace("]]>", "]]]]><![CDATA[>"))
}
