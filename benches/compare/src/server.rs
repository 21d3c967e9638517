//! [`Server`]: the server of `bin/server.rs`, a process of its own.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use crate::measure::beside;

/// Ended when it is dropped; it ends by itself if this process does.
pub struct Server {
    process: Child,
    pub origin: String,
}

impl Server {
    pub fn start() -> Self {
        let mut process = Command::new(beside("server"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { process, origin: format!("http://127.0.0.1:{}", port.trim()) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
