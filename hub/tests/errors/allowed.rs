//! Texts in the code that are no errors, and why.

use crate::source::Literal;

/// Macros whose texts are for logs and metrics, or for whoever tests.
const MACROS: [(&str, &str); 9] = [
    ("trace", "an event of the log: docs/operating tells of them"),
    ("debug", "an event of the log"),
    ("info", "an event of the log"),
    ("warn", "an event of the log"),
    ("error", "an event of the log"),
    ("describe_counter", "a metric's description"),
    ("assert", "checked when it is compiled"),
    ("texts", "a text of the status page"),
    ("html", "the status page"),
];

/// Files without errors.
const FILES: [(&str, &str); 6] = [
    ("src/telemetry/", "events and metrics"),
    ("hub/src/admin/", "the admin addresses: the status page, and one-line answers that say what is there"),
    ("hub/src/program/demo.rs", "what the demo prints"),
    ("hub/src/program/secret.rs", "what `wechat-hub secret` prints"),
    ("hub/src/program/descriptors.rs", "an event of the log"),
    ("hub/src/telemetry/", "events and metrics"),
];

/// Texts that nobody reads as an error.
const TEXTS: [(&str, &str); 35] = [
    ("polled after it was ready", "a future that is polled after its end, which is a bug of whoever polls"),
    ("polled after the verdict", "cannot be"),
    ("a request's handle comes from `of`", "cannot be"),
    ("ring speaks TLS 1.2 and 1.3", "cannot be"),
    ("it is not zero", "cannot be"),
    ("the fetch was stopped under way", "goes to callers of the cache's own, who ask again"),
    (
        "{} told of a newer token, which is no newer one",
        "goes to the listener, which asks again and tells nobody",
    ),
    ("a secret as a string", "serde's word, in whose place stands a text that quotes nothing"),
    ("invalid type", "serde's words, which are looked for"),
    ("invalid value", "serde's words, which are looked for"),
    ("unsupported command", "a server's words, which are looked for"),
    ("unknown command", "a server's words, which are looked for"),
    ("cluster support disabled", "a server's words, which are looked for"),
    ("not allowed from script", "a server's words, which are looked for"),
    ("DB index", "a server's words, which are looked for"),
    ("max number of clients", "a server's words, which are looked for"),
    ("has no permissions to run", "a server's words, which are looked for"),
    ("running script", "a server's words, which are looked for"),
    ("the cache has one.", "documentation"),
    ("the socket's own client", "a mark"),
    ("the configuration", "the name of a configuration that is no file, in fuzzing"),
    ("Bearer realm=\"wechat-hub\"", "a header"),
    ("application/json; charset=utf-8", "a header"),
    ("1.1 wechat-hub", "a header"),
    ("; errcode={errcode}", "a header"),
    ("; errcode={errcode}; reason={why}", "a header"),
    ("{}: a token with the fingerprint {}, for {seconds} s more\n", "a success"),
    (
        "the secret is right and this host's address is allowed; a token lives for {seconds} s more{advice}",
        "a success",
    ),
    (
        "; it is set to \"classic\", where any other program that asks for this app's token ends the hub's: \"stable\" is safe \
         from that",
        "advice beside a success",
    ),
    ("it could not be read", "an event of the log: a configuration that is read again"),
    (
        "one of its files could not be read within 10 s",
        "an event of the log: a configuration that is read again",
    ),
    ("listening on ", "where the hub listens"),
    ("admin on http://", "where the hub listens"),
    ("a refresh", "what is refused, in an event of the log"),
    ("a question to the hub has 6 s", "documentation"),
];

pub(crate) fn is_no_error(literal: &Literal) -> bool {
    let within = literal.within.as_deref().unwrap_or_default();
    let last = within.rsplit(':').next().unwrap_or_default();
    MACROS.iter().any(|(name, _)| last == *name)
        || FILES.iter().any(|(file, _)| literal.file.starts_with(file))
        || TEXTS.iter().any(|(text, _)| literal.text.starts_with(text))
}

/// The reasons that nothing needs any more.
pub(crate) fn stale(literals: &[Literal]) -> Vec<String> {
    let is_there = |text: &str| literals.iter().any(|literal| literal.text.starts_with(text));
    let stale = TEXTS.iter().filter(|(text, _)| !is_there(text));
    stale
        .map(|(text, _)| format!("nothing in the code says {text:?} any more: take it out of `allowed`"))
        .collect()
}
