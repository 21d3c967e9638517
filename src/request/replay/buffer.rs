//! [`Buffer`]: what has passed of a body, kept for a second send.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;

use super::{error::NotReplayable, source::Size};
use crate::memory::{Charge, Memory};

/// The least that is set aside for a copy, so that it does not grow byte by byte.
const LEAST_CAPACITY: usize = 1024;

/// The bytes and trailers that have passed, in order.
pub(super) struct Buffer {
    data: Data,
    trailers: Option<HeaderMap>,
    /// How long the whole body is at least, and whether that is known to be all.
    least: u64,
    is_exact: bool,
    limit: usize,
    charge: Charge,
}

enum Data {
    None,
    /// One chunk that may be the whole body. If it is known to be, it is the caller's memory, whether it is kept here or not.
    Whole(Bytes),
    /// A copy. A reference to a small chunk could keep a big buffer alive, so that nobody would know what is really kept.
    Copied(Vec<u8>),
}

/// What is sent again before the source goes on.
pub(super) struct Buffered {
    pub(super) data: Option<Bytes>,
    pub(super) trailers: Option<HeaderMap>,
    /// Given back when all has been sent.
    _charge: Charge,
}

impl Buffer {
    /// For a body of that size, of which up to `limit` bytes are kept.
    pub(super) fn new(size: Size, limit: usize, memory: &Arc<Memory>) -> Self {
        let charge = Charge::none(memory);
        Self { data: Data::None, trailers: None, least: size.lower, is_exact: size.is_exact(), limit, charge }
    }

    /// The buffer with one more frame.
    pub(super) fn with(mut self, frame: &Frame<Bytes>) -> Result<Self, NotReplayable> {
        if let Some(chunk) = frame.data_ref().filter(|chunk| !chunk.is_empty()) {
            self.data = match std::mem::replace(&mut self.data, Data::None) {
                Data::None if self.least <= chunk.len() as u64 => {
                    if !self.is_exact && !self.charge.grow(chunk.len()) {
                        return Err(NotReplayable::NoMemory);
                    }
                    Data::Whole(chunk.clone())
                }
                Data::None => Data::Copied(self.copied(Vec::new(), chunk)?),
                // It was not.
                Data::Whole(first) => {
                    self.charge.clear();
                    let copy = self.copied(Vec::new(), &first)?;
                    Data::Copied(self.copied(copy, chunk)?)
                }
                Data::Copied(copy) => Data::Copied(self.copied(copy, chunk)?),
            };
        } else if let Some(trailers) = frame.trailers_ref() {
            let bytes = trailers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
            if !self.charge.grow(bytes) {
                return Err(NotReplayable::NoMemory);
            }
            self.trailers = Some(trailers.clone());
        }
        Ok(self)
    }

    fn copied(&mut self, mut copy: Vec<u8>, chunk: &Bytes) -> Result<Vec<u8>, NotReplayable> {
        let length = copy.len().saturating_add(chunk.len());
        // A body that has said that it is too long is not even begun.
        if length > self.limit || self.least > self.limit as u64 {
            return Err(NotReplayable::TooLarge);
        }
        if length > copy.capacity() {
            let roomy = copy.capacity().saturating_mul(2).max(LEAST_CAPACITY).min(self.limit);
            // Where the length is known, no more than that.
            let known = usize::try_from(self.least).ok().filter(|least| *least >= length);
            let capacity = roomy.min(known.unwrap_or(usize::MAX)).max(length);
            if !self.charge.grow(capacity - copy.capacity()) {
                return Err(NotReplayable::NoMemory);
            }
            copy.reserve_exact(capacity - copy.len());
        }
        copy.extend_from_slice(chunk);
        Ok(copy)
    }

    pub(super) fn into_buffered(self) -> Buffered {
        let data = match self.data {
            Data::None => None,
            Data::Whole(data) => Some(data),
            Data::Copied(copy) => Some(copy.into()),
        };
        Buffered { data, trailers: self.trailers, _charge: self.charge }
    }
}

impl Buffered {
    pub(super) fn next(&mut self) -> Option<Frame<Bytes>> {
        self.data.take().map(Frame::data).or_else(|| self.trailers.take().map(Frame::trailers))
    }

    pub(super) fn is_over(&self) -> bool {
        self.data.is_none() && self.trailers.is_none()
    }
}
