//! [`ErrcodeScanner`]: finds WeChat's `errcode` in an answer while it arrives, and stops at the byte that decides.
//!
//! Only the outermost object's own key counts: successful answers hold the codes of their items, or a whole earlier error
//! as text. The scanner walks the outermost object strictly and skips everything inside it by counting brackets, so it
//! needs no memory, and neither control characters nor bad UTF-8 in a string (WeChat sends both) put it off. Anything
//! that cannot be told for sure is no code.

use std::sync::LazyLock;

use memchr::{memchr, memchr2, memmem};

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The outermost object's `errcode`: an integer, or a string that holds one.
    Code(i64),
    /// There is none, or this is not a JSON object.
    None,
}

/// Reads an answer in pieces; where they are cut makes no difference.
#[derive(Clone, Debug)]
pub(crate) struct ErrcodeScanner(State);

#[derive(Clone, Copy, Debug)]
enum State {
    /// In a byte order mark, of which this much has been seen.
    Mark(usize),
    /// Before the object's `{`.
    Start,
    BeforeKey,
    Key(Key, Escape),
    BeforeColon(Wanted),
    BeforeValue(Wanted),
    /// A wanted value: a bare number, or a string.
    Number(Integer),
    Text(Integer, Escape),
    /// A string that does not matter, this deep.
    Skipped {
        depth: u64,
        escaped: bool,
    },
    /// Between the strings of a nested object or array.
    Nested(u64),
    /// A literal, or a number that does not matter.
    Scalar,
    AfterValue,
    Decided(Found),
}

/// Whether the key before was `errcode`.
type Wanted = bool;

/// Finds the key; making a finder takes longer than to look through a short answer.
static NAME: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(Key::NAME));

const MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// How nearly every error begins, and every success of a call that returns nothing.
const USUAL: &[u8] = b"{\"errcode\":";

impl ErrcodeScanner {
    pub(crate) fn new() -> Self {
        Self(State::Mark(0))
    }

    /// Feeds the next bytes. `Some` from the byte on that decides, whatever comes after it.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Option<Found> {
        let mut rest = bytes;
        if matches!(self.0, State::Mark(0))
            && let Some(after) = rest.strip_prefix(USUAL)
        {
            if after.starts_with(b"0,") {
                self.0 = State::Decided(Found::Code(0));
                return Some(Found::Code(0));
            }
            self.0 = State::BeforeValue(true);
            rest = after;
        }
        loop {
            match self.0 {
                State::Decided(found) => return Some(found),
                State::Skipped { depth: 0, escaped: false } => rest = &rest[unescaped(rest)..],
                State::Skipped { .. } | State::Nested(_) => (self.0, rest) = self.0.skip_nested(rest),
                _ => {}
            }
            let (&byte, after) = rest.split_first()?;
            rest = after;
            self.0 = self.0.step(byte);
        }
    }

    /// Feeds a whole answer. Most have no `errcode` anywhere, which can be told much faster than where one stands.
    pub(crate) fn push_whole(&mut self, bytes: &[u8]) -> Found {
        let (object, usual) = (bytes.starts_with(b"{"), bytes.starts_with(USUAL));
        // A key with an escape in it may be another spelling.
        let nowhere = object && !usual && NAME.find(bytes).is_none() && memchr(b'\\', bytes).is_none();
        if !nowhere {
            self.push(bytes);
        }
        self.finish()
    }

    /// The end of the answer. An object that is still open was cut short: there, even a whole number may be half of one.
    pub(crate) fn finish(&mut self) -> Found {
        let found = match self.0 {
            State::Decided(found) => found,
            _ => Found::None,
        };
        self.0 = State::Decided(found);
        found
    }
}

impl State {
    const NOTHING: Self = Self::Decided(Found::None);

