//! Accounts that take time to make: one run of the factory for an id, and every wait for it ends.

use std::{
    future::{Future, pending},
    io,
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::{Instant, sleep},
};
use tower_wechat::{
    AppId, Error, ErrorKind, TokenCache, TokenError, TokenPool,
    issuer::{ClassicToken, StableToken},
};

use crate::failures::support::mill::Mill;

type Made = Result<Option<TokenCache>, Box<dyn std::error::Error + Send + Sync>>;

const SECOND: Duration = Duration::from_secs(1);

/// A pool over this factory, which is told the number of each run from 1 on, and the count of them.
fn pool<F>(make: impl Fn(u64, AppId) -> F + Send + Sync + 'static) -> (TokenPool, Arc<AtomicU64>)
where
    F: Future<Output = Made> + Send + 'static,
{
    let runs = Arc::new(AtomicU64::new(0));
    let count = runs.clone();
    let pool = TokenPool::builder()
        .async_factory(move |app| make(count.fetch_add(1, Ordering::SeqCst) + 1, app))
        .build();
    (pool, runs)
}

fn count(runs: &AtomicU64) -> u64 {
    runs.load(Ordering::SeqCst)
}

/// An account, and in what its token shows which run has made it.
fn account(run: u64, app: &AppId) -> TokenCache {
    TokenCache::new(Mill::new(&format!("{app}-run-{run}"), Duration::from_secs(7200)))
}

async fn run_of(cache: &TokenCache) -> String {
    cache.token().await.unwrap().as_str().to_owned()
}

fn wx() -> AppId {
    "wx".into()
}

fn asking(pool: &TokenPool) -> tokio::task::JoinHandle<Result<TokenCache, Error>> {
    let pool = pool.clone();
    tokio::spawn(async move { pool.account(&wx()).await })
}

#[allow(clippy::disallowed_methods)] // Tokio's paused time, to see when.
async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let before = Instant::now();
    (work.await, Instant::now() - before)
}

#[tokio::test(start_paused = true)]
async fn the_factory_runs_once_however_many_ask() {
    let (pool, runs) = pool(|run, app| async move {
        sleep(SECOND).await;
        Ok(Some(account(run, &app)))
    });
    assert!(pool.get(&wx()).is_none(), "what is there, and nothing is");
    assert_eq!(count(&runs), 0);
    let mut asking = JoinSet::new();
    for _ in 0..1000 {
        let pool = pool.clone();
        asking.spawn(async move { run_of(&pool.account(&wx()).await.unwrap()).await });
    }
    let (tokens, took) = timed(asking.join_all()).await;
    assert!(tokens.iter().all(|token| token == "wx-run-1-1"));
    assert_eq!((count(&runs), took, pool.len()), (1, SECOND, 1));
    let (cache, took) = timed(pool.account(&wx())).await;
    assert_eq!((run_of(&cache.unwrap()).await.as_str(), took), ("wx-run-1-1", Duration::ZERO));
    assert!(pool.get(&wx()).is_some());
}

