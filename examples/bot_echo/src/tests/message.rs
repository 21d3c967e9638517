use std::fmt::Write;

use crate::{
    message::{Message, encrypted},
    reply,
};

const TEXT: &str = "<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[o1]]></FromUserName>\
    <CreateTime>1348831860</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[ a < b & c ]]></Content>\
    <MsgId>1234567890123456</MsgId></xml>";

#[test]
fn a_text() {
    let message = Message::parse(TEXT).unwrap();
    assert_eq!((message.to_user_name.as_str(), message.from_user_name.as_str()), ("gh_1", "o1"));
    assert_eq!((message.msg_type.as_str(), message.create_time), ("text", 1_348_831_860));
    assert_eq!(message.content, " a < b & c ");
    assert_eq!(message.key(), "1234567890123456");
}

#[test]
fn an_event_with_fields_inside_a_field() {
    let event = "<xml>\n<ToUserName><![CDATA[gh_1]]></ToUserName>\n<FromUserName>o1</FromUserName><CreateTime>5</CreateTime>\
        <MsgType>event</MsgType><Event>scancode_push</Event><ScanCodeInfo><ScanType>qrcode</ScanType><Content>no</Content>\
        </ScanCodeInfo></xml>";
    let message = Message::parse(event).unwrap();
    assert_eq!((message.event.as_str(), message.content.as_str()), ("scancode_push", ""));
    assert_eq!(message.key(), "o1 5 scancode_push");
}

#[test]
fn characters_that_are_written_as_entities() {
    let message = Message::parse("<xml><Content>1 &lt; 2 &amp; &#20320;&#x597d;</Content></xml>").unwrap();
    assert_eq!(message.content, "1 < 2 & 你好");
}

#[test]
fn entities_that_grow_do_not() {
    let mut bomb = "<!DOCTYPE xml [<!ENTITY e0 \"ha\">".to_owned();
    for level in 1..30 {
        let below = format!("&e{};", level - 1).repeat(10);
        write!(bomb, "<!ENTITY e{level} \"{below}\">").unwrap();
    }
    bomb += "]><xml><Content>&e29;</Content></xml>";
    assert!(Message::parse(&bomb).is_err());
    let file = "<!DOCTYPE xml [<!ENTITY f SYSTEM \"file:///etc/passwd\">]><xml><Content>&f;</Content></xml>";
    assert!(Message::parse(file).is_err());
}

#[test]
fn what_is_no_message() {
    for xml in
        ["", "<", "{}", "<xml>", "<xml></yml>", "<xml><CreateTime>-1</CreateTime></xml>", "\u{0}", "<xml>&"]
    {
        assert!(Message::parse(xml).is_err(), "{xml}");
    }
    assert!(encrypted(TEXT).is_err());
    for end in (0..TEXT.len()).filter(|end| *end < TEXT.len()) {
        assert!(Message::parse(&TEXT[..end]).is_err(), "{}", &TEXT[..end]);
    }
}

#[test]
fn elements_that_are_nested_deep() {
    for inner in ["<Deep>", "<Content>"] {
        let xml = format!("<xml>{}", inner.repeat(64 * 1024 / inner.len()));
        assert!(Message::parse(&xml).is_err());
    }
}

/// What users write must not become XML of the bot's own, here and there.
#[test]
fn a_reply_reads_as_it_was_meant() {
    let message = Message { from_user_name: "o1".into(), to_user_name: "gh_1".into(), ..Message::default() };
    for text in ["hello", "]]>", "a]]]]>>b", "]]><MsgType>news</MsgType><![CDATA[", "<&\"'>", "你好\n", ""]
    {
        let reply = Message::parse(&reply::text(&message, text, 7)).unwrap();
        assert_eq!((reply.content.as_str(), reply.to_user_name.as_str()), (text, "o1"));
        assert_eq!((reply.msg_type.as_str(), reply.create_time), ("text", 7));
    }
    let control = Message::parse(&reply::text(&message, "a\u{0}\u{8}b", 7)).unwrap();
    assert_eq!(control.content, "ab");
}

#[test]
fn a_long_text_is_cut_between_characters() {
    assert_eq!(reply::cut("short"), "short");
    assert_eq!(reply::cut(&"好".repeat(1000)).len(), 2046);
}
