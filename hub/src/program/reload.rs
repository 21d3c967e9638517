//! SIGHUP: takes over a changed configuration, whole or not at all; then nobody waits any longer because of an earlier failure.

use std::{num::NonZeroU32, time::Duration};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::{task::spawn_blocking, time::timeout};

use super::{apps::Apps, certificate::Certificate, descriptors};
use crate::{
    config::{Config, Fault, Given},
    hub::Hub,
    serve::Tls,
    telemetry::{Event, emit},
};

const LONGEST_LOAD: Duration = Duration::from_secs(10);
/// How often reloads end pauses: so many times at once, then each time that so long has passed. Somebody who sends SIGHUP again
/// and again gets no more than 725 mints a day from it, where WeChat has 2000 for a classic token.
const RETRIES: NonZeroU32 = NonZeroU32::new(5).expect("it is not zero");
const RETRY_EVERY: Duration = Duration::from_secs(120);

/// What a reload needs to know.
pub(super) struct Reloading {
    given: Given,
    /// The configuration that the hub was started with: what needs a restart is as it says.
    started: Config,
    tls: Option<Tls>,
    /// None where there is no end to them.
    retries: Option<DefaultDirectRateLimiter>,
}

impl Reloading {
    pub(super) fn new(given: Given, started: Config, tls: Option<Tls>) -> Self {
        let quota = Quota::with_period(RETRY_EVERY).map(|quota| quota.allow_burst(RETRIES));
        Self { given, started, tls, retries: quota.map(RateLimiter::direct) }
    }

    /// Reads the configuration again. If anything is wrong with it, all stays as it was.
    pub(super) async fn reload(&self, hub: &Hub, apps: &mut Apps) {
        match self.try_reload(hub, apps).await {
            Ok(restart) if restart.is_empty() => {
                emit(Event::TakenOver);
            }
            Ok(restart) => emit(Event::TakenOverInPart { rest: &restart.join(", ") }),
            Err(fault) => return emit(Event::NotTakenOver { fault: &fault }),
        }
        self.retry(apps);
    }

    /// Whoever sends SIGHUP has mended something, and is not to wait for the end of a pause.
    fn retry(&self, apps: &Apps) {
        if !apps.is_any_held_back() {
            return;
        }
        match &self.retries {
            Some(retries) if retries.check().is_err() => emit(Event::PausesStay),
            _ => apps.retry(),
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
