//! What the fuzz targets reach for. Built for them only (`--cfg fuzzing`), and no part of the API.

use std::{net::SocketAddr, path::Path};

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use crate::{config::Config, hub::Hub, peer::Peer};

/// What is wrong with a configuration.
///
/// # Errors
///
/// If anything is.
pub fn config(text: &str) -> Result<(), String> {
    Config::of_text(Path::new("hub.toml"), text).map(drop).map_err(|fault| fault.to_string())
}

/// What a hub says to a client that sends these bytes, and then nothing more.
pub async fn exchange(hub: &Hub, bytes: &[u8]) -> Vec<u8> {
    let (mut client, server) = duplex(64 * 1024);
    let peer = Peer::Tcp(SocketAddr::from(([127, 0, 0, 1], 1)));
    let serving = hub.serve_stream(server, peer);
    let talking = async {
        // It may have hung up.
        let _ = client.write_all(bytes).await;
        let _ = client.shutdown().await;
        let mut said = Vec::new();
        let _ = client.read_to_end(&mut said).await;
        said
    };
    tokio::join!(serving, talking).1
}
