//! What the codes in a folder lead to: a folder has those of one page, in one version, of one mini program.

use std::{fs, io, path::Path};

use serde_json::{Value, json};

use crate::{Failure, file, options::Options};

/// Says what the codes beside it lead to.
pub const NAME: &str = ".codes.json";

/// Makes the folder, if it is not there, and sees to it that it has codes of nothing else: they look alike.
pub fn claim(options: &Options, app_id: &str) -> Result<(), Failure> {
    let (folder, page) = (&options.into, &options.page);
    let failed = |error: io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(failed)?;
    let wanted = json!({ "app_id": app_id, "page": page, "env_version": options.env_version.name() });
    match read(folder).map_err(failed)? {
        Some(there) if there == wanted => Ok(()),
        Some(there) => Err(format!(
            "{} has codes of another page, version or mini program, and would be taken for those that you want: {there}. Name \
             another folder by --into.",
            folder.display()
        )
        .into()),
        None => Ok(file::write(folder, NAME, wanted.to_string().as_bytes()).map_err(failed)?),
    }
}

fn read(folder: &Path) -> io::Result<Option<Value>> {
    match fs::read(folder.join(NAME)) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
