//! [`Pictures`]: what is in the folder.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
};

use crate::{BoxError, hash::sha256, kind::Kind};

/// WeChat's limit for temporary pictures:
/// <https://developers.weixin.qq.com/doc/service/api/material/temporary/api_uploadtempmedia>.
pub const LARGEST: u64 = 10 << 20;

#[derive(Debug, Default)]
pub struct Pictures {
    /// By name.
    pub all: Vec<Picture>,
    /// What is no picture, and what it is.
    pub left_out: Vec<(String, String)>,
    /// What should be at WeChat and cannot be, and why.
    pub unfit: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
pub struct Picture {
    pub name: String,
    pub path: PathBuf,
    pub bytes: u64,
    pub kind: Kind,
    pub sha256: String,
}

/// What is behind a name.
enum Found {
    Picture { bytes: u64, kind: Kind, sha256: String },
    Other(&'static str),
    Unfit(String),
}

impl Pictures {
    /// Looks at everything in the folder, but for what has a name that begins with a dot, and the list of what is at WeChat.
    pub fn find(folder: &Path, list: &Path) -> Result<Self, BoxError> {
        let mut paths: Vec<_> = fs::read_dir(folder)
            .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
            .map_err(|error| format!("{}: {error}", folder.display()))?;
        paths.sort();
        let mut pictures = Self::default();
        for path in paths.into_iter().filter(|path| path != list) {
            let name = path.file_name().unwrap_or_default();
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            // It goes into the list, into a path and onto a terminal.
            let plain = name.to_str().filter(|name| !name.contains(char::is_control));
            let shown =
                || plain.map_or_else(|| name.to_string_lossy().escape_debug().to_string(), str::to_owned);
            match (Found::at(&path), plain) {
                (Found::Picture { bytes, kind, sha256 }, Some(name)) => {
                    let name = name.to_owned();
                    pictures.all.push(Picture { name, path, bytes, kind, sha256 });
                }
                (Found::Picture { .. }, None) => {
                    pictures.unfit.push((shown(), "its name is no plain text: rename it".to_owned()));
                }
                (Found::Other(what), _) => pictures.left_out.push((shown(), what.to_owned())),
                (Found::Unfit(reason), _) => pictures.unfit.push((shown(), reason)),
            }
        }
        Ok(pictures)
    }
}

impl Found {
    fn at(path: &Path) -> Self {
        match Self::read(path) {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound && path.is_symlink() => {
                Self::Unfit("a link that leads nowhere".to_owned())
            }
            Err(error) => Self::Unfit(format!("cannot be read: {error}")),
        }
    }

    fn read(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        if metadata.is_dir() {
            return Ok(Self::Other("a folder, which is not looked into"));
        }
        // Opening a pipe would wait for somebody who writes.
        if !metadata.is_file() {
            return Ok(Self::Other("no file"));
        }
        let mut file = File::open(path)?;
        let mut first_bytes = Vec::new();
        file.by_ref().take(Kind::TELLING).read_to_end(&mut first_bytes)?;
        let Some(kind) = Kind::of(&first_bytes) else { return Ok(Self::Other("no PNG, JPEG or GIF")) };
        let bytes = metadata.len();
        if bytes > LARGEST {
            let limit = LARGEST >> 20;
            return Ok(Self::Unfit(format!("larger than the {limit} MiB that WeChat takes")));
        }
        Ok(Self::Picture { bytes, kind, sha256: sha256(first_bytes.chain(file))? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(list: &[(String, String)]) -> Vec<(&str, &str)> {
        list.iter().map(|(name, reason)| (&**name, &**reason)).collect()
    }

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
        assert_eq!(found.all[2].sha256, sha256(&b"GIF87a"[..]).unwrap());
        assert_eq!(
            texts(&found.left_out),
            [("c.webp", "no PNG, JPEG or GIF"), ("folder.png", "a folder, which is not looked into")]
        );
        assert_eq!(texts(&found.unfit), [("e.png", "larger than the 10 MiB that WeChat takes")]);
    }

    #[cfg(unix)]
    #[test]
    fn says_what_is_neither_file_nor_folder() {
        use std::os::unix::{fs::symlink, net::UnixListener};

        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        symlink(folder.path(), at("folder")).unwrap();
        symlink(at("gone.png"), at("link.png")).unwrap();
        symlink(at("loop.png"), at("loop.png")).unwrap();
        let _socket = UnixListener::bind(at("socket.png")).unwrap();
        let found = Pictures::find(folder.path(), &at("list.json")).unwrap();
        assert_eq!(
            texts(&found.left_out),
            [("folder", "a folder, which is not looked into"), ("socket.png", "no file")]
        );
        let unfit = texts(&found.unfit);
        assert_eq!(unfit[0], ("link.png", "a link that leads nowhere"));
        assert!(unfit[1].0 == "loop.png" && unfit[1].1.starts_with("cannot be read: "), "{unfit:?}");
    }
}
