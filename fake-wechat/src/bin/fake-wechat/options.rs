//! [`Options`]: what the command line says.

use std::{net::SocketAddr, time::Duration};

use clap::Parser;
use fake_wechat::{FakeWeChat, FakeWeChatBuilder};

/// WeChat's server APIs in a box, for tests on this machine.
///
/// Prints its address, an app id with its secret, and calls to copy; then serves until SIGINT or SIGTERM. Nothing is kept
/// on disk, and nothing of it reaches WeChat.
#[derive(Debug, Parser)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[command(name = "fake-wechat", version)]
pub(crate) struct Options {
    /// Where to listen: an address of loopback. Port 0 is a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0", value_parser = loopback)]
    pub(crate) listen: SocketAddr,
    /// Put everything below this path, as a reverse proxy would
    #[arg(long, value_name = "PATH")]
    prefix: Option<String>,
    /// End when standard input does: with the program that holds its other end, however that ends
    #[arg(long)]
    pub(crate) until_eof: bool,

    /// Be WeCom: the account is a corp, asked for at /cgi-bin/gettoken
    #[arg(long)]
    pub(crate) wecom: bool,
    /// App id of the account; corp id with --wecom [default: one that is printed]
    #[arg(long, value_name = "ID")]
    app_id: Option<String>,
    /// Its secret [default: one that is printed]
    #[arg(long, value_name = "SECRET")]
    app_secret: Option<String>,
    /// Another official account or mini program; may be given more than once
    #[arg(long, value_name = "ID:SECRET", value_parser = account)]
    account: Vec<(String, String)>,
    /// Another WeCom app; may be given more than once
    #[arg(long, value_name = "ID:SECRET", value_parser = account)]
    corp: Vec<(String, String)>,

    /// How long a token lives
    #[arg(long, value_name = "SECONDS", default_value = "7200")]
    expires_in: u32,
    /// How long the token before stays good after a mint
    #[arg(long, value_name = "SECONDS", default_value = "300")]
    overlap: u32,
    /// The same after a forced refresh of a stable token
    #[arg(long, value_name = "SECONDS", default_value = "0")]
    forced_overlap: u32,
    /// How long after a forced refresh another one mints nothing
    #[arg(long, value_name = "SECONDS", default_value = "30")]
    forced_spacing: u32,
    /// How many forced refreshes there are a day
    #[arg(long, value_name = "COUNT", default_value = "20")]
    forced_quota: u32,
    /// How many calls of /cgi-bin/token there are a day
    #[arg(long, value_name = "COUNT", default_value = "2000")]
    classic_quota: u32,
    /// How many calls of /cgi-bin/stable_token there are a day
    #[arg(long, value_name = "COUNT", default_value = "500000")]
    stable_quota: u32,
    /// Have each /cgi-bin/gettoken mint, where WeCom hands out the present token
    #[arg(long)]
    wecom_mints_anew: bool,
    /// What a wrong secret is answered with; WeCom always says 40001
    #[arg(long, value_name = "ERRCODE", default_value = "40125")]
    wrong_secret_code: i64,
    /// Answer token calls as if this machine were on no allow-list
    #[arg(long)]
    refuse_ip: bool,

    /// How long token endpoints take to answer
    #[arg(long, value_name = "MILLISECONDS", default_value = "0")]
    token_latency: u32,
    /// How long APIs take to answer
    #[arg(long, value_name = "MILLISECONDS", default_value = "0")]
    api_latency: u32,
    /// How long a download is whose query has no `size`
    #[arg(long, value_name = "BYTES", default_value = "65536")]
    media_size: u64,
    /// How many requests are remembered
    #[arg(long, value_name = "COUNT", default_value = "10000")]
    log_limit: usize,
}

impl Options {
    pub(crate) fn builder(&self) -> FakeWeChatBuilder {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        let milliseconds = |milliseconds: u32| Duration::from_millis(milliseconds.into());
        let mut builder = FakeWeChat::builder()
            .control_calls()
            .listen(self.listen)
            .prefix(self.prefix.as_deref().unwrap_or_default())
            .token_life(seconds(self.expires_in))
            .overlap(seconds(self.overlap))
            .forced_overlap(seconds(self.forced_overlap))
            .forced_spacing(seconds(self.forced_spacing))
            .forced_quota(self.forced_quota)
            .classic_quota(self.classic_quota)
            .stable_quota(self.stable_quota)
            .wrong_secret_code(self.wrong_secret_code)
            .token_latency(milliseconds(self.token_latency))
            .api_latency(milliseconds(self.api_latency))
            .media_size(self.media_size)
            .log_limit(self.log_limit);
        if self.wecom_mints_anew {
            builder = builder.wecom_mints_anew();
        }
        if self.refuse_ip {
            builder = builder.refuse_ip();
        }
        builder = if self.wecom {
            builder.corp(self.id(), self.secret())
        } else {
            builder.account(self.id(), self.secret())
        };
        for (id, secret) in &self.account {
            builder = builder.account(id, secret);
        }
        for (id, secret) in &self.corp {
            builder = builder.corp(id, secret);
        }
        builder
    }

    /// Of the one account.
    pub(crate) fn id(&self) -> &str {
        let default = if self.wecom { FakeWeChat::CORP_ID } else { FakeWeChat::APP_ID };
        self.app_id.as_deref().unwrap_or(default)
    }

    pub(crate) fn secret(&self) -> &str {
        let default = if self.wecom { FakeWeChat::CORP_SECRET } else { FakeWeChat::APP_SECRET };
        self.app_secret.as_deref().unwrap_or(default)
    }
}

fn account(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((id, secret)) if !id.is_empty() && !secret.is_empty() => Ok((id.to_owned(), secret.to_owned())),
        _ => Err("not an id, a colon and a secret".to_owned()),
    }
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| "not an address and a port".to_owned())?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("anybody who reaches it may use it, so it listens on loopback only: 127.0.0.1 or [::1]"
            .to_owned())
    }
}
