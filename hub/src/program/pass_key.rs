//! The key of the passes: made beside the configuration where it is not named, so that it outlives the hub and a second hub of the
//! same configuration has it, too.

use std::{
    fs::{self, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use zeroize::Zeroizing;

use crate::{
    client::Right,
    config::{Config, Fault},
    pass::{PassKey, random_key},
    telemetry::{Event, emit},
};

/// The key. It is made beside the configuration if it is not there; where that is not possible, that is an error if there is
/// anybody to make passes for.
pub(super) fn see_to(config: &mut Config) -> Result<Option<PassKey>, Fault> {
    let has_passes = config.clients.iter().any(|client| client.rights.contains(&Right::Proxy));
    if config.pass_key.bytes.is_none() {
        match config.pass_key.path.as_deref().map(make) {
            Some(Ok(bytes)) => config.pass_key.bytes = Some(bytes),
            Some(Err(error)) if has_passes => {
                let path = config.pass_key.path.as_deref().unwrap_or(Path::new("")).display();
                return Err(Fault::new(format!(
                    "{path}: the key of the passes cannot be made there: {error}: name a `pass_key_file` with 32 random bytes"
                )));
            }
            None if has_passes => emit(Event::PassKeyNotKept),
            Some(Err(_)) | None => {}
        }
    }
    let key = config.pass_key.bytes.as_ref().map(|bytes| PassKey::from_bytes(bytes));
    Ok(key.transpose()?)
}

/// A new key in this file; or the one that is there, if another hub was faster. It is there as a whole or not at all.
fn make(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let random = || random_key().map_err(|error| io::Error::other(error.to_string()));
    let (key, name) = (random()?, random()?);
    // Another hub may make one at the same time, and may have the same process id in a container of its own.
    let new =
        path.with_extension(format!("{:016x}.new", u64::from_ne_bytes(std::array::from_fn(|at| name[at]))));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    let written =
        file.write_all(&*key).and_then(|()| file.sync_all()).and_then(|()| fs::hard_link(&new, path));
    let _ = fs::remove_file(&new);
    match written {
        Ok(()) => Ok(Zeroizing::new(key.to_vec())),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(Zeroizing::new(fs::read(path)?)),
        Err(error) => Err(error),
    }
}
