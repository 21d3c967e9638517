//! Files that are there as a whole, or not at all.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
    process,
};

/// Writes a file under another name first, so that nobody ever sees half of it.
pub fn write(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let part = folder.join(format!(".{name}.{}.part", process::id()));
    // Whatever is there, a link maybe: what is written below is a new file.
    let _ = fs::remove_file(&part);
    let written = write_all(&part, content).and_then(|()| fs::rename(&part, folder.join(name)));
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}

fn write_all(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(content)?;
    file.sync_all()
}
