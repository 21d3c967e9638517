//! A URI on the first line, a token on the second. The token goes last and alone: all else stays as it is, and it is found where it was put.

#![no_main]

use http::Uri;
use libfuzzer_sys::fuzz_target;
use tower_wechat::fuzzing::{encode, has_credential, inject};

const PARAMETER: &str = "access_token";

fuzz_target!(|input: &str| {
    let (uri, token) = input.split_once('\n').unwrap_or((input, "t"));
    let (Ok(uri), token) = (uri.parse::<Uri>(), encode(token)) else {
        return;
    };
    let _: bool = has_credential(&uri, PARAMETER);
    let Ok(with) = inject(&uri, PARAMETER, &token) else {
        return;
    };
    assert!(has_credential(&with, PARAMETER));
    assert_eq!((with.scheme(), with.authority(), with.path()), (uri.scheme(), uri.authority(), uri.path()));
    let (query, before) = (with.query().unwrap(), uri.query().unwrap_or_default());
    let rest = query.strip_prefix(before).unwrap();
    let pair = rest.strip_prefix('&').unwrap_or(rest);
    assert_eq!(pair, format!("{PARAMETER}={token}"));
    assert_eq!(rest.len() > pair.len(), !before.is_empty() && !before.ends_with('&'));
    assert_eq!(with.to_string().parse::<Uri>().unwrap(), with);
});
