//! A headless Chromium, and a page in it, over the `DevTools` protocol through pipes.

use std::{collections::VecDeque, process::Stdio, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use super::support::Folder;

/// A browser with one page.
pub struct Browser {
    child: Child,
    orders: ChildStdin,
    words: BufReader<ChildStdout>,
    events: VecDeque<Value>,
    session: Value,
    next: u64,
    _profile: Folder,
}

impl Browser {
    /// Starts one; none where none is installed.
    pub async fn start() -> Option<Self> {
        let names = ["chromium", "chromium-browser", "google-chrome"];
        let is_there = |name: &&str| {
            std::process::Command::new(name)
                .arg("--version")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        };
        let Some(name) = names.into_iter().find(is_there) else {
            println!("skipped: there is no chromium on this machine");
            return None;
        };
        let profile = Folder::new();
        // Orders come in at 3, and words go out at 4.
        let script = "exec 3<&0 4>&1 >/dev/null 2>/dev/null </dev/null; exec \"$@\"";
        let mut child = Command::new("sh")
            .args(["-c", script, "sh", name, "--headless=new", "--no-sandbox", "--disable-gpu"])
            .args(["--remote-debugging-pipe", "--no-first-run", "--disable-dev-shm-usage"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (orders, words) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let (events, session) = (VecDeque::new(), Value::Null);
        let mut browser = Self { child, orders, words, events, session, next: 1, _profile: profile };
        let target =
            browser.order("Target.createTarget", json!({ "url": "about:blank" })).await["targetId"].take();
        let attached =
            browser.order("Target.attachToTarget", json!({ "targetId": target, "flatten": true })).await;
        browser.session = attached["sessionId"].clone();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.order(&format!("{domain}.enable"), json!({})).await;
        }
        Some(browser)
    }

    /// Gives an order to the page, and waits for what comes of it.
    pub async fn order(&mut self, method: &str, parameters: Value) -> Value {
        let id = self.next;
        self.next += 1;
        let mut order = json!({ "id": id, "method": method, "params": parameters });
        if !self.session.is_null() {
            order["sessionId"] = self.session.clone();
        }
        self.orders.write_all(format!("{order}\0").as_bytes()).await.unwrap();
        loop {
            let mut word = self.word().await;
            if word["id"] == id {
                assert!(word["error"].is_null(), "{method}: {word}");
                return word["result"].take();
            }
            self.events.push_back(word);
        }
    }

    async fn word(&mut self) -> Value {
        let mut bytes = Vec::new();
        let read = timeout(Duration::from_secs(30), self.words.read_until(0, &mut bytes)).await;
        assert!(read.expect("the browser says nothing").unwrap() > 0, "the browser ended");
        bytes.pop();
        serde_json::from_slice(&bytes).unwrap()
    }

    /// Goes to an address, and waits until all of it is there.
    pub async fn go(&mut self, url: &str) {
        self.events.clear();
        let went = self.order("Page.navigate", json!({ "url": url })).await;
        assert!(went["errorText"].is_null(), "{went}");
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let word = self.word().await;
            self.events.push_back(word);
        }
    }

    /// The value of an expression in the page.
    pub async fn value(&mut self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "returnByValue": true });
        let mut answer = self.order("Runtime.evaluate", parameters).await;
        assert!(answer["exceptionDetails"].is_null(), "{answer}");
        answer["result"]["value"].take()
    }

    /// Comes back once the expression is true.
    pub async fn wait_for(&mut self, expression: &str) {
        for _ in 0..300 {
            if self.value(expression).await == true {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it never came about: {expression}");
    }

    /// What the page was told off for (its content security policy, what could not be loaded), and what it asked for.
    pub async fn complaints(&mut self) -> Vec<String> {
        // Whatever was said before the answer to this was said.
        self.value("1").await;
        let of = |event: &Value| match event["method"].as_str() {
            Some("Log.entryAdded") => Some(event["params"]["entry"]["text"].to_string()),
            Some("Runtime.exceptionThrown") => Some(event["params"].to_string()),
            _ => None,
        };
        self.events.iter().filter_map(of).collect()
    }

    /// The addresses that were asked for since the last `go`.
    pub fn asked_for(&self) -> Vec<String> {
        let requests = self.events.iter().filter(|event| event["method"] == "Network.requestWillBeSent");
        requests.map(|event| event["params"]["request"]["url"].as_str().unwrap().to_owned()).collect()
    }

    /// Ends it.
    pub async fn end(mut self) {
        let _ = self.child.kill().await;
    }
}
