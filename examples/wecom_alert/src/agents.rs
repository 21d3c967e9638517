//! [`Agents`]: what each agent is known by, and a client that has the tokens of all of them.

use std::env;

use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use tower_wechat::{TokenCache, TokenPool, WeChatAuthLayer, issuer::WeCom, store::FileStore};

use crate::{failure::Failure, options::Agent};

const WECOM: &str = "https://qyapi.weixin.qq.com";
const SECRET: &str = "SECRET";
const AGENT_ID: &str = "AGENT_ID";

/// The agents of one corp. Each has a secret of its own, and a token.
pub struct Agents {
    pub(crate) client: ClientWithMiddleware,
    pub(crate) base_url: String,
    ids: Vec<(Agent, u64)>,
}

/// What WeCom's console says of an agent.
pub struct Credentials {
    pub agent: Agent,
    pub id: u64,
    pub secret: String,
}

impl Agents {
    /// Whether something is set. Where it is too little, a script must not get a demonstration that ends well.
    pub fn are_configured() -> bool {
        let of_agents = Agent::ALL.map(|agent| [of(agent, SECRET), of(agent, AGENT_ID)]);
        let of_all = ["CORP_ID", "BASE_URL", "ALERT_STORE"].map(str::to_owned);
        of_agents.into_iter().flatten().chain(of_all).any(|name| variable(&name).is_some())
    }

    /// This agent, as the environment has it. The others are not looked at: what is wrong with them is no reason for this one
    /// not to alert.
    pub fn from_environment(agent: Agent) -> Result<Self, Failure> {
        let corp_id = variable("CORP_ID").ok_or("set WECOM_CORP_ID")?;
        let set = variable(&of(agent, SECRET)).zip(variable(&of(agent, AGENT_ID)));
        let (secret, id) = set.ok_or_else(|| format!("{}: {}", agent.name(), missing(agent)))?;
        let id = id.parse().map_err(|_| format!("WECOM_{} must be a number", of(agent, AGENT_ID)))?;
        let store = variable("ALERT_STORE").map(FileStore::open).transpose()?;
        let base_url = variable("BASE_URL").unwrap_or_else(|| WECOM.to_owned());
        Self::new(&corp_id, &base_url, vec![Credentials { agent, id, secret }], store.as_ref())
    }

    pub fn new(
        corp_id: &str,
        base_url: &str,
        agents: Vec<Credentials>,
        store: Option<&FileStore>,
    ) -> Result<Self, Failure> {
        let pool = TokenPool::new();
        let mut ids = Vec::new();
        for Credentials { agent, id, secret } in agents {
            let cache = TokenCache::builder(WeCom::new(corp_id, secret).base_url(base_url)?);
            // WeCom blocks those who ask for a token often, as a script might.
            let cache = match store {
                Some(store) => cache.store(store.clone()),
                None => cache,
            };
            // The corp id would not do as a key: all agents have the same.
            pool.insert(agent.name().into(), cache.build());
            ids.push((agent, id));
        }
        // reqwest would tell a host that it is redirected to the URL it came from, with the token in it.
        let http = reqwest::Client::builder().referer(false).build()?;

        // This is all that there is to do for the tokens: a request says by its extension whose it needs.
        let client = ClientBuilder::new(http).with(WeChatAuthLayer::new(pool)).build();

        Ok(Self { client, base_url: base_url.trim_end_matches('/').to_owned(), ids })
    }

    /// The number that WeCom knows this agent by.
    pub(crate) fn id(&self, agent: Agent) -> Result<u64, Failure> {
        let found = self.ids.iter().find(|(known, _)| *known == agent);
        found.map(|(_, id)| *id).ok_or_else(|| missing(agent).into())
    }
}

fn missing(agent: Agent) -> String {
    format!("set WECOM_{} and WECOM_{}", of(agent, SECRET), of(agent, AGENT_ID))
}

/// The name of what is set for an agent, without `WECOM_`.
fn of(agent: Agent, what: &str) -> String {
    format!("{}_{what}", agent.name().to_uppercase())
}

/// `WECOM_…` of the environment. An empty one counts as not set.
fn variable(name: &str) -> Option<String> {
    env::var(format!("WECOM_{name}")).ok().filter(|value| !value.is_empty())
}
