//! Many uploads at once, on several threads, all rejected at different times.

use std::{collections::HashMap, time::Duration};

use tokio::task::JoinSet;
use tower_wechat::WeChatAuthLayer;

use crate::wire::{
    client::{layered, post, send, warm},
    server::{ACCEPTED, REJECTION, Server, WIRES, Wire, json},
    soon,
    stream::{Stream, pattern},
};

const UPLOADS: usize = 60;

/// All lengths differ.
fn length(number: usize) -> usize {
    number * 4099 + 1
}

async fn crowd(wire: Wire) {
    let server = Server::start(wire, move |mut exchange| async move {
        if exchange.is_accepted() {
            exchange.read_all().await;
            return json(ACCEPTED);
        }
        // Before the first is rejected, all have been sent.
        exchange.requests(UPLOADS).await;
        let length: usize = exchange.seen.header("content-length").unwrap().parse().unwrap();
        match exchange.number % 4 {
            0 => exchange.read_all().await,
            // Over HTTP/1.1 that closes the connection, and hyper may find that out before it reads the answer.
            1 if wire != Wire::Http1 => drop(exchange),
            2 => exchange.read_on(1024, Duration::from_micros(100)),
            _ => {
                exchange.read(length / 2).await;
                exchange.read_on(64 * 1024, Duration::ZERO);
            }
        }
        json(REJECTION)
    })
    .await;
    let (mints, cache) = warm(&server).await;
    server.reject_below(2);
    let client = layered::<Stream>(&server, &WeChatAuthLayer::new(&cache));
    let mut uploads = JoinSet::new();
    for number in 0..UPLOADS {
        let pause = Duration::from_micros(50 * (number as u64 % 5));
        let stream = Stream::new(length(number)).slow(1000 + 13 * number, pause);
        uploads.spawn(send(client.clone(), post(&server, stream)));
    }
    for answer in soon(uploads.join_all()).await {
        assert_eq!(answer.unwrap().errcode(), 0, "{wire:?}");
    }
    let tokens = server.tokens();
    assert_eq!(tokens.iter().filter(|token| **token == 1).count(), UPLOADS, "{wire:?}: all were rejected");
    assert_eq!(tokens.len(), 2 * UPLOADS);
    let mut accepted = HashMap::new();
    for seen in server.seen().into_iter().filter(|seen| seen.token() == 2) {
        let upload = seen.upload();
        assert!(upload.whole && upload.bytes == pattern(upload.bytes.len()));
        assert_eq!(seen.header("content-length").unwrap(), upload.bytes.len().to_string());
        *accepted.entry(upload.bytes.len()).or_insert(0) += 1;
    }
    let expected: HashMap<usize, i32> = (0..UPLOADS).map(|number| (length(number), 1)).collect();
    assert!(accepted == expected, "{wire:?}: each came once, and whole");
    assert_eq!(mints.count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_of_many_uploads_is_accepted_once_and_whole() {
    for wire in WIRES {
        for _ in 0..3 {
            crowd(wire).await;
        }
    }
}
