//! The encryption of callbacks in secure mode (安全模式): AES-256 in CBC mode with a key that WeChat and the bot share.
//!
//! What is encrypted is 16 random bytes, the length of the message in four bytes, the message and the app id.

use std::fmt;

use aes::{
    Aes256,
    cipher::{BlockDecryptMut, BlockEncryptMut, KeyIvInit, block_padding::NoPadding},
};
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD as OF_TEXT},
};

const RANDOM: usize = 16;
const LENGTH: usize = 4;
/// WeChat pads to 32 bytes, though AES has blocks of 16.
const PADDED_TO: usize = 32;

/// The key has 43 characters and no `=`, and its last character has two bits too many, which may be set.
const OF_KEY: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// Encrypts and decrypts the messages of one app.
pub struct Cipher {
    key: [u8; 32],
    app_id: String,
}

/// Why a message cannot be decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undecryptable {
    Base64,
    Length,
    Padding,
    MessageLength,
    AppId,
    Utf8,
}

impl Cipher {
    /// With the `EncodingAESKey` of the account's settings; `None` if it cannot be one.
    pub fn new(encoding_aes_key: &str, app_id: &str) -> Option<Self> {
        let key = OF_KEY.decode(encoding_aes_key).ok()?.try_into().ok()?;
        Some(Self { key, app_id: app_id.to_owned() })
    }

    /// The message in this ciphertext, if it was meant for this app. Check its signature first.
    pub fn decrypt(&self, encrypted: &str) -> Result<String, Undecryptable> {
        let encrypted = OF_TEXT.decode(encrypted).map_err(|_| Undecryptable::Base64)?;
        if encrypted.is_empty() || !encrypted.len().is_multiple_of(PADDED_TO) {
            return Err(Undecryptable::Length);
        }
        let cbc = cbc::Decryptor::<Aes256>::new(&self.key.into(), self.iv().into());
        let padded =
            cbc.decrypt_padded_vec_mut::<NoPadding>(&encrypted).map_err(|_| Undecryptable::Length)?;
        let plain = without_padding(&padded).ok_or(Undecryptable::Padding)?;
        let (message, app_id) = split(plain).ok_or(Undecryptable::MessageLength)?;
        if app_id != self.app_id.as_bytes() {
            return Err(Undecryptable::AppId);
        }
        String::from_utf8(message.to_vec()).map_err(|_| Undecryptable::Utf8)
    }

    /// This message, encrypted for WeChat; `None` if it is longer than its length can say.
    pub fn encrypt(&self, message: &str, random: [u8; RANDOM]) -> Option<String> {
        let length = u32::try_from(message.len()).ok()?.to_be_bytes();
        let mut plain = [&random[..], &length, message.as_bytes(), self.app_id.as_bytes()].concat();
        let padding = PADDED_TO - plain.len() % PADDED_TO;
        // From 1 to 32.
        plain.resize(plain.len() + padding, padding.try_into().ok()?);
        let cbc = cbc::Encryptor::<Aes256>::new(&self.key.into(), self.iv().into());
        Some(OF_TEXT.encode(cbc.encrypt_padded_vec_mut::<NoPadding>(&plain)))
    }

    /// WeChat takes it from the key.
    fn iv(&self) -> &[u8; 16] {
        self.key.first_chunk().expect("the key is longer")
    }
}

impl fmt::Display for Undecryptable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Base64 => "it is no base64",
            Self::Length => "its length is no multiple of 32",
            Self::Padding => "its padding is wrong; compare WECHAT_AES_KEY",
            Self::MessageLength => "it is shorter than it says",
            Self::AppId => "it is for another app; compare WECHAT_APP_ID",
            Self::Utf8 => "it is no text",
        })
    }
}

/// Without as many bytes of that value as the last one says.
fn without_padding(padded: &[u8]) -> Option<&[u8]> {
    let last = *padded.last()?;
    let count = usize::from(last);
    if !(1..=PADDED_TO).contains(&count) {
        return None;
    }
    let (plain, padding) = padded.split_at_checked(padded.len().checked_sub(count)?)?;
    padding.iter().all(|byte| *byte == last).then_some(plain)
}

/// The message, and what comes after it.
fn split(plain: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = plain.get(RANDOM..)?.split_first_chunk::<LENGTH>()?;
    rest.split_at_checked(u32::from_be_bytes(*length).try_into().ok()?)
}