#[tokio::test(start_paused = true)]
async fn it_goes_on_when_all_who_asked_have_gone() {
    let (pool, runs) = pool(|run, app| async move {
        sleep(SECOND).await;
        Ok(Some(account(run, &app)))
    });
    let callers: Vec<_> = (0..10).map(|_| asking(&pool)).collect();
    sleep(SECOND / 2).await;
    callers.iter().for_each(tokio::task::JoinHandle::abort);
    sleep(SECOND).await;
    assert!(pool.get(&wx()).is_some());
    assert_eq!(count(&runs), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_goes_to_all_who_waited_and_is_not_remembered() {
    let (pool, runs) = pool(|run, app| async move {
        sleep(SECOND).await;
        if run == 1 {
            Err(io::Error::other("postgres://user:hunter2@db is away"))?;
        }
        Ok(Some(account(run, &app)))
    });
    let callers: Vec<_> = (0..100).map(|_| asking(&pool)).collect();
    for caller in callers {
        let error = caller.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Store);
        assert!(error.downcast_ref::<io::Error>().unwrap().to_string().contains("is away"));
        assert!(std::error::Error::source(&error).unwrap().is::<io::Error>());
        assert!(error.downcast_ref::<TokenError>().unwrap().is_transient());
        let text = error.to_string();
        assert!(text.contains("app wx") && text.contains("factory") && !text.contains("hunter2"), "{text}");
    }
    assert_eq!((count(&runs), pool.len()), (1, 0));
    assert!(pool.account(&wx()).await.is_ok());
    assert_eq!(count(&runs), 2);
}

#[tokio::test]
async fn an_error_of_this_crate_keeps_its_kind() {
    let (pool, _) = pool(|_, app| async move {
        Ok(Some(TokenCache::new(StableToken::new(app, "secret").base_url("no URL")?)))
    });
    let error = pool.account(&wx()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(!error.downcast_ref::<TokenError>().unwrap().is_transient());
    assert_eq!(error.downcast_ref::<Error>().unwrap().kind(), ErrorKind::Config);
}

#[tokio::test]
async fn a_factory_that_panics_is_an_error_and_is_asked_again() {
    let (pool, runs) = pool(|run, app| {
        assert!(run != 1, "in the closure");
        async move {
            tokio::task::yield_now().await;
            assert!(run != 2, "in the future");
            Ok(Some(account(run, &app)))
        }
    });
    for _ in 0..2 {
        let error = pool.account(&wx()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownApp);
        assert!(error.to_string().contains("panicked"), "{error}");
    }
    assert!(pool.account(&wx()).await.is_ok());
    assert_eq!(count(&runs), 3);
}

#[tokio::test]
async fn one_account_under_two_ids_is_refused() {
    let cache = account(0, &"same".into());
    let (pool, _) = pool(move |_, _| {
        let cache = cache.clone();
        async move { Ok(Some(cache)) }
    });
    pool.account(&"first".into()).await.unwrap();
    let error = pool.account(&"second".into()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("first") && error.to_string().contains("second"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_id_that_it_does_not_know_is_remembered_for_seconds_only() {
    let (pool, runs) = pool(|run, app| async move { Ok((run > 2).then(|| account(run, &app))) });
    for wait in [0, 2500, 2499] {
        sleep(Duration::from_millis(wait)).await;
        assert_eq!(pool.account(&wx()).await.unwrap_err().kind(), ErrorKind::UnknownApp);
        assert_eq!(count(&runs), 1, "remembered");
    }
    sleep(Duration::from_millis(1)).await;
    assert!(pool.account(&wx()).await.is_err());
    assert_eq!(count(&runs), 2, "not for longer");

    pool.insert(wx(), account(0, &wx()));
    assert!(pool.account(&wx()).await.is_ok(), "one that is put in is there at once");
    pool.remove(&wx());
    assert!(pool.account(&wx()).await.is_ok(), "and what was known of it is forgotten");
    assert_eq!(count(&runs), 3);
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_and_what_comes_late_is_there_for_the_next() {
    let (pool, runs) = pool(|run, app| async move {
        sleep(7 * SECOND).await;
        Ok(Some(account(run, &app)))
    });
    let (error, took) = timed(pool.account(&wx())).await;
    let error = error.unwrap_err();
    assert_eq!((error.kind(), took), (ErrorKind::Timeout, 5 * SECOND));
    assert!(error.to_string().contains("within 5 s"), "{error}");
    let (cache, took) = timed(pool.account(&wx())).await;
    assert_eq!(run_of(&cache.unwrap()).await, "wx-run-1-1");
    assert_eq!((took, count(&runs)), (2 * SECOND, 1));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_does_not_end_is_dropped() {
    let (pool, runs) = pool(|run, app| async move {
        if run == 1 {
            pending::<()>().await;
        }
        Ok(Some(account(run, &app)))
    });
    for _ in 0..2 {
        let (error, took) = timed(pool.account(&wx())).await;
        assert_eq!((error.unwrap_err().kind(), took), (ErrorKind::Timeout, 5 * SECOND));
    }
    assert_eq!(count(&runs), 1);
    sleep(Duration::from_millis(1)).await;
    assert!(pool.account(&wx()).await.is_ok());
    assert_eq!(count(&runs), 2);
}

#[test]
fn outside_tokio_it_is_an_error_only_where_somebody_has_to_wait() {
    let (pool, runs) = pool(|run, app| async move { Ok(Some(account(run, &app))) });
    let error = pool.account(&wx()).now_or_never().unwrap().unwrap_err();
    assert_eq!((error.kind(), count(&runs)), (ErrorKind::NoRuntime, 0));
    pool.insert(wx(), account(0, &wx()));
    assert!(pool.account(&wx()).now_or_never().unwrap().is_ok());
    let sync = TokenPool::with_factory(|app| Some(account(0, &app)));
    assert!(sync.account(&wx()).now_or_never().unwrap().is_ok());
    let error = TokenPool::new().account(&wx()).now_or_never().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownApp);
}

#[tokio::test]
async fn when_the_runtime_of_a_run_is_shut_down_whoever_waits_elsewhere_starts_another() {
    let (begun, mut begins) = mpsc::unbounded_channel();
    let (pool, runs) = pool(move |run, app| {
        begun.send(()).unwrap();
        async move {
            if run == 1 {
                pending::<()>().await;
            }
            Ok(Some(account(run, &app)))
        }
    });
    let other = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let first = pool.clone();
    other.spawn(async move { first.account(&wx()).await });
    begins.recv().await.unwrap();
    let waiting = asking(&pool);
    tokio::task::yield_now().await;
    other.shutdown_background();
    assert_eq!(run_of(&waiting.await.unwrap().unwrap()).await, "wx-run-2-1");
    assert_eq!(count(&runs), 2);
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_put_in_meanwhile_is_there_at_once_and_stays() {
    let (pool, runs) = pool(|run, app| async move {
        sleep(SECOND).await;
        Ok(Some(account(run, &app)))
    });
    let waiting = asking(&pool);
    sleep(SECOND / 2).await;
    pool.insert(wx(), account(0, &wx()));
    let (cache, took) = timed(waiting).await;
    assert_eq!(run_of(&cache.unwrap().unwrap()).await, "wx-run-0-1");
    assert_eq!(took, Duration::ZERO);
    sleep(SECOND).await;
    assert_eq!(run_of(&pool.get(&wx()).unwrap()).await, "wx-run-0-1", "no late run takes its place");
    assert_eq!(count(&runs), 1);
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_removed_while_it_is_made_is_made_anew() {
    let (pool, runs) = pool(|run, app| async move {
        sleep(SECOND).await;
        Ok(Some(account(run, &app)))
    });
    let waiting = asking(&pool);
    sleep(SECOND / 2).await;
    assert!(pool.remove(&wx()).is_none());
    assert_eq!(run_of(&waiting.await.unwrap().unwrap()).await, "wx-run-2-1");
    assert_eq!((count(&runs), pool.len()), (2, 1));
}

#[test]
fn a_closure_whose_account_is_removed_meanwhile_runs_anew() {
    let (begun, gate) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let runs = Arc::new(AtomicU64::new(0));
    let pool = TokenPool::with_factory({
        let (runs, begun, gate) = (runs.clone(), begun.clone(), gate.clone());
        move |app| {
            let run = runs.fetch_add(1, Ordering::SeqCst) + 1;
            if run == 1 {
                begun.wait();
                gate.wait();
            }
            Some(account(run, &app))
        }
    });
    std::thread::scope(|scope| {
        let made = scope.spawn(|| pool.get(&wx()).unwrap());
        begun.wait();
        pool.remove(&wx());
        gate.wait();
        let made = made.join().unwrap();
        assert_eq!(format!("{made:?}"), format!("{:?}", account(2, &wx())));
    });
    assert_eq!(count(&runs), 2);
}

/// Tasks that all ask for all ids, each in an order of its own.
async fn herd(pool: &TokenPool, runs: &Mutex<Vec<u32>>) {
    const TASKS: usize = 64;
    const IDS: usize = 1000;
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let pool = pool.clone();
        tasks.spawn(async move {
            for step in 0..IDS {
                let id = (task * 17 + step * 7) % IDS;
                pool.account(&id.to_string().into()).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let runs = runs.lock().unwrap();
    assert!(runs.len() == IDS && runs.iter().all(|runs| *runs == 1), "each is made once");
    assert_eq!(pool.len(), IDS);
}

fn counted<F>(pause: impl Fn(usize) -> F + Send + Sync + 'static) -> (TokenPool, Arc<Mutex<Vec<u32>>>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let runs = Arc::new(Mutex::new(vec![0; 1000]));
    let count = runs.clone();
    let (pool, _) = pool(move |_, app| {
        let id: usize = app.as_str().parse().unwrap();
        count.lock().unwrap()[id] += 1;
        let pausing = pause(id);
        async move {
            pausing.await;
            let issuer = ClassicToken::new(app, "secret").base_url("http://127.0.0.1:1")?;
            Ok(Some(TokenCache::new(issuer)))
        }
    });
    (pool, runs)
}

#[tokio::test(start_paused = true)]
async fn each_of_a_thousand_ids_is_made_once_by_a_slow_factory() {
    let (pool, runs) = counted(|id| sleep(Duration::from_millis(id as u64 % 97)));
    herd(&pool, &runs).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_of_a_thousand_ids_is_made_once_on_many_threads() {
    // A database with few connections.
    let connections = Arc::new(Semaphore::new(8));
    let (pool, runs) = counted(move |_| {
        let connections = connections.clone();
        async move {
            let _connection = connections.acquire().await;
            tokio::task::yield_now().await;
        }
    });
    herd(&pool, &runs).await;
}
