//! A Cluster and a Sentinel set lose a primary while callers go on.

#![allow(clippy::disallowed_methods, reason = "real servers take real time")]

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::election::{
    Kind, harsh,
    server::{Server, eventually},
    worker::{Spec, Worker, agreed, all, sum},
    workers,
};

/// A primary is given up after a second; then the others must agree on a new one, and clients must hear of it.
const FAILOVER: Duration = Duration::from_secs(20);

/// Kills the primary under load: the valid token is served on, and once there is a new primary, one mint replaces it.
async fn survive(url: String, primary: &mut Server, auth: &[&str]) {
    let wechat = harsh().await;
    let spec = Spec { wait_timeout: Duration::from_secs(2), ..Spec::new(&wechat, url, Kind::Classic) };
    let mut workers = workers(3, &spec).await;
    let said = all(&mut workers, "fire 5").await;
    assert_eq!(sum(&said, "failed"), 0, "{said:?}");
    // What was not replicated in time would be lost with the primary, as is documented.
    assert_eq!(primary.cli(&[auth, &["WAIT", "1", "5000"]].concat()).await, "1");

    all(&mut workers, "load").await;
    primary.kill();
    let start = Instant::now();
    sleep(Duration::from_secs(3)).await;
    let said = all(&mut workers, "halt").await;
    assert_eq!(sum(&said, "failed"), 0, "{said:?}");
    assert!(sum(&said, "ok") > 100, "{said:?}");

    wechat.revoke();
    for worker in &mut workers {
        eventually("calls go well", FAILOVER, async || worker.ask("fire 1").await["ok"] == 1).await;
    }
    println!("a new token {:?} after the death of the primary", start.elapsed());
    assert_eq!((wechat.mints(), wechat.token_requests()), (2, 2));
    eventually("all hold one token", Duration::from_secs(2), async || {
        let held = all(&mut workers, "current").await;
        held.iter().all(|one| *one == held[0])
    })
    .await;
    workers.push(Worker::start(&spec));
    assert_eq!(workers[3].hear().await["ready"], true);
    assert_eq!(workers[3].ask("fire 5").await["ok"], 5);
    agreed(&mut workers).await;
    assert_eq!(wechat.token_requests(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_loses_the_owner_of_the_slot() {
    let args = [
        ["--cluster-enabled", "yes"],
        ["--cluster-port", "{extra}"],
        ["--cluster-node-timeout", "1000"],
        ["--repl-diskless-sync-delay", "0"],
        // One of them owns all slots; the other two only vote.
        ["--cluster-allow-replica-migration", "no"],
    ]
    .concat();
    let mut nodes = Vec::new();
    for epoch in 1..=4 {
        let node = Server::start_with(&args).await;
        node.cli(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch.to_string()]).await;
        nodes.push(node);
    }
    // Two other primaries must agree to a failover, and only owners of slots vote.
    for (node, [first, last]) in nodes.iter().zip([["0", "16381"], ["16382", "16382"], ["16383", "16383"]]) {
        node.cli(&["CLUSTER", "ADDSLOTSRANGE", first, last]).await;
    }
    for node in &nodes[1..] {
        let (port, bus) = (nodes[0].port.to_string(), nodes[0].extra_port.to_string());
        node.cli(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]).await;
    }
    for node in &nodes {
        eventually("the nodes know each other", FAILOVER, async || {
            node.cli(&["CLUSTER", "INFO"]).await.contains("cluster_known_nodes:4")
        })
        .await;
    }
    let owner = nodes[0].cli(&["CLUSTER", "MYID"]).await;
    eventually("it has a replica", FAILOVER, async || {
        nodes[3].cli(&["CLUSTER", "REPLICATE", &owner]).await == "OK"
    })
    .await;
    eventually("the replica follows", FAILOVER, async || {
        nodes[3].cli(&["INFO", "replication"]).await.contains("master_link_status:up")
    })
    .await;
    for node in &nodes {
        eventually("the Cluster serves", FAILOVER, async || {
            let knows = node.cli(&["CLUSTER", "NODES"]).await.matches("slave").count() == 1;
            knows && node.cli(&["CLUSTER", "INFO"]).await.contains("cluster_state:ok")
        })
        .await;
    }
    let hosts: Vec<_> = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
    survive(format!("redis-cluster://{}", hosts.join(",")), &mut nodes[0], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sentinel_set_loses_its_primary() {
    let mut primary = Server::start().await;
    let replica = Server::start_with(&["--replicaof", "127.0.0.1", &primary.port.to_string()]).await;
    let conf = format!(
        "sentinel monitor mine 127.0.0.1 {} 2\nsentinel down-after-milliseconds mine 1000\nsentinel failover-timeout \
         mine 5000\n",
        primary.port
    );
    let mut sentinels = Vec::new();
    for _ in 0..3 {
        sentinels.push(Server::start_from(&[("server.conf", &conf)], &["--sentinel"]).await);
    }
    for sentinel in &sentinels {
        eventually("the Sentinels know everybody", FAILOVER, async || {
            let known = sentinel.cli(&["SENTINEL", "MASTER", "mine"]).await;
            let known: Vec<_> = known.lines().collect();
            let value = |name| known.iter().position(|&line| line == name).map(|at| known[at + 1]);
            value("num-slaves") == Some("1") && value("num-other-sentinels") == Some("2")
        })
        .await;
    }
    eventually("the replica follows", FAILOVER, async || {
        replica.cli(&["INFO", "replication"]).await.contains("master_link_status:up")
    })
    .await;
    let hosts: Vec<_> = sentinels.iter().map(|one| format!("127.0.0.1:{}", one.port)).collect();
    survive(format!("redis-sentinel://{}/mine", hosts.join(",")), &mut primary, &[]).await;
}
