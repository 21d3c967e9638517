//! The directory itself: made, or checked.

use std::{
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use super::disk::{Files, advice};
use crate::error::{Error, ErrorKind};

/// The directory's full name, once nobody but its owner may enter it.
pub(super) fn open(dir: &Path) -> Result<PathBuf, Error> {
    let failed = |error: io::Error| {
        let advice = advice(&error);
        Error::new(
            ErrorKind::Store,
            format!("cannot use {} as a token store: {error}{advice}", dir.display()),
        )
    };
    let refused = |why: &str| Error::config(format!("cannot use {} as a token store: {why}", dir.display()));
    if dir.exists() && !dir.is_dir() {
        return Err(refused("it is not a directory"));
    }
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
    let dir_is = fs::metadata(dir).map_err(failed)?;
    if own_user(dir).map_err(failed)? != dir_is.uid() {
        return Err(refused("it belongs to another user; give it to the user that this process runs as"));
    }
    if dir_is.mode() & 0o777 != 0o700 {
        if dir_is.mode() & 0o077 != 0 && !holds_only_a_store(dir).map_err(failed)? {
            return Err(refused(
                "it is open to other users and holds other files; choose a directory of its own",
            ));
        }
        fs::set_permissions(dir, Permissions::from_mode(0o700)).map_err(failed)?;
    }
    dir.canonicalize().map_err(failed)
}

/// The user that a file made here belongs to. Finds out whether one can be made, too.
fn own_user(dir: &Path) -> io::Result<u32> {
    let path = dir.join(format!(".probe-{}-{:08x}", std::process::id(), fastrand::u32(..)));
    let probe = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    fs::remove_file(&path)?;
    Ok(probe.metadata()?.uid())
}

fn holds_only_a_store(dir: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        if !Files::may_own(&name) && !name.starts_with(".probe-") {
            return Ok(false);
        }
    }
    Ok(true)
}
