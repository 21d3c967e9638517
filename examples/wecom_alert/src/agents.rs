//! [`Agents`]: what each agent is known by, and a client that has the tokens of all of them.

use std::env;

use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use tower_wechat::{TokenCache, TokenPool, WeChatAuthLayer, issuer::WeCom, store::FileStore};

use crate::{failure::Failure, options::Agent};

const WECOM: &str = "https://qyapi.weixin.qq.com";

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
    pub fn are_configured() -> bool {
        variable("CORP_ID").is_some()
    }

    /// Those of the environment. An agent that is not there is missed when it is to send something.
    pub fn from_environment() -> Result<Self, Failure> {
        let corp_id = variable("CORP_ID").ok_or("set WECOM_CORP_ID")?;
        let mut agents = Vec::new();
        for agent in Agent::ALL {
            let name = agent.name().to_uppercase();
            if let Some(secret) = variable(&format!("{name}_SECRET")) {
                let id = variable(&format!("{name}_AGENT_ID")).and_then(|id| id.parse().ok());
                let id = id.ok_or_else(|| format!("set WECOM_{name}_AGENT_ID to the agent's number"))?;
                agents.push(Credentials { agent, id, secret });
            }
        }
        let store = variable("ALERT_STORE").map(FileStore::open).transpose()?;
        Self::new(&corp_id, WECOM, agents, store.as_ref())
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

        Ok(Self { client, base_url: base_url.to_owned(), ids })
    }

    /// The number that WeCom knows this agent by.
    pub(crate) fn id(&self, agent: Agent) -> Result<u64, Failure> {
        let found = self.ids.iter().find(|(known, _)| *known == agent);
        let name = agent.name().to_uppercase();
        found
            .map(|(_, id)| *id)
            .ok_or_else(|| format!("set WECOM_{name}_SECRET and WECOM_{name}_AGENT_ID").into())
    }
}

/// `WECOM_…` of the environment. An empty one counts as not set.
fn variable(name: &str) -> Option<String> {
    env::var(format!("WECOM_{name}")).ok().filter(|value| !value.is_empty())
}
