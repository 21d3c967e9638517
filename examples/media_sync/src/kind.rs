//! [`Kind`]: what a picture is, by its first bytes.

/// What WeChat takes as `image`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Png,
    Jpeg,
    Gif,
}

impl Kind {
    /// So many bytes tell.
    pub const TELLING: u64 = 8;

    pub fn of(first_bytes: &[u8]) -> Option<Self> {
        match first_bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            _ => None,
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
        }
    }

    /// A file name that no encoding can spoil; WeChat needs one, and looks at its ending.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Png => "picture.png",
            Self::Jpeg => "picture.jpg",
            Self::Gif => "picture.gif",
        }
    }
}
