//! `wechat-hub serve`: from the configuration to the last answer.

use std::io::{Write, stdout};

use tokio::{runtime, select};

use super::{
    End,
    apps::Apps,
    certificate::Certificate,
    descriptors, pass_key, recorder,
    reload::Reloading,
    signals::{Asked, Signals},
};
use crate::{
    config::{Config, Fault, Given, Where},
    error::Error,
    hub::Hub,
    serve::{Server, Tls},
    telemetry::{Event, emit},
};

pub(super) fn run(given: Given) -> Result<(), End> {
    let runtime = runtime::Builder::new_multi_thread().enable_all().build().map_err(End::failure)?;
    let ended = runtime.block_on(serve(given));
    // What is still going on was given its time.
    runtime.shutdown_background();
    ended
}

/// What listens. All of it is bound before anything is served.
struct Listening {
    servers: Vec<Server>,
    admin: Option<Server>,
    /// What can take another certificate.
    tls: Option<Tls>,
}

async fn serve(given: Given) -> Result<(), End> {
    let mut signals = Signals::listen().map_err(End::failure)?;
    let mut config = Config::load(&given).map_err(End::configuration)?;
    let lowered = descriptors::see_to(&mut config.limits);
    let mut apps = Apps::open(&config).await.map_err(End::configuration)?;
    let (builder, plan) = apps.plan(&config).map_err(End::configuration)?;
    let builder = match pass_key::see_to(&mut config).map_err(End::configuration)? {
        Some(key) => builder.pass_key(key),
        None => builder,
    };
    let builder = match config.admin {
        Some(_) => builder.metrics(recorder::install().map_err(End::failure)?),
        None => builder,
    };
    let hub = builder.build().map_err(End::configuration)?;
    apps.take_over(plan);
    let Listening { servers, admin, tls } = listen(&hub, &config).map_err(End::configuration)?;
    // Once it is known that nothing is wrong.
    if let Some(lowered) = lowered {
        emit(Event::FewDescriptors { what: &lowered });
    }
    for name in &config.unknown_variables {
        emit(Event::UnknownVariable { name });
    }

    let reloading = Reloading::new(given, config, tls);
    while let Asked::Reload = signals.next().await {
        reloading.reload(&hub, &mut apps).await;
    }
    emit(Event::Ending);
    hub.announce_end();
    select! {
        () = end(servers, admin, apps) => {
            emit(Event::Ended);
            Ok(())
        }
        () = signals.end() => Err(End::Failure("it was told a second time to end, and did not wait for what was going on".to_owned())),
    }
}

/// Answers what is under way, and finishes mints and their writes to the store.
async fn end(servers: Vec<Server>, admin: Option<Server>, apps: Apps) {
    let ending: Vec<_> = servers.into_iter().map(|server| tokio::spawn(server.shutdown())).collect();
    for end in ending {
        // One that panicked has ended.
        let _ = end.await;
    }
    apps.end().await;
    // Last of all, so that one can see the hub end.
    if let Some(admin) = admin {
        admin.shutdown().await;
    }
}

/// Listens at all addresses, and says where on standard output.
fn listen(hub: &Hub, config: &Config) -> Result<Listening, Fault> {
    let at = &config.places;
    let tls = Certificate::of(config)?.map(Certificate::into_tls);
    let mut servers = Vec::new();
    let mut lines = String::new();
    let mut add = |server: Result<Server, Error>, at: &Where, scheme: &str| -> Result<(), Fault> {
        let server = server.map_err(|error| at.fault(error))?;
        lines.extend(["listening on ", scheme, &server.local_addr().to_string(), "\n"]);
        servers.push(server);
        Ok(())
    };
    if let Some(path) = &config.unix {
        add(hub.serve_unix(path), &at.unix, "")?;
    }
    match (&config.tcp, &tls) {
        (Some(tcp), Some(tls)) => add(hub.serve_tls(tcp.address, tls.clone()), &at.tcp, "https://")?,
        (Some(tcp), None) => add(hub.dangerous_serve_plain_tcp(tcp.address), &at.tcp, "http://")?,
        (None, _) => {}
    }
    let admin = config.admin.map(|address| hub.serve_admin(address)).transpose();
    let admin = admin.map_err(|error| at.admin.fault(error))?;
    if let Some(admin) = &admin {
        lines.extend(["admin on http://", &admin.local_addr().to_string(), "\n"]);
    }
    // Who started the hub may not read it.
    let _ = stdout().write_all(lines.as_bytes()).and_then(|()| stdout().flush());
    Ok(Listening { servers, admin, tls })
}
