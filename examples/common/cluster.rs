//! What the two `cluster_…` examples share: a bot of eight processes, which are this program started again.

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use tower_wechat::{
    TokenCache,
    issuer::{ClassicToken, Issuer},
    store::TokenStore,
    testing::FakeWeChat,
};

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

const PROCESSES: usize = 8;
const WECHAT: &str = "EXAMPLE_WECHAT";
const STORE: &str = "EXAMPLE_STORE";
/// No example should take longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the processes share their token, if this is one of them.
pub fn store_of_worker() -> Option<String> {
    env::var(STORE).ok()
}

/// The issuer of a worker. Classic tokens are the hard case: each mint ends the token before.
fn issuer() -> Result<impl Issuer, Failure> {
    let url = env::var(WECHAT)?;
    Ok(ClassicToken::new(FakeWeChat::APP_ID, FakeWeChat::APP_SECRET).base_url(&url)?)
}

/// What a worker does: a token, please, and then another one whenever its parent says so.
pub async fn work(store: impl TokenStore) -> Result<(), Failure> {
    let cache = TokenCache::builder(issuer()?).store(store).build();
    loop {
        match cache.token().await {
            Ok(token) => {
                let how = if cache.stats().mints() > 0 { "minted" } else { "shared" };
                println!("{how} {}", token.fingerprint());
            }
            Err(error) => println!("failed: {error}"),
        }
        let mut line = String::new();
        if std::io::stdin().read_line(&mut line)? == 0 {
            return Ok(());
        }
    }
}

struct Worker {
    child: Child,
    // Kept open: a worker ends when it is closed.
    _input: ChildStdin,
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(store: &str, wechat: &FakeWeChat, said: &Sender<String>) -> Result<Worker, Failure> {
    let mut child = Command::new(env::current_exe()?)
        .env(STORE, store)
        .env(WECHAT, wechat.url())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = BufReader::new(child.stdout.take().ok_or("a worker has no output")?);
    let input = child.stdin.take().ok_or("a worker has no input")?;
    let said = said.clone();
    thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            let _ = said.send(line);
        }
    });
    Ok(Worker { child, _input: input })
}

/// Waits for one line of each of `count` workers, and prints how many have said what.
fn hear(count: usize, said: &Receiver<String>) -> Result<(), Failure> {
    let mut lines = BTreeMap::<String, usize>::new();
    for _ in 0..count {
        let line = said.recv_timeout(PATIENCE).map_err(|_| "a process says nothing")?;
        *lines.entry(line).or_default() += 1;
    }
    for (line, count) in lines {
        println!("  {count} {}: {line}", if count == 1 { "process" } else { "processes" });
    }
    Ok(())
}

/// Starts the bot twice over this store, and kills the process that mints.
#[allow(clippy::disallowed_methods, reason = "for show")]
pub async fn show(store: &str) -> Result<(), Failure> {
    let wechat = FakeWeChat::start().await;
    let (tell, said) = channel();

    println!("Each process says whether it minted its token (asked WeChat for it) or shares one from the");
    println!("store, and a short hash of the token.");

    println!("\n1. Eight processes start at once, without a token.");
    let mut bot = Vec::new();
    for _ in 0..PROCESSES {
        bot.push(start(store, &wechat, &tell)?);
    }
    hear(PROCESSES, &said)?;
    println!("  WeChat has minted {} token.", wechat.mints());

    println!("\n2. All of them are restarted. The token is still in the store.");
    bot.clear();
    for _ in 0..PROCESSES {
        bot.push(start(store, &wechat, &tell)?);
    }
    hear(PROCESSES, &said)?;
    println!("  WeChat has minted {} token, as before.", wechat.mints());
    bot.clear();

    println!(
        "\n3. Another WeChat, of which the store has no token. A process asks it for one, and is killed"
    );
    println!("   before it has the answer. Seven others wait for that token.");
    let wechat = FakeWeChat::start().await;
    let hold = wechat.hold_tokens();
    bot.push(start(store, &wechat, &tell)?);
    wechat.wait_for_token_requests(1).await;
    for _ in 1..PROCESSES {
        bot.push(start(store, &wechat, &tell)?);
    }
    // Until they are up, and wait for the first.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let start = Instant::now();
    drop(bot.remove(0));
    println!("  1 process: killed");
    hold.release();
    hear(PROCESSES - 1, &said)?;
    println!("  The others had a token {} ms after the kill.", start.elapsed().as_millis());
    println!(
        "  WeChat was asked for {} tokens: by the dead one, and by one of the others.",
        wechat.token_requests()
    );
    std::io::stdout().flush()?;
    Ok(())
}
