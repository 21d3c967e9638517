//! [`Framing`]: sees heads that say in two ways how long their body is.
//!
//! hyper takes the one way and drops the other before anybody sees it (RFC 9112, 6.3). What it passes on is sound, but who
//! sends such a head had better be told: somewhere on its way another server may have cut the connection's bytes in other
//! places. It is looked for where a head begins a read, as every head does that no other request was sent along with.

use bytes::BytesMut;

/// Reads along with a connection.
#[derive(Default)]
pub(super) struct Framing {
    state: State,
    /// The head so far, if it comes in pieces.
    head: BytesMut,
    is_double: bool,
}

#[derive(Default, PartialEq, Eq)]
enum State {
    /// What comes next is a head.
    #[default]
    Head,
    /// Until the answer has gone out.
    Body,
}

/// hyper refuses longer heads.
const LONGEST: usize = 1 << 20;

impl Framing {
    /// These bytes have come.
    pub(super) fn read(&mut self, mut bytes: &[u8]) {
        if self.state == State::Body {
            return;
        }
        if self.head.is_empty() {
            // Empty lines before a head are passed over (RFC 9112, 2.2).
            let begin = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
            let Some(begin) = begin else { return };
            bytes = &bytes[begin..];
        }
        let is_whole = self.head.is_empty() && has_end(bytes);
        if !is_whole {
            self.head.extend_from_slice(bytes);
            if !has_end(&self.head) && self.head.len() < LONGEST {
                return;
            }
        }
        self.is_double = is_double(if is_whole { bytes } else { &self.head });
        self.head.clear();
        self.state = State::Body;
    }

    /// The answer has gone out.
    pub(super) fn next(&mut self) {
        self.state = State::Head;
        self.is_double = false;
    }

    /// Whether the present head says in two ways how long its body is.
    pub(super) fn is_double(&self) -> bool {
        self.is_double
    }
}

fn has_end(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, b"\r\n\r\n").is_some() || memchr::memmem::find(bytes, b"\n\n").is_some()
}

fn is_double(bytes: &[u8]) -> bool {
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if memchr::memmem::find(first, b" HTTP/1.").is_none() {
        // It is what was left of a body that nobody has read.
        return false;
    }
    let mut lengths = 0;
    let mut is_chunked = false;
    for line in bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)) {
        if line.is_empty() {
            break;
        }
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        lengths += usize::from(name.eq_ignore_ascii_case(b"content-length"));
        is_chunked |= name.eq_ignore_ascii_case(b"transfer-encoding");
    }
    lengths > 1 || (is_chunked && lengths > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOUBLE: &str =
        "POST / HTTP/1.1\r\nhost: x\r\nTransfer-Encoding: chunked\r\nContent-length: 3\r\n\r\n";

    fn read(pieces: &[&[u8]]) -> bool {
        let mut framing = Framing::default();
        for piece in pieces {
            framing.read(piece);
        }
        framing.is_double()
    }

    #[test]
    fn two_lengths_are_seen_however_they_come() {
        assert!(read(&[DOUBLE.as_bytes()]));
        assert!(read(&[b"POST / HTTP/1.1\r\ncontent-length: 3\r\nContent-Length: 3\r\n\r\nabc"]));
        for before in ["\r\n", "\n", "\r\n\r\n", "\r\n\r\n\r\n"] {
            assert!(read(&[format!("{before}{DOUBLE}").as_bytes()]));
            assert!(read(&[before.as_bytes(), DOUBLE.as_bytes()]));
        }
        assert!(read(&[b"POST / HTTP/1.1\ncontent-length: 3\ntransfer-encoding: x\n\n"]));
        for at in 1..DOUBLE.len() {
            let (one, other) = DOUBLE.as_bytes().split_at(at);
            assert!(read(&[one, other]), "in two at {at}");
        }
        let pieces: Vec<_> = DOUBLE.as_bytes().chunks(1).collect();
        assert!(read(&pieces));
    }

    #[test]
    fn one_length_is_right_and_a_body_is_no_head() {
        let mut framing = Framing::default();
        framing.read(b"POST / HTTP/1.1\r\ncontent-length: 80\r\n\r\n");
        framing.read(DOUBLE.as_bytes());
        assert!(!framing.is_double(), "it is the body");
        framing.next();
        framing.read(DOUBLE.as_bytes());
        assert!(framing.is_double());
        framing.next();
        assert!(!framing.is_double());
        framing.read(
            b"GET / HTTP/1.1\r\nhost: x\r\n\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n",
        );
        assert!(!framing.is_double());
    }
}
