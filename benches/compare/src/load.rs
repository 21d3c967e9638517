//! [`Variant`]: a client that keeps 64 connections busy.

use std::{
    fs,
    future::Future,
    pin::Pin,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use crate::answer::SMALL;

const CONNECTIONS: usize = 64;

type Counting = Pin<Box<dyn Future<Output = u32>>>;

pub struct Variant {
    pub name: &'static str,
    run: Box<dyn Fn(Instant) -> Counting>,
}

impl Variant {
    /// `send` sends a request, and tells the length of the answer.
    pub fn new<F, R>(name: &'static str, send: F) -> Self
    where
        F: Fn() -> R + Clone + Send + 'static,
        R: Future<Output = usize> + Send,
    {
        let run = move |end: Instant| -> Counting {
            let send = send.clone();
            Box::pin(async move {
                let mut tasks = JoinSet::new();
                for _ in 0..CONNECTIONS {
                    let send = send.clone();
                    tasks.spawn(async move {
                        let mut count = 0;
                        while Instant::now() < end {
                            assert_eq!(send().await, SMALL.len());
                            count += 1;
                        }
                        count
                    });
                }
                tasks.join_all().await.into_iter().sum()
            })
        };
        Self { name, run: Box::new(run) }
    }

    async fn rate(&self, length: Duration) -> Rate {
        let (start, busy) = (Instant::now(), busy());
        let count = f64::from((self.run)(start + length).await);
        Rate {
            of_time: count / start.elapsed().as_secs_f64(),
            of_processor: count / self::busy().saturating_sub(busy).as_secs_f64(),
        }
    }
}

/// Requests a second.
#[derive(Clone, Copy)]
pub struct Rate {
    pub of_time: f64,
    /// A second of the processor's, which others that run on it do not shorten.
    pub of_processor: f64,
}

/// How long this thread has run; all clients run on it.
fn busy() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux counts it");
    let nanoseconds = stat.split(' ').next().and_then(|number| number.parse().ok());
    Duration::from_nanos(nanoseconds.expect("a number"))
}

/// The rates of each variant, round by round. Every other round goes backwards, so that whatever drifts meets them all.
pub async fn rounds(variants: &[Variant], rounds: usize, length: Duration) -> Vec<Vec<Rate>> {
    let mut rates = vec![Vec::new(); variants.len()];
    for round in 0..=rounds {
        let mut order: Vec<_> = (0..variants.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for at in order {
            let rate = variants[at].rate(length).await;
            // The first round opens the connections.
            if round > 0 {
                rates[at].push(rate);
            }
        }
    }
    rates
}