    fn step(self, byte: u8) -> Self {
        let white = matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        match self {
            Self::Mark(seen) if byte == MARK[seen] => match seen {
                2 => Self::Start,
                _ => Self::Mark(seen + 1),
            },
            Self::Mark(1..) => Self::NOTHING,
            Self::Mark(_) | Self::Start => match byte {
                b'{' => Self::BeforeKey,
                _ if white => Self::Start,
                _ => Self::NOTHING,
            },
            Self::BeforeKey => match byte {
                b'"' => Self::Key(Key::default(), Escape::None),
                _ if white => self,
                _ => Self::NOTHING,
            },
            Self::Key(key, escape) => match escape.step(byte) {
                Step::Close => Self::BeforeColon(key.is_errcode()),
                Step::Inside(escape) => Self::Key(key, escape),
                Step::Char(char) => Self::Key(key.step(char), Escape::None),
                Step::Wrong => Self::NOTHING,
            },
            Self::BeforeColon(wanted) => match byte {
                b':' => Self::BeforeValue(wanted),
                _ if white => self,
                _ => Self::NOTHING,
            },
            Self::BeforeValue(wanted) => match byte {
                _ if white => self,
                b'"' if wanted => Self::Text(Integer::default(), Escape::None),
                b'"' => Self::skipped(0),
                b'{' | b'[' => Self::Nested(1),
                b'-' | b'0'..=b'9' if wanted => Self::Number(Integer::default().step(byte)),
                _ if is_scalar(byte) => Self::Scalar,
                _ => Self::NOTHING,
            },
            Self::Number(number) => match byte {
                b'0'..=b'9' => Self::Number(number.step(byte)),
                _ if is_scalar(byte) => Self::Scalar,
                _ if white || matches!(byte, b',' | b'}') => match number.value() {
                    Some(code) => Self::Decided(Found::Code(code)),
                    None => Self::AfterValue.step(byte),
                },
                _ => Self::NOTHING,
            },
            Self::Text(number, escape) => match escape.step(byte) {
                Step::Close => match number.value() {
                    Some(code) => Self::Decided(Found::Code(code)),
                    None => Self::AfterValue,
                },
                Step::Inside(escape) => Self::Text(number, escape),
                Step::Char(char) => Self::Text(number.step(char), Escape::None),
                Step::Wrong => Self::NOTHING,
            },
            Self::Skipped { depth, escaped } => match byte {
                _ if escaped => Self::skipped(depth),
                b'\\' => Self::Skipped { depth, escaped: true },
                b'"' if depth == 0 => Self::AfterValue,
                b'"' => Self::Nested(depth),
                _ => self,
            },
            Self::Nested(depth) => match byte {
                b'"' => Self::skipped(depth),
                b'{' | b'[' => Self::Nested(depth + 1),
                b'}' | b']' if depth == 1 => Self::AfterValue,
                b'}' | b']' => Self::Nested(depth - 1),
                _ => self,
            },
            Self::Scalar if is_scalar(byte) => self,
            Self::Scalar => Self::AfterValue.step(byte),
            Self::AfterValue => match byte {
                b',' => Self::BeforeKey,
                _ if white => self,
                _ => Self::NOTHING,
            },
            Self::Decided(_) => self,
        }
    }

    fn skipped(depth: u64) -> Self {
        Self::Skipped { depth, escaped: false }
    }

    /// Goes on to the end of the nested value that this is inside of, as far as the bytes reach.
    fn skip_nested(self, bytes: &[u8]) -> (Self, &[u8]) {
        let (mut depth, mut at) = match self {
            Self::Nested(depth) => (depth, 0),
            Self::Skipped { depth, escaped } if depth > 0 => match string_end(bytes, escaped) {
                Ok(end) => (depth, end),
                Err(escaped) => return (Self::Skipped { depth, escaped }, &[]),
            },
            other => return (other, bytes),
        };
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            match byte {
                b'"' => match string_end(&bytes[at..], false) {
                    Ok(end) => at += end,
                    Err(escaped) => return (Self::Skipped { depth, escaped }, &[]),
                },
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth == 1 => return (Self::AfterValue, &bytes[at..]),
                b'}' | b']' => depth -= 1,
                _ => {}
            }
        }
        (Self::Nested(depth), &[])
    }
}

/// Where a string ends, after its closing quote; or whether it goes on with an escaped byte.
fn string_end(bytes: &[u8], mut escaped: bool) -> Result<usize, bool> {
    let mut at = 0;
    loop {
        if escaped {
            if at == bytes.len() {
                return Err(true);
            }
            at += 1;
        }
        at += unescaped(&bytes[at..]);
        match bytes.get(at) {
            None => return Err(false),
            Some(b'"') => return Ok(at + 1),
            Some(_) => {
                at += 1;
                escaped = true;
            }
        }
    }
}

