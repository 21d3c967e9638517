//! [`Pictures`]: what is in the folder.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::{BoxError, kind::Kind};

/// WeChat's limit for temporary pictures:
/// <https://developers.weixin.qq.com/doc/service/api/material/temporary/api_uploadtempmedia>.
pub const LARGEST: u64 = 10 << 20;

#[derive(Debug, Default)]
pub struct Pictures {
    /// By name.
    pub all: Vec<Picture>,
    /// Files that WeChat would not take, and why.
    pub left_out: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
pub struct Picture {
    pub name: String,
    pub path: PathBuf,
    pub bytes: u64,
    pub kind: Kind,
    pub sha256: String,
}

impl Pictures {
    /// Looks at each file, but for those whose name begins with a dot, and the list of what is at WeChat.
    pub fn find(folder: &Path, list: &Path) -> Result<Self, BoxError> {
        let failed = |path: &Path, error: io::Error| format!("{}: {error}", path.display());
        let mut paths: Vec<_> = fs::read_dir(folder)
            .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
            .map_err(|error| failed(folder, error))?;
        paths.sort();
        let mut pictures = Self::default();
        for path in paths.into_iter().filter(|path| path.is_file() && path != list) {
            let name = path.file_name().unwrap_or_default();
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            // It goes into the list, into a path and onto a terminal.
            let Some(name) = name.to_str().filter(|name| !name.contains(char::is_control)) else {
                let shown = name.to_string_lossy().escape_debug().to_string();
                pictures.left_out.push((shown, "its name is no plain text".to_owned()));
                continue;
            };
            match Picture::read(&path, name).map_err(|error| failed(&path, error))? {
                Ok(picture) => pictures.all.push(picture),
                Err(reason) => pictures.left_out.push((name.to_owned(), reason)),
            }
        }
        Ok(pictures)
    }
}

impl Picture {
    /// The inner error says why WeChat would not take it.
    fn read(path: &Path, name: &str) -> io::Result<Result<Self, String>> {
        let mut file = File::open(path)?;
        let bytes = file.metadata()?.len();
        let mut first_bytes = Vec::new();
        file.by_ref().take(Kind::TELLING).read_to_end(&mut first_bytes)?;
        let Some(kind) = Kind::of(&first_bytes) else {
            return Ok(Err("no PNG, JPEG or GIF".to_owned()));
        };
        if bytes > LARGEST {
            let limit = LARGEST >> 20;
            return Ok(Err(format!("larger than the {limit} MiB that WeChat takes")));
        }
        let mut hash = Sha256::new_with_prefix(first_bytes);
        io::copy(&mut file, &mut hash)?;
        let sha256 = format!("{:x}", hash.finalize());
        Ok(Ok(Self { name: name.to_owned(), path: path.to_owned(), bytes, kind, sha256 }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_wechat_takes_and_says_what_it_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("b.png"), b"\x89PNG\r\n\x1a\n...").unwrap();
        // The name does not matter.
        fs::write(at("a.png"), b"\xff\xd8\xff\xe0").unwrap();
        fs::write(at("c.gif"), b"GIF87a").unwrap();
        fs::write(at("c.webp"), b"RIFF....WEBP").unwrap();
        fs::write(at(".hidden"), b"").unwrap();
        fs::write(at("list.json"), b"{}").unwrap();
        fs::create_dir(at("folder.png")).unwrap();
        for (name, len) in [("d.png", LARGEST), ("e.png", LARGEST + 1)] {
            fs::write(at(name), b"\x89PNG\r\n\x1a\n").unwrap();
            File::options().write(true).open(at(name)).unwrap().set_len(len).unwrap();
        }

        let found = Pictures::find(folder.path(), &at("list.json")).unwrap();
        let kinds: Vec<_> = found.all.iter().map(|picture| (&*picture.name, picture.kind)).collect();
        assert_eq!(
            kinds,
            [("a.png", Kind::Jpeg), ("b.png", Kind::Png), ("c.gif", Kind::Gif), ("d.png", Kind::Png)]
        );
        assert_eq!(found.all[2].sha256, format!("{:x}", Sha256::digest(b"GIF87a")));
        let left_out: Vec<_> = found.left_out.iter().map(|(name, reason)| (&**name, &**reason)).collect();
        assert_eq!(
            left_out,
            [("c.webp", "no PNG, JPEG or GIF"), ("e.png", "larger than the 10 MiB that WeChat takes")]
        );
    }
}
