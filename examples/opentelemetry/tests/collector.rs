//! With a collector's address, spans and metrics go there.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::mpsc,
    thread,
};

/// Takes one request after the other, and tells path and body.
fn collect(connection: TcpStream, told: &mpsc::Sender<(String, Vec<u8>)>) -> Option<()> {
    let mut reader = BufReader::new(connection);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|&length| length > 0)?;
        let path = line.split(' ').nth(1)?.to_owned();
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            let Some((name, value)) = header.trim_end().split_once(": ") else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        told.send((path, body)).ok()?;
        reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()?;
    }
}

/// What the program prints, and what the collector got from it.
fn run(endpoint: impl FnOnce(&str) -> String) -> (String, HashMap<String, Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (told, collected) = mpsc::channel();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let (connection, told) = (connection.unwrap(), told.clone());
            thread::spawn(move || collect(connection, &told));
        }
    });
    let ran = Command::new(env!("CARGO_BIN_EXE_opentelemetry-example"))
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint(&address))
        .envs([("NO_PROXY", "127.0.0.1"), ("WECHAT_APP_ID", ""), ("WECHAT_APP_SECRET", "")])
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    (String::from_utf8(ran.stdout).unwrap(), collected.try_iter().collect())
}

#[test]
fn a_collector_gets_the_spans_and_the_metrics() {
    let (printed, collected) = run(|address| format!("http://{address}"));
    assert!(printed.ends_with("Spans and metrics were sent to the collector.\n"), "{printed}");
    let has =
        |path: &str, text: &str| collected[path].windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("/v1/traces", "GET /cgi-bin/get_api_domain_ip"));
    assert!(has("/v1/metrics", "tower_wechat_mints_total"));
}

#[test]
fn an_empty_address_is_none() {
    let (printed, collected) = run(|_| String::new());
    assert!(collected.is_empty() && printed.contains("tower_wechat_mints_total"), "{printed}");
}
