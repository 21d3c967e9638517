//! Every error that the crates print is on the page of errors, in the words that they print.
//!
//! Each is provoked here through the public API. `source` reads the messages out of the code: one that nothing provokes, and
//! that `allowed` has no reason for, fails the test. `page` puts the texts into `docs/errors.md` and its translation;
//! everything else there is written by people. `UPDATE_DOCS=1` rewrites the texts.

#[path = "../program/process.rs"]
mod process;
#[allow(dead_code, reason = "another package's tests need the rest")]
#[path = "../../../tests/support/scripted.rs"]
mod scripted;
#[path = "../support/mod.rs"]
mod support;
#[allow(dead_code, reason = "the proxy's tests need the rest")]
#[path = "../proxy/upstream.rs"]
mod upstream;

mod allowed;
mod cache;
mod catalogue;
mod config;
mod files;
mod hub_client;
mod layer;
mod network;
mod platform;
mod pool;
mod program;
mod redis;
mod refusals;
mod seals;
mod settings;
mod source;

mod page;

use catalogue::Catalogue;

async fn provoked() -> Catalogue {
    // Built with other packages, reqwest has no TLS provider of its own.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut all = Catalogue::default();
    // At once: what takes time is waiting.
    let (platform, network, cache, layer, pool, hub_client, files, redis, seals, refusals, program) = tokio::join!(
        platform::provoke(),
        network::provoke(),
        cache::provoke(),
        layer::provoke(),
        pool::provoke(),
        hub_client::provoke(),
        files::provoke(),
        redis::provoke(),
        seals::provoke(),
        refusals::provoke(),
        program::provoke(),
    );
    for group in [platform, network, cache, layer, pool, hub_client, files, redis, seals, refusals, program] {
        all.extend(group);
    }
    all.extend(settings::provoke());
    all.extend(config::provoke());
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_has_every_error_in_the_words_that_are_printed() {
    let catalogue = Box::pin(provoked()).await;
    let mut wrong = page::check(&catalogue);
    let literals = source::literals();
    for literal in literals.iter().filter(|literal| !allowed::is_no_error(literal)) {
        if !catalogue.texts().any(|text| literal.made(&text.printed)) {
            wrong.push(format!("{}:{}: nothing provokes {:?}", literal.file, literal.line, literal.text));
        }
    }
    for quoted in catalogue.texts().filter_map(|text| text.quoted.as_deref()) {
        if !literals.iter().any(|literal| literal.is_whole(quoted)) {
            wrong.push(format!("the code has no message like the quoted {quoted:?}"));
        }
    }
    wrong.extend(allowed::stale(&literals));
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
