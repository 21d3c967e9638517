//! The platform's marks of a request, which its support asks for: `rid`, and the `hint` of WeCom and of older WeChat texts.

/// Longer ones are not kept: an app secret has 32 characters, a token and a WeCom secret more. The longest hint that was seen
/// has 25.
const LONGEST_HINT: usize = 31;

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

/// What stands in the brackets after `hint:` in a text: `1692099979531331300516404` in `hint: [1692099979531331300516404]`,
/// `hDexla0781ns89` in `hints: [ req_id: hDexla0781ns89 ]`. No URL gets through, and nothing as long as a secret.
pub(crate) fn hint(text: &str) -> Option<&str> {
    text.split("hint").skip(1).find_map(|rest| {
        let rest = rest.strip_prefix('s').unwrap_or(rest).strip_prefix(':')?;
        let (hint, _) = rest.trim_start().strip_prefix('[')?.split_once(']')?;
        let hint = hint.trim();
        let hint = hint.strip_prefix("req_id:").map_or(hint, str::trim_start);
        let fits =
            |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'/' | b':' | b'<' | b'>' | b'[');
        (!hint.is_empty() && hint.len() <= LONGEST_HINT && hint.bytes().all(fits)).then_some(hint)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_found_in_every_shape_that_was_seen() {
        for (text, found) in [
            (
                "invalid credential, access_token is invalid or not latest hint: [3t96CA08684525]",
                "3t96CA08684525",
            ),
            ("access_token missing hint: [Vvr5MA0312hka2!]", "Vvr5MA0312hka2!"),
            ("is invalid or not latest, hints: [ req_id: hDexla0781ns89 ]", "hDexla0781ns89"),
            ("data format error hint: [Yk06089037] rid: 661c9e77-385a09e0-65e38033", "Yk06089037"),
            (
                "invalid access_token, hint: [1692099979531331300516404], from ip: 1.2.3.4, more info at https://x",
                "1692099979531331300516404",
            ),
            ("a hint of it, hint:[x]", "x"),
        ] {
            assert_eq!(hint(text), Some(found), "{text}");
        }
    }

    #[test]
    fn what_could_be_a_secret_or_a_url_is_no_hint() {
        for text in [
            "",
            "hint",
            "hint: ",
            "hint: abc",
            "hint: []",
            "hint: [ ]",
            "hint: [abc",
            "hint [abc]",
            "hint: [a b]",
            "hint: [https://x.y]",
            "hint: [req_id: ]",
            "hint: [\u{e9}]",
            "hint: [0123456789abcdef0123456789abcdef]",
        ] {
            assert_eq!(hint(text), None, "{text}");
        }
    }
}
