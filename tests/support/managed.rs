//! A proxy like the one in front of Alibaba Cloud's Redis in its cluster architecture: it knows no RESP3, and refuses
//! scripts in which it cannot see the keys. <https://help.aliyun.com/document_detail/92942.html>
//!
//! It takes one command at a time and waits for its answer, so it is no good for subscriptions.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

const BAD_SCRIPT: &str = "ERR bad lua script for redis cluster, all the keys that the script uses should be passed \
                          using the KEYS array, and KEYS should not be in expression";
const NO_KEYS: &str = "ERR for redis cluster, eval/evalsha number of keys can't be negative or zero";
const NO_HELLO: &str = "ERR unknown command 'HELLO'";
const NO_SCRIPT: &str = "NOSCRIPT No matching script. Please use EVAL.";

/// Commands that may be called in a script without a key.
const KEYLESS: [&str; 3] = ["TIME", "PING", "ECHO"];
/// Commands that may not be called in a script.
const FORBIDDEN: [&str; 6] =
    ["PUBLISH", "SUBSCRIBE", "UNSUBSCRIBE", "PSUBSCRIBE", "PUNSUBSCRIBE", "SPUBLISH"];

/// Stands between clients and `127.0.0.1:<port>`.
pub struct Managed {
    pub port: u16,
    task: JoinHandle<()>,
}

/// The hashes of the scripts that were let through.
type Accepted = Arc<Mutex<HashSet<Vec<u8>>>>;

impl Managed {
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let accepted = Accepted::default();
        Self {
            port: listener.local_addr().unwrap().port(),
            task: tokio::spawn(async move {
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(serve(client, port, accepted.clone()));
                }
            }),
        }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }
}

impl Drop for Managed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Ends when either side has gone.
async fn serve(mut client: TcpStream, port: u16, accepted: Accepted) -> Option<()> {
    let mut server = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    loop {
        let command = next_frame(&mut client, &mut asked).await?;
        let words = words(&command);
        let answer = if let Some(why) = refusal(&words, &accepted) {
            format!("-{why}\r\n").into_bytes()
        } else {
            server.write_all(&command).await.ok()?;
            next_frame(&mut server, &mut answered).await?
        };
        if is(&words, 0, "SCRIPT") && is(&words, 1, "LOAD") && answer.starts_with(b"$40\r\n") {
            accepted.lock().unwrap().insert(answer[5..45].to_vec());
        }
        client.write_all(&answer).await.ok()?;
    }
}

fn refusal(words: &[Vec<u8>], accepted: &Accepted) -> Option<&'static str> {
    let command = String::from_utf8_lossy(words.first()?).to_uppercase();
    let text = |at: usize| words.get(at).map(|word| String::from_utf8_lossy(word)).unwrap_or_default();
    match command.as_str() {
        "HELLO" => Some(NO_HELLO),
        "EVAL" | "EVALSHA" if text(2).parse::<u32>().unwrap_or(0) == 0 => Some(NO_KEYS),
        "EVAL" if !is_good(&text(1)) => Some(BAD_SCRIPT),
        "SCRIPT" if is(words, 1, "LOAD") && !is_good(&text(2)) => Some(BAD_SCRIPT),
        "EVALSHA" if !accepted.lock().unwrap().contains(words.get(1)?) => Some(NO_SCRIPT),
        _ => None,
    }
}

/// Whether every key is seen to be one of `KEYS`.
fn is_good(script: &str) -> bool {
    let script: String = script.lines().map(|line| line.split("--").next().unwrap_or_default()).collect();
    let mut calls = script.match_indices("redis.").map(|(at, found)| &script[at + found.len()..]);
    !script.contains("unpack") && calls.all(is_good_call)
}

/// What comes after `redis.`.
fn is_good_call(text: &str) -> bool {
    let Some(called) = text.strip_prefix("call").or_else(|| text.strip_prefix("pcall")) else {
        return true;
    };
    let Some(arguments) = called.trim_start().strip_prefix('(') else {
        return false;
    };
    let mut arguments = arguments.split([',', ')']).map(str::trim);
    let command = arguments.next().unwrap_or_default();
    let Some(command) = ['\'', '"'].into_iter().find_map(|quote| {
        command.strip_prefix(quote).and_then(|command| command.strip_suffix(quote)).map(str::to_uppercase)
    }) else {
        return false;
    };
    let key = arguments.next().unwrap_or_default();
    let number = key.strip_prefix("KEYS[").and_then(|rest| rest.strip_suffix(']'));
    let is_key = number.is_some_and(|number| number.parse::<u32>().is_ok());
    !FORBIDDEN.contains(&command.as_str()) && (is_key || KEYLESS.contains(&command.as_str()))
}

fn is(words: &[Vec<u8>], at: usize, word: &str) -> bool {
    words.get(at).is_some_and(|other| other.eq_ignore_ascii_case(word.as_bytes()))
}

/// One command or answer, and no more of the stream.
async fn next_frame(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        if let Some(len) = frame_len(read) {
            return Some(read.drain(..len).collect());
        }
        if stream.read_buf(read).await.ok()? == 0 {
            return None;
        }
    }
}

/// How long the RESP2 value is that begins here, once all of it is there.
fn frame_len(bytes: &[u8]) -> Option<usize> {
    let line = bytes.windows(2).position(|pair| pair == b"\r\n")? + 2;
    let number = || std::str::from_utf8(&bytes[1..line - 2]).ok()?.parse::<i64>().ok();
    let len = match bytes[0] {
        b'$' => line + usize::try_from(number()?).map_or(0, |len| len + 2),
        b'*' => {
            let mut len = line;
            for _ in 0..number()?.max(0) {
                len += frame_len(bytes.get(len..)?)?;
            }
            len
        }
        _ => line,
    };
    (bytes.len() >= len).then_some(len)
}

/// The words of a command, which is an array of strings.
fn words(command: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut rest = command;
    let line = |bytes: &[u8]| bytes.windows(2).position(|pair| pair == b"\r\n").map(|at| at + 2);
    rest = &rest[line(rest).unwrap_or(rest.len())..];
    while let (Some(len), Some(head)) = (frame_len(rest), line(rest)) {
        words.push(rest[head..(len - 2).max(head)].to_vec());
        rest = &rest[len..];
    }
    words
}
