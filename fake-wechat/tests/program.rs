//! The program: a process, driven by sockets and ended by signals. And that the READMEs say what it does.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Command, Output, Stdio},
};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::{Value, json};

/// A running program. It is killed if a test fails before it has ended it.
struct Program {
    child: Child,
    out: BufReader<ChildStdout>,
    url: String,
    id: String,
    secret: String,
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fake-wechat"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn output(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command(arguments).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut child = command(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut last_word = || {
            let mut line = String::new();
            out.read_line(&mut line).unwrap();
            line.trim_end().rsplit_once(' ').map(|(_, word)| word.to_owned()).expect("a line of words")
        };
        let (url, id, secret) = (last_word(), last_word(), last_word());
        Self { child, out, url, id, secret }
    }

    async fn send(&self, method: Method, path: &str, body: &str) -> Value {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        let answer = client.request(request).await.unwrap().into_body().collect().await.unwrap();
        serde_json::from_slice(&answer.to_bytes()).unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        self.send(Method::GET, path, "").await
    }

    async fn order(&self, call: &str) {
        let done = self.send(Method::POST, &format!("/_fake/{call}"), "").await;
        assert!(done["done"].is_string(), "{done}");
    }

    async fn stable(&self) -> Value {
        let body = json!({ "grant_type": "client_credential", "appid": self.id, "secret": self.secret });
        self.send(Method::POST, "/cgi-bin/stable_token", &body.to_string()).await
    }

    async fn call(&self, token: &Value) -> Value {
        self.get(&format!("/cgi-bin/x?access_token={}", token["access_token"].as_str().unwrap())).await
    }

    /// Sends this signal, and says what is left of the output and which code the program ended with.
    fn end(mut self, signal: &str) -> (String, Option<i32>) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        (rest, self.child.wait().unwrap().code())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn it_serves_until_it_is_terminated() {
    let program = Program::start(&[]);
    assert!(program.url.starts_with("http://127.0.0.1:"), "{}", program.url);
    let token = program.stable().await;
    assert_eq!(token["expires_in"], 7200, "{token}");
    assert_eq!(program.call(&token).await["errcode"], 0);

    program.order("revoke").await;
    assert_eq!(program.call(&token).await["errcode"], 40001);
    let token = program.stable().await;
    program.order("expire").await;
    assert_eq!(program.call(&token).await["errcode"], 42001);
    let token = program.stable().await;
    program.order("fail_next?errcode=45009&times=1").await;
    assert_eq!(program.call(&token).await["errcode"], 45009);
    program.order("advance?seconds=7200").await;
    assert_eq!(program.call(&token).await["errcode"], 42001);

    let counters = program.get("/_fake/counters").await;
    assert_eq!((&counters["mints"], &counters["api_requests"]), (&json!(3), &json!(5)));
    assert_eq!(counters["api_errors"], json!({ "40001": 1, "42001": 2, "45009": 1 }));
    let seen = program.get("/_fake/seen").await;
    assert_eq!(seen["requests"][0]["app"], json!(program.id));
    assert!(!seen.to_string().contains(token["access_token"].as_str().unwrap()));

    let (rest, code) = program.end("TERM");
    assert_eq!(code, Some(0));
    assert!(rest.contains("/_fake/counters'") && rest.contains("curl -s -X POST"), "{rest}");
}

/// Its output is a session to copy: each call of it is run here, by a shell.
#[tokio::test]
async fn what_it_prints_can_be_copied() {
    let mut program = Program::start(&["--app-id", "wx'1&", "--app-secret", "it's \"secret\" & more"]);
    assert_eq!(program.id, "wx'1&");
    let mut calls = Vec::new();
    let mut line = String::new();
    while !line.starts_with("All of these") {
        line.clear();
        program.out.read_line(&mut line).unwrap();
        calls.extend(line.find("curl").map(|at| line[at..].trim_end().to_owned()));
    }
    assert_eq!(calls.len(), 10, "{calls:?}");
    for call in calls {
        let call = call.replacen("curl", "curl --noproxy 127.0.0.1", 1);
        let Output { status, stdout, .. } = Command::new("sh").args(["-c", &call]).output().unwrap();
        assert!(status.success(), "{call}");
        let answer: Value = serde_json::from_slice(&stdout).unwrap();
        assert!(answer.get("error").is_none(), "{call}: {answer}");
    }
    let counters = program.get("/_fake/counters").await;
    assert_eq!((&counters["mints"], &counters["token_errors"]), (&json!(1), &json!({})), "{counters}");
    assert_eq!(program.end("TERM"), (String::new(), Some(0)));
}

