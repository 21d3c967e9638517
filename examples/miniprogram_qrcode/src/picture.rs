//! [`Picture`]: what is a picture, by its content.

use bytes::Bytes;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
/// A PNG's last chunk.
const PNG_END: &[u8] = b"\0\0\0\0IEND\xae\x42\x60\x82";
const JPEG: &[u8] = b"\xff\xd8\xff";
const JPEG_END: &[u8] = b"\xff\xd9";

/// A whole picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pub bytes: Bytes,
    /// What its file's name ends with.
    pub ending: &'static str,
}

impl Picture {
    /// All endings there are.
    pub const ENDINGS: [&str; 2] = ["png", "jpg"];

    /// `None` if this is none, or one that was cut off. A code with a transparent ground is a PNG; should WeChat send a JPEG,
    /// it is called one.
    pub fn new(bytes: Bytes) -> Option<Self> {
        let is = |begin, end| bytes.starts_with(begin) && bytes.ends_with(end);
        let ending = match () {
            () if is(PNG, PNG_END) => "png",
            () if is(JPEG, JPEG_END) => "jpg",
            () => return None,
        };
        Some(Self { bytes, ending })
    }
}
