//! The directory itself: made, or checked.
//!
//! Links on the way to it are followed once, here; everything else is done by the name that they lead to. What is checked
//! is what is used: the directory is opened, looked at and closed to others through one handle.

mod way;

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use self::way::Way;
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
    let refused = |why: &dyn std::fmt::Display| {
        Error::config(format!("cannot use {} as a token store: {why}", dir.display()))
    };

    let Way { end: path, links } = Way::along(dir).map_err(failed)?;
    if let Some(link) = links.iter().find(|link| link.others_can_write) {
        return Err(refused(link));
    }
    if path.exists() && !path.is_dir() {
        return Err(refused(&"it is not a directory"));
    }
    DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(failed)?;
    // There were none before, so this one was put in the way of what has just been made.
    if let Some(link) = Way::along(&path).map_err(failed)?.links.first() {
        return Err(refused(link));
    }
    let handle = File::open(&path).map_err(failed)?;
    let dir_is = handle.metadata().map_err(failed)?;
    let own_user = own_user(&path).map_err(failed)?;
    if own_user != dir_is.uid() {
        return Err(refused(&"it belongs to another user; give it to the user that this process runs as"));
    }
    if let Some(link) = links.iter().find(|link| ![0, own_user].contains(&link.owner)) {
        return Err(refused(link));
    }
    if dir_is.mode() & 0o777 != 0o700 {
        let was_open = dir_is.mode() & 0o077 != 0;
        let in_use =
            || refused(&"it is open to other users and holds other files; choose a directory of its own");
        if was_open && !holds_only_a_store(&path, own_user).map_err(failed)? {
            return Err(in_use());
        }
        handle.set_permissions(Permissions::from_mode(0o700)).map_err(failed)?;
        // From here on nobody can add any.
        if was_open && !holds_only_a_store(&path, own_user).map_err(failed)? {
            return Err(in_use());
        }
    }
    if !is_same(&fs::symlink_metadata(&path).map_err(failed)?, &dir_is) {
        return Err(refused(
            &"it was replaced while it was being opened; see who can write to the folder it is in",
        ));
    }
    Ok(path)
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// The user that a file made here belongs to. Finds out whether one can be made, too.
fn own_user(dir: &Path) -> io::Result<u32> {
    let path = dir.join(format!(".probe-{}-{:08x}", std::process::id(), fastrand::u32(..)));
    let probe = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    fs::remove_file(&path)?;
    Ok(probe.metadata()?.uid())
}

/// Whether nobody else can have put anything here: files of a store's names could lead to files elsewhere.
fn holds_only_a_store(dir: &Path, own_user: u32) -> io::Result<bool> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(".probe-") {
            continue;
        }
        let file_is = match entry.metadata() {
            // A state that another process has just put in its place.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            file_is => file_is?,
        };
        let is_own = file_is.is_file() && file_is.uid() == own_user && file_is.nlink() <= 1;
        if !Files::may_own(&name) || !is_own {
            return Ok(false);
        }
    }
    Ok(true)
}
