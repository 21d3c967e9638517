//! Takes connections, and gives each a task of its own.

use std::{sync::Arc, time::Duration};

use tokio::{
    select,
    time::{sleep, timeout},
};
use tokio_util::task::TaskTracker;

use super::{
    connection::Serving,
    listener::{Accepted, Listener},
    phase::Phase,
    room::Room,
};
use crate::{
    peer::Peer,
    telemetry::{Event, emit},
};

/// Before the next connection is taken where the system has none to give, such as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Takes connections until the server stops.
pub(super) async fn run(listener: Listener, room: Room, serving: Serving, tasks: TaskTracker) {
    loop {
        let accepted = select! {
            biased;
            () = serving.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (accepted, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                emit(Event::NotTaken { error: &error });
                // It may be for want of file descriptors.
                room.connections.make_room();
                sleep(PAUSE).await;
                continue;
            }
        };
        let Some(place) = room.connections.enter() else {
            emit(Event::NoRoom { peer });
            continue;
        };
        emit(Event::Connected { peer });
        let limits = (room.limits)();
        let phase = Arc::new(Phase::new(place, limits.header_timeout));
        let serving = Serving { header_bytes: limits.header_bytes, ..serving.clone() };
        tasks.spawn(serve(accepted, peer, phase, serving, limits.header_timeout));
    }
}

async fn serve(accepted: Accepted, peer: Peer, phase: Arc<Phase>, serving: Serving, time: Duration) {
    match accepted {
        Accepted::Tcp(stream) => serving.serve(stream, peer, phase).await,
        Accepted::Unix(stream) => serving.serve(stream, peer, phase).await,
        Accepted::Tls(stream, tls) => {
            let shaken = select! {
                shaken = timeout(time, tls.accept(stream)) => shaken,
                () = phase.place().is_needed() => return,
            };
            match shaken {
                Ok(Ok(stream)) => serving.serve(stream, peer, phase).await,
                Ok(Err(error)) => emit(Event::NoTls { peer, error: Some(&error) }),
                Err(_) => emit(Event::NoTls { peer, error: None }),
            }
        }
    }
}
