//! A Cluster of three primaries and three replicas.

use std::time::Duration;

use tokio::{runtime::Handle, time::timeout};
use tower_wechat::{
    issuer::AccountKey,
    store::{Record, TokenStore, Usage},
    testing::store_conformance,
};

use crate::redis::{
    LIFE, account, commit, connect, connect_patiently,
    support::{Server, eventually},
    token,
};

/// A node is given up after a second; then its replica must be elected, and clients must hear of it.
const FAILOVER: Duration = Duration::from_secs(20);

struct Cluster(Vec<Server>);

impl Cluster {
    async fn start() -> Self {
        let args = [
            ("cluster-enabled", "yes"),
            ("cluster-port", "{extra}"),
            ("cluster-node-timeout", "1000"),
            ("repl-diskless-sync-delay", "0"),
        ];
        let args: Vec<_> =
            args.iter().flat_map(|&(name, value)| [format!("--{name}"), value.to_owned()]).collect();
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let mut nodes = Vec::new();
        for _ in 0..6 {
            nodes.push(Server::start_with(&args).await);
        }
        for (node, slots) in nodes.iter().zip([("0", "5460"), ("5461", "10922"), ("10923", "16383")]) {
            node.cli(&["CLUSTER", "ADDSLOTSRANGE", slots.0, slots.1]).await;
        }
        for (epoch, node) in nodes.iter().enumerate() {
            node.cli(&["CLUSTER", "SET-CONFIG-EPOCH", &(epoch + 1).to_string()]).await;
            let (port, bus) = (nodes[0].port.to_string(), nodes[0].extra_port.to_string());
            node.cli(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]).await;
        }
        let cluster = Self(nodes);
        let know = format!("cluster_known_nodes:{}", cluster.0.len());
        cluster.all("the nodes know each other", &["CLUSTER", "INFO"], &know).await;
        for (primary, replica) in cluster.0[..3].iter().zip(&cluster.0[3..]) {
            let id = primary.cli(&["CLUSTER", "MYID"]).await;
            replica.cli(&["CLUSTER", "REPLICATE", &id]).await;
        }
        cluster.all("the Cluster serves", &["CLUSTER", "INFO"], "cluster_state:ok").await;
        for replica in &cluster.0[3..] {
            eventually("a replica follows", FAILOVER, async || {
                replica.cli(&["INFO", "replication"]).await.contains("master_link_status:up")
            })
            .await;
        }
        for node in &cluster.0 {
            eventually("everybody knows the replicas", FAILOVER, async || {
                node.cli(&["CLUSTER", "NODES"]).await.matches("slave").count() == 3
            })
            .await;
        }
        cluster
    }

    async fn all(&self, what: &str, ask: &[&str], wanted: &str) {
        for node in &self.0 {
            eventually(what, FAILOVER, async || node.cli(ask).await.contains(wanted)).await;
        }
    }

    fn url(&self) -> String {
        let hosts: Vec<_> = self.0.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        format!("redis-cluster://{}", hosts.join(","))
    }

    /// Which of the primaries has this account's slot.
    async fn owner(&self, account: &AccountKey) -> usize {
        let slot = self.0[0].cli(&["CLUSTER", "KEYSLOT", &format!("tower-wechat:{{{account}}}")]).await;
        (slot.parse::<usize>().unwrap() / 5461).min(2)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_keeps_the_rules_and_survives_the_death_of_a_primary() {
    let mut cluster = Cluster::start().await;
    let url = cluster.url();
    store_conformance(|| connect_patiently(&url)).await;

    let (store, other) = (connect(&url).await, connect(&url).await);
    let accounts: Vec<_> = (0..9).map(|i| account(&i.to_string())).collect();
    for account in &accounts {
        commit(&store, account, "before").await.unwrap();
    }
    let dead = cluster.owner(&accounts[0]).await;
    // The replica has everything: what was not replicated in time would be lost with the primary, as is documented.
    let acknowledged = cluster.0[dead].cli(&["WAIT", "1", "5000"]).await;
    assert_eq!(acknowledged, "1");
    cluster.0[dead].kill();
    eventually("the replica has taken over", FAILOVER, async || {
        commit(&store, &accounts[0], "after").await.is_ok()
    })
    .await;
    for account in &accounts[1..] {
        eventually("every account is served", FAILOVER, async || store.load(account).await.is_ok()).await;
        assert_eq!(token(&store, account).await.as_deref(), Some("before"));
    }
    eventually("so says the other store", FAILOVER, async || other.load(&accounts[0]).await.is_ok()).await;
    assert_eq!(token(&other, &accounts[0]).await.as_deref(), Some("after"));

    // The bell rings again, whichever node it hung at.
    let mut watch = other.watch(&accounts[0]);
    eventually("the bell rings", FAILOVER, async || {
        commit(&store, &accounts[0], "rung").await.is_ok()
            && timeout(Duration::from_millis(200), watch.changed()).await.is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_freezes_is_left_and_cannot_write_when_it_wakes() {
    let cluster = Cluster::start().await;
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let store = connect(&cluster.url()).await;
    let (here, elsewhere) = (account("0"), account("1"));
    let frozen = cluster.owner(&here).await;
    assert_ne!(cluster.owner(&elsewhere).await, frozen);
    let granted = crate::redis::lease(&store, &here).await.unwrap();
    assert_eq!(cluster.0[frozen].cli(&["WAIT", "1", "5000"]).await, "1");
    cluster.0[frozen].freeze();
    let replica = &cluster.0[3 + frozen];
    eventually("the replica has taken over", FAILOVER, async || {
        replica.cli(&["ROLE"]).await.starts_with("master")
    })
    .await;
    // A new connection every two seconds, and one more for those to the frozen node.
    eventually("the store has followed", Duration::from_secs(5), async || {
        timeout(Duration::from_secs(1), store.load(&here)).await.expect("an answer in time").is_ok()
    })
    .await;
    assert!(store.renew(&here, &granted).await.unwrap(), "the lease came along");
    commit(&store, &elsewhere, "t").await.unwrap();
    let record = Record::new("t", granted.fence, LIFE, LIFE);
    store.commit(&here, &granted, &record, &Usage::default()).await.unwrap();
    cluster.0[frozen].thaw();
    eventually("the old primary follows", FAILOVER, async || {
        cluster.0[frozen].cli(&["ROLE"]).await.starts_with("slave")
    })
    .await;
    eventually("the store works on", FAILOVER, async || commit(&store, &here, "new").await.is_ok()).await;
    drop(store);
    eventually("no task is left", crate::redis::RECOVERY, async || tasks() == before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_was_gone_altogether_is_found_again() {
    let mut node = Server::start_with(&["--cluster-enabled", "yes", "--cluster-port", "{extra}"]).await;
    node.cli(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).await;
    let serves = async |node: &Server| {
        eventually("the Cluster serves", FAILOVER, async || {
            node.cli(&["CLUSTER", "INFO"]).await.contains("cluster_state:ok")
        })
        .await;
    };
    serves(&node).await;
    let single = connect(&node.url()).await;
    let store = connect(&format!("redis-cluster://127.0.0.1:{}", node.port)).await;
    commit(&store, &account("app"), "t").await.unwrap();
    // A node that has every slot serves a store that knows of no Cluster.
    assert_eq!(token(&single, &account("app")).await.as_deref(), Some("t"));

    let mut watch = store.watch(&account("app"));
    node.kill();
    eventually("the loss is noticed", crate::redis::RECOVERY, async || {
        store.load(&account("app")).await.is_err()
    })
    .await;
    node.restart().await;
    serves(&node).await;
    crate::redis::recovers(&store, &account("app")).await;
    timeout(crate::redis::RECOVERY, watch.changed()).await.expect("watchers are told after a gap");
    commit(&store, &account("app"), "new").await.unwrap();
}

#[tokio::test]
async fn a_cluster_that_does_not_serve_says_so() {
    let node = Server::start_with(&["--cluster-enabled", "yes", "--cluster-port", "{extra}"]).await;
    for url in [node.url(), format!("redis-cluster://127.0.0.1:{}", node.port)] {
        let error = connect(&url).await.load(&account("app")).await.unwrap_err();
        assert!(error.to_string().contains("luster"), "{url}: {error}");
    }
}

#[tokio::test]
async fn a_user_of_a_cluster_needs_no_more_than_the_docs_say() {
    let node = Server::start_with(&["--cluster-enabled", "yes", "--cluster-port", "{extra}"]).await;
    node.cli(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).await;
    let serves = async || node.cli(&["CLUSTER", "INFO"]).await.contains("cluster_state:ok");
    eventually("the Cluster serves", FAILOVER, serves).await;
    let commands = "+evalsha +script|load +ping +subscribe +publish +time +hmget +hget +hset +hdel +hincrby +pttl \
                    +pexpire";
    let mut user = vec!["ACL", "SETUSER", "narrow", "on", ">pw", "~tower-wechat:*", "&tower-wechat:*"];
    user.extend(commands.split_whitespace());
    assert_eq!(node.cli(&user).await, "OK");
    let url = format!("redis-cluster://narrow:pw@127.0.0.1:{}", node.port);
    let error = connect(&url).await.load(&account("app")).await.unwrap_err();
    assert!(error.to_string().contains("allow it"), "{error}");

    node.cli(&["ACL", "SETUSER", "narrow", "+cluster|slots"]).await;
    let store = connect(&url).await;
    let mut watch = store.watch(&account("app"));
    commit(&store, &account("app"), "t").await.unwrap();
    timeout(crate::redis::RECOVERY, watch.changed()).await.expect("told");
}