/// How many bytes there are before the next quote or backslash.
fn unescaped(bytes: &[u8]) -> usize {
    /// Most strings are shorter: for them a plain loop is faster.
    const SHORT: usize = 16;
    let special = |byte: &u8| matches!(byte, b'"' | b'\\');
    let start = &bytes[..bytes.len().min(SHORT)];
    if let Some(at) = start.iter().position(special) {
        return at;
    }
    start.len() + memchr2(b'"', b'\\', &bytes[start.len()..]).unwrap_or(bytes.len() - start.len())
}

fn is_scalar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

/// How much of `errcode` a key has matched so far; nothing once it has failed to.
#[derive(Clone, Copy, Debug)]
struct Key(Option<usize>);

impl Key {
    const NAME: &[u8] = b"errcode";

    fn step(self, char: u8) -> Self {
        Self(self.0.filter(|&at| Self::NAME.get(at) == Some(&char)).map(|at| at + 1))
    }

    fn is_errcode(self) -> bool {
        self.0 == Some(Self::NAME.len())
    }
}

impl Default for Key {
    fn default() -> Self {
        Self(Some(0))
    }
}

/// A JSON integer, read digit by digit, with white space around it if it stands in a string.
#[derive(Clone, Copy, Debug, Default)]
enum Integer {
    #[default]
    Before,
    Minus,
    /// The value below zero, where `i64` has more room, and whether it is the value that is meant.
    Digits(i64, bool),
    After(i64),
    Wrong,
}

impl Integer {
    fn step(self, char: u8) -> Self {
        let white = matches!(char, b' ' | b'\t' | b'\n' | b'\r');
        let digit = char.is_ascii_digit().then(|| i64::from(char - b'0'));
        match (self, digit) {
            (Self::Before | Self::After(_), None) if white => self,
            (Self::Before, None) if char == b'-' => Self::Minus,
            (Self::Before, Some(digit)) => Self::Digits(-digit, false),
            (Self::Minus, Some(digit)) => Self::Digits(-digit, true),
            // JSON knows no leading zeros.
            (Self::Digits(below @ ..0, negative), Some(digit)) => below
                .checked_mul(10)
                .and_then(|below| below.checked_sub(digit))
                .map_or(Self::Wrong, |below| Self::Digits(below, negative)),
            (Self::Digits(..), None) if white => self.value().map_or(Self::Wrong, Self::After),
            _ => Self::Wrong,
        }
    }

    fn value(self) -> Option<i64> {
        match self {
            Self::Digits(below, true) => Some(below),
            Self::Digits(below, false) => below.checked_neg(),
            Self::After(value) => Some(value),
            Self::Before | Self::Minus | Self::Wrong => None,
        }
    }
}

/// Where in a `\uXXXX` or a two-character escape a string stands.
#[derive(Clone, Copy, Debug)]
enum Escape {
    None,
    Backslash,
    /// This many hexadecimal digits have come, and are worth this much.
    Unicode(u8, u16),
}

/// What one more byte of a string is.
enum Step {
    /// The closing quote.
    Close,
    /// Part of an escape.
    Inside(Escape),
    /// An ASCII character; anything from 0x80 up is part of another one, or all that is left of it.
    Char(u8),
    /// No escape that JSON knows.
    Wrong,
}

/// What is left of an escaped character that does not fit a byte.
const OTHER: u8 = 0xFF;

impl Escape {
    fn step(self, byte: u8) -> Step {
        match self {
            Self::None => match byte {
                b'"' => Step::Close,
                b'\\' => Step::Inside(Self::Backslash),
                _ => Step::Char(byte),
            },
            Self::Backslash => match byte {
                b'u' => Step::Inside(Self::Unicode(0, 0)),
                b'b' => Step::Char(0x08),
                b'f' => Step::Char(0x0C),
                b'n' => Step::Char(b'\n'),
                b'r' => Step::Char(b'\r'),
                b't' => Step::Char(b'\t'),
                b'"' | b'\\' | b'/' => Step::Char(byte),
                _ => Step::Wrong,
            },
            Self::Unicode(seen, value) => match hex(byte) {
                Some(digit) if seen == 3 => Step::Char(u8::try_from(value << 4 | digit).unwrap_or(OTHER)),
                Some(digit) => Step::Inside(Self::Unicode(seen + 1, value << 4 | digit)),
                None => Step::Wrong,
            },
        }
    }
}

fn hex(byte: u8) -> Option<u16> {
    char::from(byte).to_digit(16).and_then(|digit| u16::try_from(digit).ok())
}

#[cfg(test)]
mod tests;
