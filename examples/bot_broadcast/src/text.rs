//! Text files, as editors and spreadsheet programs save them.

use std::{fs, io::ErrorKind, path::Path};

use crate::BoxError;

/// The text of a file, without the mark (BOM) that some programs put before it.
pub fn read(path: &Path) -> Result<String, BoxError> {
    let text = fs::read_to_string(path).map_err(|error| match error.kind() {
        // A spreadsheet program saves Chinese text as GBK unless told otherwise.
        ErrorKind::InvalidData => format!("{}: it is not in UTF-8. Save it in UTF-8", path.display()),
        _ => format!("{}: {error}", path.display()),
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_wrong_with_a_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.csv");
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("r.csv: ") && !error.contains("UTF-8"), "{error}");
        // 李 in GBK.
        fs::write(&path, b"openid,name\no1,\xc0\xee\n").unwrap();
        assert!(read(&path).unwrap_err().to_string().ends_with("it is not in UTF-8. Save it in UTF-8"));
    }

    #[test]
    fn takes_off_the_mark() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.json");
        fs::write(&path, "\u{feff}{}").unwrap();
        assert_eq!(read(&path).unwrap(), "{}");
    }
}
