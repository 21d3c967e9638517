//! The program as a process, with a configuration in a folder of its own.

#![allow(dead_code, reason = "no test needs all of it")]

use std::{
    fs::{self, Permissions},
    io::{BufRead, BufReader, Read},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use fake_wechat::FakeWeChat;

use super::support::{APP, Folder, SECRET, eventually};

/// A configuration with a Unix socket, a TCP address, one app, and the client `all`.
pub fn config(wechat: &FakeWeChat) -> String {
    format!(
        "[listen]\nunix = \"hub.sock\"\ntcp = \"127.0.0.1:0\"\n{}{}",
        app(wechat, APP),
        client("all", SECRET, APP, "\"token\", \"refresh\", \"proxy\"")
    )
}

pub fn app(wechat: &FakeWeChat, id: &str) -> String {
    format!(
        "[[app]]\nid = \"{id}\"\nsecret = \"{}\"\nbase_url = \"{}\"\n",
        FakeWeChat::APP_SECRET,
        wechat.url()
    )
}

pub fn client(name: &str, secret: &str, app: &str, rights: &str) -> String {
    let hash = wechat_hub::SecretHash::of(secret);
    format!(
        "[[client]]\nname = \"{name}\"\nsecret_sha256 = \"{hash}\"\napps = [\"{app}\"]\nrights = [{rights}]\n"
    )
}

pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wechat-hub"));
    command.env_clear().stdin(Stdio::null());
    command
}

/// What a run that ends by itself has to say: exit code, standard output, standard error.
pub fn run(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// A folder with `hub.toml` in it.
pub fn folder(config: &str) -> Folder {
    let folder = Folder::new();
    write_config(&folder, config);
    folder
}

pub fn write_config(folder: &Folder, config: &str) {
    let path = folder.path().join("hub.toml");
    fs::write(&path, config).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
}

/// A hub that serves.
pub struct Process {
    child: Child,
    /// What it said on standard output at first: where it listens.
    pub lines: Vec<String>,
    said: Arc<Mutex<Vec<String>>>,
    log: Arc<Mutex<String>>,
}

impl Process {
    /// Starts `serve` with the configuration in the folder, and waits until it listens at `addresses` of them.
    pub async fn serve(folder: &Folder, addresses: usize) -> Self {
        let mut command = program();
        command.args(["serve", "--config"]).arg(folder.path().join("hub.toml"));
        Self::start(&mut command, addresses).await
    }

    pub async fn start(command: &mut Command, addresses: usize) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let said = Arc::new(Mutex::new(Vec::new()));
        let (mut stderr, written) = (child.stderr.take().unwrap(), log.clone());
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = stderr.read(&mut bytes) {
                written.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..read]));
            }
        });
        let (stdout, lines) = (child.stdout.take().unwrap(), said.clone());
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                lines.lock().unwrap().push(line);
            }
        });
        let mut process = Self { child, lines: Vec::new(), said: said.clone(), log };
        for _ in 0..6000 {
            if said.lock().unwrap().len() >= addresses {
                process.lines.clone_from(&said.lock().unwrap());
                return process;
            }
            assert!(process.child.try_wait().unwrap().is_none(), "it ended: {}", process.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("it does not listen: {}", process.log());
    }

    /// The address in the line that begins so.
    pub fn address(&self, begins: &str) -> &str {
        let line = self.lines.iter().find_map(|line| line.strip_prefix(begins));
        line.unwrap_or_else(|| panic!("no line begins with {begins:?}: {:?}", self.lines))
    }

    /// Its TCP address.
    pub fn tcp(&self) -> &str {
        self.address("listening on http://")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let sent =
            Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// All that it has said on standard output.
    pub fn lines(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Comes back once the log has this text.
    pub async fn says(&self, text: &str) {
        for _ in 0..6000 {
            if self.log().contains(text) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("it does not say {text:?}: {}", self.log());
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        eventually(|| {
            status = self.child.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends the signal to a process.
pub fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([format!("-{name}"), pid.to_string()]).status().unwrap();
    assert!(sent.success());
}

pub fn socket(folder: &Folder) -> PathBuf {
    folder.path().join("hub.sock")
}
