//! The platform's id of a request (`rid`), which its support asks for.

/// The `654df33c-64386a2f-29857782` after `rid:` in a text. Nothing else can look like that: no secret gets through.
pub(crate) fn rid(text: &str) -> Option<&str> {
    text.split("rid:").skip(1).find_map(|rest| {
        let rid = rest.trim_start().get(..26)?;
        let is_rid = rid.bytes().enumerate().all(|(at, byte)| match at {
            8 | 17 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
        is_rid.then_some(rid)
    })
}
