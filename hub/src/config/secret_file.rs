//! Reads files that may have a secret in them: only those that nobody else can read.

use std::{
    fs::{self, File},
    io::{ErrorKind, Read},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use super::place::Fault;

/// The longest file that is read: no configuration and no secret is longer.
const LONGEST: u64 = 1 << 20;

/// The configuration's text.
pub(super) fn read_config(path: &Path) -> Result<String, Fault> {
    let bytes = read(path).map_err(|what| Fault::new(format!("{}: {what}", path.display())))?;
    String::from_utf8(bytes).map_err(|_| Fault::new(format!("{}: it is no UTF-8 text", path.display())))
}

/// What a file has in it; if not, why.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let what = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => format!("it cannot be read: {error}"),
    };
    let mut bytes = Vec::new();
    // Some files never end.
    File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes)).map_err(what)?;
    if bytes.len() as u64 > LONGEST {
        return Err("it is longer than 1 MiB, and can be no such file".to_owned());
    }
    Ok(bytes)
}

/// A secret of one line, such as an app's. Space around it, a line's end above all, is not part of it.
pub(crate) fn read_secret(path: &Path) -> Result<String, String> {
    let text = String::from_utf8(read(path)?).map_err(|_| "it is no UTF-8 text".to_owned())?;
    match text.trim() {
        "" => Err("it is empty".to_owned()),
        secret => Ok(secret.to_owned()),
    }
}

/// What is wrong with the permissions of a file that has a secret in it.
pub(super) fn exposed(path: &Path) -> Option<String> {
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then(|| {
        format!(
            "{} has a secret in it, and others can read it (mode {mode:04o}): `chmod 0600` it (for a mounted Kubernetes secret: \
             `defaultMode: 0400`), or say `readable_secret_files = true`",
            path.display()
        )
    })
}
