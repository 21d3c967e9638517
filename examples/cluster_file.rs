//! Eight processes of one bot share a token through a directory, and survive the death of the one that mints.
//!
//! `cargo run --example cluster_file`
//!
//! Nothing to install: WeChat is a fake one, and the processes are this program started again. The kernel frees the lock
//! of a process that dies, so that the others go on at once.

#[path = "common/cluster.rs"]
mod cluster;

use tower_wechat::store::FileStore;

#[tokio::main]
async fn main() -> Result<(), cluster::Failure> {
    if let Some(dir) = cluster::store_of_worker() {
        return cluster::work(FileStore::open(dir)?).await;
    }
    let dir = std::env::temp_dir().join(format!("cluster-file-{}", std::process::id()));
    println!("The processes share a directory, {}.", dir.display());
    let shown = cluster::show(&dir.to_string_lossy()).await;
    std::fs::remove_dir_all(&dir)?;
    shown?;
    println!("  (The kernel freed the dead one's lock, so nobody had to wait for the end of its lease.)");
    Ok(())
}
