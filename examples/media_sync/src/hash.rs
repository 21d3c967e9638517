//! SHA-256 in hex.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

pub fn sha256(mut content: impl Read) -> io::Result<String> {
    let mut hash = Sha256::new();
    io::copy(&mut content, &mut hash)?;
    Ok(format!("{:x}", hash.finalize()))
}
