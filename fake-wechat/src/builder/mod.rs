//! [`FakeWeChatBuilder`]: a platform of other habits or with other accounts.

mod habits;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use crate::{
    fake::{FakeWeChat, Running},
    gate::Gate,
    log::Log,
    rules::Rules,
    server,
    state::State,
    tokens::Tokens,
};

/// Sets up a [`FakeWeChat`]; made by [`FakeWeChat::builder`].
#[derive(Clone, Debug)]
#[must_use = "nothing listens before `start`"]
pub struct FakeWeChatBuilder {
    rules: Rules,
    token_latency: Duration,
    api_latency: Duration,
    media_size: u64,
    log_limit: usize,
    prefix: String,
    listen: SocketAddr,
    control_calls: bool,
    accounts: Vec<Account>,
}

#[derive(Clone)]
struct Account {
    id: String,
    secret: Box<str>,
    is_corp: bool,
}

impl Default for FakeWeChatBuilder {
    fn default() -> Self {
        Self {
            rules: Rules::default(),
            token_latency: Duration::ZERO,
            api_latency: Duration::ZERO,
            media_size: 64 * 1024,
            log_limit: 10_000,
            prefix: String::new(),
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            control_calls: false,
            accounts: Vec::new(),
        }
    }
}

impl FakeWeChatBuilder {
    /// Adds an official account or mini program. With any account or corp added, the default ones are not there.
    pub fn account(self, app_id: impl Into<String>, app_secret: &str) -> Self {
        self.add(app_id.into(), app_secret, false)
    }

    /// Adds a WeCom app. Apps of one corp have its id in common, and a secret and a token each.
    pub fn corp(self, corp_id: impl Into<String>, corp_secret: &str) -> Self {
        self.add(corp_id.into(), corp_secret, true)
    }

    fn add(mut self, id: String, secret: &str, is_corp: bool) -> Self {
        self.accounts.push(Account { id, secret: secret.into(), is_corp });
        self
    }

    /// How many bytes `/cgi-bin/media/get` sends unless its query has a `size`; 64 KiB by default.
    pub fn media_size(self, bytes: u64) -> Self {
        Self { media_size: bytes, ..self }
    }

    /// How many requests [`FakeWeChat::seen`] remembers, the latest; 10 000 by default.
    pub fn log_limit(self, requests: usize) -> Self {
        Self { log_limit: requests, ..self }
    }

    /// Puts everything below this path (`/wx`), as a reverse proxy would. Anything else is answered with HTTP status 404,
    /// and what is [seen](FakeWeChat::seen) of a path begins after it.
    pub fn prefix(self, path: &str) -> Self {
        Self { prefix: format!("/{}", path.trim_matches('/')).trim_end_matches('/').to_owned(), ..self }
    }

    /// Where it listens: a free port of 127.0.0.1 by default. Any other address of loopback will do, and no other address.
    pub fn listen(self, address: SocketAddr) -> Self {
        Self { listen: address, ..self }
    }

    /// Answers control calls below `/_fake/`, by which a test in another language revokes tokens, moves the clock, has calls
    /// fail and reads counters. `GET /_fake/` lists them. They count as no request. Not there by default.
    pub fn control_calls(self) -> Self {
        Self { control_calls: true, ..self }
    }

    /// Starts it on the runtime that runs this.
    ///
    /// # Panics
    ///
    /// If the address cannot be bound: no test could go on.
    pub async fn start(self) -> FakeWeChat {
        // Documented above.
        self.try_start().await.expect("an address of loopback that can be bound")
    }

    /// The same, for those who can go on without.
    ///
    /// # Errors
    ///
    /// If the address cannot be bound, or is not one of loopback.
    #[allow(clippy::unused_async, reason = "sockets need a runtime, and `async` says so")]
    pub async fn try_start(mut self) -> io::Result<FakeWeChat> {
        let listener = server::listen(self.listen)?;
        let address = listener.local_addr()?;
        if self.accounts.is_empty() {
            self = self
                .account(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET)
                .corp(FakeWeChat::CORP_ID, FakeWeChat::CORP_SECRET);
        }
        let mut tokens = Tokens::new(self.rules);
        for account in self.accounts {
            tokens.add(account.id, &account.secret, account.is_corp);
        }
        let state = Arc::new(State::new(
            tokens,
            Gate::new(self.token_latency),
            Gate::new(self.api_latency),
            Log::new(self.log_limit),
            self.media_size,
            self.prefix.into(),
            self.control_calls,
        ));
        let server = tokio::spawn(server::serve(listener, state.clone())).abort_handle();
        Ok(FakeWeChat(Arc::new(Running { state, address, server })))
    }
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.id.fmt(f)
    }
}
