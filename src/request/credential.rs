//! What a query already has that authorises the call without us.

use percent_encoding::percent_decode_str;

/// How the caller has authorised a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnCredential {
    /// By a token, of whatever kind.
    Token,
    /// By what somebody forgot to replace by a token: `access_token=`, `=ACCESS_TOKEN`, `=null`.
    Placeholder,
    /// By the app's secret.
    Secret,
}

/// Every kind of token has a name that ends so: `component_access_token`, `suite_access_token`, …
const TOKEN: &str = "access_token";
const SECRETS: [&str; 3] = ["secret", "appsecret", "corpsecret"];
const PLACEHOLDERS: [&str; 5] = ["", "ACCESS_TOKEN", "null", "undefined", "None"];

/// The caller's own credential in this query, if there is one. Whole keys count, however they are spelt.
///
/// `parameter` is the name, decoded, of where the platform's token goes. Where that is a name of somebody's own, other
/// tokens in the query are no concern of the platform's.
pub(crate) fn own_credential(query: &str, parameter: &str) -> Option<OwnCredential> {
    let mut start = 0;
    let (mut equals, mut is_encoded) = (None, false);
    for (at, byte) in query.bytes().enumerate() {
        match byte {
            b'=' => equals = equals.or(Some(at)),
            b'%' | b'+' => is_encoded = true,
            b'&' => {
                let found =
                    of_pair(&query[start..at], equals.map(|equals| equals - start), is_encoded, parameter);
                if found.is_some() {
                    return found;
                }
                (start, equals, is_encoded) = (at + 1, None, false);
            }
            _ => {}
        }
    }
    of_pair(&query[start..], equals.map(|equals| equals - start), is_encoded, parameter)
}

fn of_pair(pair: &str, equals: Option<usize>, is_encoded: bool, parameter: &str) -> Option<OwnCredential> {
    let (key, value) = equals.map_or((pair, ""), |equals| (&pair[..equals], &pair[equals + 1..]));
    if is_encoded { credential(&decoded(key), value, parameter) } else { credential(key, value, parameter) }
}

fn credential(key: &str, value: &str, parameter: &str) -> Option<OwnCredential> {
    if key == parameter || (key.ends_with(TOKEN) && parameter.ends_with(TOKEN)) {
        let left_over = PLACEHOLDERS.contains(&value);
        return Some(if left_over { OwnCredential::Placeholder } else { OwnCredential::Token });
    }
    SECRETS.contains(&key).then_some(OwnCredential::Secret)
}

fn decoded(key: &str) -> String {
    let spaced = key.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_the_callers_own_is_found_in_every_spelling() {
        use OwnCredential::{Placeholder, Secret, Token};
        for (query, expected) in [
            ("", None),
            ("&&=", None),
            ("openid=1&lang=zh_CN", None),
            ("a=access_token=1&my_secret=2", None),
            ("access_tokens=1", None),
            ("access_token=mine", Some(Token)),
            ("a=1&access_token", Some(Placeholder)),
            ("access_token=", Some(Placeholder)),
            ("access_token=ACCESS_TOKEN&a=1", Some(Placeholder)),
            ("access_token=null", Some(Placeholder)),
            ("access%5Ftoken=mine", Some(Token)),
            ("%61ccess_token=mine", Some(Token)),
            ("component_access_token=x", Some(Token)),
            ("authorizer_access_token=x", Some(Token)),
            ("suite_access_token=x", Some(Token)),
            ("provider_access_token=x", Some(Token)),
            ("cloudbase_access_token=x", Some(Token)),
            ("model_access_token=x", Some(Token)),
            ("device_access_token=x", Some(Token)),
            ("appid=x&secret=y", Some(Secret)),
            ("appid=x&appsecret=y", Some(Secret)),
            ("corpid=x&corpsecret=y", Some(Secret)),
            ("+secret=y", None),
        ] {
            assert_eq!(own_credential(query, "access_token"), expected, "{query}");
        }
    }

    #[test]
    fn with_a_parameter_of_somebodys_own_only_that_counts() {
        for (query, expected) in [
            ("access_token=of-the-gateway", None),
            ("component_access_token=x", None),
            ("wx_token=x", Some(OwnCredential::Token)),
            ("wx_token=", Some(OwnCredential::Placeholder)),
            ("secret=x", Some(OwnCredential::Secret)),
        ] {
            assert_eq!(own_credential(query, "wx_token"), expected, "{query}");
        }
        assert!(own_credential("access_token=x", "component_access_token").is_some());
    }
}
