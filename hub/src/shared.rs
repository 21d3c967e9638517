//! [`Shared`]: what all clones of a hub have in common, and what goes on for it without being asked.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use arc_swap::{ArcSwap, Guard};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{runtime::Handle, sync::watch, task::JoinHandle};

use crate::{hub::Hub, pass::PassKey, proxy::Users, serve::Connections, table::Table, ticker};

pub(crate) struct Shared {
    pub(crate) table: ArcSwap<Table>,
    pub(crate) connections: Arc<Connections>,
    metrics: Option<PrometheusHandle>,
    pass_key: PassKey,
    users: Users,
    ending: AtomicBool,
    /// Told when there is another table.
    pub(crate) changed: watch::Sender<()>,
    /// The task that does what is to be done every minute.
    ticker: Mutex<Option<JoinHandle<()>>>,
}

impl Shared {
    pub(crate) fn new(table: Table, pass_key: PassKey, metrics: Option<PrometheusHandle>) -> Self {
        Self {
            connections: Connections::new(table.limits.connections),
            table: ArcSwap::from_pointee(table),
            metrics,
            pass_key,
            users: Users::new(),
            ending: AtomicBool::new(false),
            changed: watch::Sender::new(()),
            ticker: Mutex::default(),
        }
    }
}

impl Hub {
    /// Says in `/readyz` from now on that the hub ends, so that nobody is sent here any more; requests are answered as before.
    /// To be called ahead of [`Server::shutdown`](crate::Server::shutdown), where balancers ask.
    ///
    /// ```
    /// use wechat_hub::Hub;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let hub = Hub::builder().build()?;
    /// # let server = hub.serve_tcp("127.0.0.1:0")?;
    /// hub.announce_end(); // `/readyz` says 503 from now on
    /// // Wait until the balancer has seen that, then:
    /// server.shutdown().await;
    /// # Ok(())
    /// # }
    /// ```
    pub fn announce_end(&self) {
        self.0.ending.store(true, Relaxed);
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.0.ending.load(Relaxed)
    }

    /// The present table. Not to be held across an await.
    pub(crate) fn table(&self) -> Guard<Arc<Table>> {
        self.0.table.load()
    }

    pub(crate) fn connections(&self) -> &Arc<Connections> {
        &self.0.connections
    }

    /// The key under which passes are made and checked.
    pub(crate) fn pass_key(&self) -> &PassKey {
        &self.0.pass_key
    }

    /// Those who call with a user's token.
    pub(crate) fn users(&self) -> &Users {
        &self.0.users
    }

    pub(crate) fn metrics(&self) -> Option<&PrometheusHandle> {
        self.0.metrics.as_ref()
    }

    /// Begins what goes on without being asked, where there is a tokio runtime to do it on.
    pub(crate) fn begin(&self) {
        let Ok(runtime) = Handle::try_current() else { return };
        self.table().warm();
        // Nothing panics while it is held.
        let mut ticker = self.0.ticker.lock().unwrap_or_else(PoisonError::into_inner);
        if ticker.as_ref().is_none_or(JoinHandle::is_finished) {
            *ticker = Some(runtime.spawn(ticker::run(Arc::downgrade(&self.0))));
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let ticker = self.ticker.get_mut().unwrap_or_else(PoisonError::into_inner);
        ticker.iter().for_each(JoinHandle::abort);
    }
}
