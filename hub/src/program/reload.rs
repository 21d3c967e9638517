//! SIGHUP: takes over a changed configuration, whole or not at all.

use std::time::Duration;

use tokio::{task::spawn_blocking, time::timeout};

use super::{apps::Apps, certificate::Certificate, descriptors};
use crate::{
    config::{Config, Fault, Given},
    hub::Hub,
    serve::Tls,
    telemetry::{Event, emit},
};

const LONGEST_LOAD: Duration = Duration::from_secs(10);

/// What a reload needs to know.
pub(super) struct Reloading {
    given: Given,
    /// The configuration that the hub was started with: what needs a restart is as it says.
    started: Config,
    tls: Option<Tls>,
}

impl Reloading {
    pub(super) fn new(given: Given, started: Config, tls: Option<Tls>) -> Self {
        Self { given, started, tls }
    }

    /// Reads the configuration again. If anything is wrong with it, all stays as it was.
    pub(super) async fn reload(&self, hub: &Hub, apps: &mut Apps) {
        match self.try_reload(hub, apps).await {
            Ok(restart) if restart.is_empty() => {
                emit(Event::TakenOver);
            }
            Ok(restart) => emit(Event::TakenOverInPart { rest: &restart.join(", ") }),
            Err(fault) => {
                emit(Event::NotTakenOver { fault: &fault });
            }
        }
    }

    async fn try_reload(&self, hub: &Hub, apps: &mut Apps) -> Result<Vec<&'static str>, Fault> {
        let (mut config, certificate) = self.load().await?;
        if let Some(lowered) = descriptors::see_to(&mut config.limits) {
            emit(Event::FewDescriptors { what: &lowered });
        }
        let (builder, plan) = apps.plan(&config)?;
        hub.reconfigure(builder)?;
        if let Some((certificate, tls)) = certificate.zip(self.tls.as_ref()) {
            certificate.replace(tls)?;
        }
        apps.take_over(plan);
        Ok(config.needs_restart(&self.started))
    }

    /// Files may be long in coming, and signals are listened to again afterwards.
    async fn load(&self) -> Result<(Config, Option<Certificate>), Fault> {
        let given = self.given.clone();
        let loading = spawn_blocking(move || {
            let config = Config::load(&given)?;
            let certificate = Certificate::of(&config)?;
            Ok((config, certificate))
        });
        match timeout(LONGEST_LOAD, loading).await {
            Ok(Ok(loaded)) => loaded,
            Ok(Err(_)) => Err(Fault::new("it could not be read")),
            Err(_) => Err(Fault::new("one of its files could not be read within 10 s")),
        }
    }
}