/// Both READMEs, which have this in common.
const READMES: [&str; 2] = [include_str!("../README.md"), include_str!("../README.zh-CN.md")];

/// What stands between backticks, line by line.
fn code(readme: &str) -> impl Iterator<Item = &str> {
    readme.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// An answer without what differs each time.
fn at_rest(line: &str) -> Value {
    let Ok(mut answer) = serde_json::from_str::<Value>(line) else {
        return line.into();
    };
    if let Some(token) = answer.get_mut("access_token") {
        *token = "a token".into();
    }
    if let Some(errmsg) = answer.get_mut("errmsg") {
        *errmsg = errmsg.as_str().and_then(|text| text.split(" rid: ").next()).unwrap_or_default().into();
    }
    for seen in answer.get_mut("requests").and_then(Value::as_array_mut).into_iter().flatten() {
        seen["token"] = "a fingerprint".into();
    }
    answer
}

#[tokio::test]
async fn the_session_of_the_readmes_is_what_happens() {
    for readme in READMES {
        let block = readme.split("```console\n").nth(2).and_then(|rest| rest.split("```").next());
        let (mut commands, mut wanted) = (Vec::new(), Vec::new());
        for line in block.expect("a session after the start of the program").lines() {
            match line.strip_prefix("$ ") {
                Some(command) => commands.push(command.replace("curl -s", "curl --noproxy 127.0.0.1 -s")),
                None => wanted.push(at_rest(line)),
            }
        }
        assert!(wanted.len() > 5);
        let program = Program::start(&[]);
        commands[0] = format!("WECHAT={}", program.url);
        let folder = std::env::temp_dir().join(format!("fake-wechat-{}", program.child.id()));
        std::fs::create_dir(&folder).unwrap();
        let script = commands.join("\necho\n");
        let Output { stdout, .. } =
            Command::new("sh").args(["-c", &script]).current_dir(&folder).output().unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        let printed = String::from_utf8(stdout).unwrap();
        let got: Vec<_> = printed.lines().filter(|line| !line.is_empty()).map(at_rest).collect();
        assert_eq!(got, wanted);
    }
}

#[tokio::test]
async fn the_readmes_have_every_control_call_and_only_such() {
    let program = Program::start(&[]);
    let list = program.get("/_fake/").await;
    for readme in READMES {
        for call in list["calls"].as_array().unwrap() {
            let call = call.as_str().unwrap().split('?').next().unwrap();
            assert!(code(readme).any(|code| code.split('?').next() == Some(call)), "{call}");
        }
        let mut count = 0;
        for code in code(readme).filter(|code| !code.contains('…')) {
            let faults = ["fault=", "errcode=", "http=", "slow=", "token=", "expires_in="];
            let order = match code.split_once(' ') {
                Some(order) => order,
                None if faults.iter().any(|fault| code.starts_with(fault)) => {
                    ("POST", &*format!("/_fake/fail_next?times=0&{code}"))
                }
                None => continue,
            };
            if let (method @ ("GET" | "POST"), call) = order
                && call.starts_with("/_fake/")
                && call != "/_fake/wait?at=tokens&requests=1"
            {
                let answer = program.send(method.parse().unwrap(), call, "").await;
                assert!(answer.get("error").is_none(), "{code}: {answer}");
                count += 1;
            }
        }
        assert!(count > 40, "{count}");
    }
}

#[test]
fn the_readmes_have_every_option() {
    let (_, help, _) = output(&["--help"]);
    let options: Vec<_> =
        help.split_whitespace().filter(|word| word.starts_with("--") && word.len() > 2).collect();
    assert!(options.len() > 20, "{options:?}");
    for option in options {
        let option = option.trim_end_matches([',', ';', ':']);
        for readme in READMES.map(|readme| readme.replace("ID:SECRET", "")) {
            let known = code(&readme).any(|code| code.split(' ').any(|word| word == option));
            assert!(known || ["--help", "--version"].contains(&option), "{option}");
        }
    }
}

#[tokio::test]
async fn it_is_wecom_if_asked_and_has_other_habits() {
    let program = Program::start(&["--wecom", "--expires-in", "60", "--prefix", "/wx"]);
    assert!(program.url.ends_with("/wx"), "{}", program.url);
    let query = format!("corpid={}&corpsecret={}", program.id, program.secret);
    let token = program.get(&format!("/cgi-bin/gettoken?{query}")).await;
    assert_eq!((&token["errcode"], &token["expires_in"]), (&json!(0), &json!(60)));
    assert_eq!(program.call(&json!({ "access_token": "unknown" })).await["errcode"], 40014);
    let (_, code) = program.end("INT");
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn it_has_as_many_accounts_as_it_is_given() {
    let arguments = ["--account", "wx02:first", "--account", "wx03:a:b", "--corp", "ww01:second"];
    let program = Program::start(&arguments);
    for (id, secret) in [(&*program.id, &*program.secret), ("wx02", "first"), ("wx03", "a:b")] {
        let query = format!("grant_type=client_credential&appid={id}&secret={secret}");
        let token = program.get(&format!("/cgi-bin/token?{query}")).await;
        assert_eq!(program.call(&token).await["errcode"], 0, "{token}");
    }
    let token = program.get("/cgi-bin/gettoken?corpid=ww01&corpsecret=second").await;
    assert_eq!(program.call(&token).await["errcode"], 0, "{token}");
    for wrong in ["wx02", ":secret", "wx02:"] {
        let (code, _, error) = output(&["--account", wrong]);
        assert_eq!(code, Some(2), "{wrong}");
        assert!(error.contains("an id, a colon and a secret"), "{error}");
    }
}

/// A program that is killed cannot end what it started; the end of a pipe can.
#[test]
fn it_ends_with_its_input_if_asked() {
    let mut child = command(&["--until-eof"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("fake-wechat listens on http://127.0.0.1:"), "{line}");
    let url = line.trim_end().rsplit_once('/').unwrap().1;
    std::net::TcpStream::connect(url).expect("it serves as long as its input is open");
    assert_eq!(child.try_wait().unwrap(), None);
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));

    // Without, it does not read its input, which is at its end here.
    let program = Program::start(&[]);
    let (_, code) = program.end("TERM");
    assert_eq!(code, Some(0));
    // With, it is ended by a signal all the same, while a thread reads.
    let mut child = command(&["--until-eof"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn it_explains_itself() {
    let (code, out, _) = output(&["--help"]);
    assert_eq!(code, Some(0));
    for option in ["--listen", "--app-id", "--app-secret", "--wecom", "--expires-in", "--overlap", "SIGTERM"]
    {
        assert!(out.contains(option), "{option} in {out}");
    }
}

#[test]
fn it_refuses_addresses_that_others_reach() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
        let (code, out, error) = output(&["--listen", address]);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{address}");
        assert!(error.contains("loopback only"), "{error}");
    }
    let (code, _, error) = output(&["--listen", "localhost"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("an address and a port"), "{error}");
}

#[test]
fn it_says_when_an_address_is_taken() {
    let program = Program::start(&[]);
    let taken = program.url["http://".len()..].to_owned();
    let (code, out, error) = output(&["--listen", &taken]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(error.contains(&taken) && error.contains("--listen"), "{error}");
}
