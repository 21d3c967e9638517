use aes::{
    Aes256,
    cipher::{BlockEncryptMut, KeyIvInit, block_padding::NoPadding},
};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::{APP, KEY, WECHATS_ANSWER, WECHATS_APP, WECHATS_CIPHERTEXT, WECHATS_KEY};
use crate::{
    crypto::{Cipher, Undecryptable},
    signature::sign,
};

const RANDOM: [u8; 16] = *b"707722b803182950";

fn cipher() -> Cipher {
    Cipher::new(KEY, APP).unwrap()
}

/// Encrypts what no `Cipher` would.
fn encrypt(plain: &[u8]) -> String {
    let key: [u8; 32] = STANDARD.decode(format!("{}E=", &KEY[..42])).unwrap().try_into().unwrap();
    let cbc = cbc::Encryptor::<Aes256>::new(&key.into(), key[..16].into());
    STANDARD.encode(cbc.encrypt_padded_vec_mut::<NoPadding>(plain))
}

/// 64 bytes that are good, but for what the test changes.
fn plain(change: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut plain = [&RANDOM[..], &10_u32.to_be_bytes(), b"<xml></xml", APP.as_bytes(), &[16; 16]].concat();
    assert_eq!(plain.len(), 64);
    change(&mut plain);
    encrypt(&plain)
}

#[test]
fn wechats_own_examples() {
    let cipher = Cipher::new(WECHATS_KEY, WECHATS_APP).unwrap();
    let message = r#"{"ToUserName":"gh_97417a04a28d","FromUserName":"o9AgO5Kd5ggOC-bXrbNODIiE3bGY","CreateTime":1714112445,"MsgType":"event","Event":"debug_demo","debug_str":"hello world"}"#;
    assert_eq!(cipher.decrypt(WECHATS_CIPHERTEXT).unwrap(), message);
    assert_eq!(cipher.encrypt(r#"{"demo_resp":"good luck"}"#, RANDOM).unwrap(), WECHATS_ANSWER);
}

/// A ciphertext that another SDK (wechatpy 1.8.18) has made of this message with these random bytes.
#[test]
fn what_another_sdk_has_encrypted() {
    let message = "<xml><Content>你好, wechatpy</Content></xml>";
    let encrypted = "Q3stYC6hdFzMh9T8HCvyDDRnPBUBuC3R0QMw0ZLS1aui1JhkmbQan98NMe9TFgp1/GxWK4OcT7UGP1fZ3YR3kElLo2+sbVnp00U5\
        P2aBJY3G7iH46gFS53fJQPJHtZ0g";
    assert_eq!(cipher().decrypt(encrypted).unwrap(), message);
    assert_eq!(cipher().encrypt(message, *b"0123456789abcdef").unwrap(), encrypted);
    let signature = "f5da8737887a3a29449060db14cc4b6d29ac5aa7";
    assert_eq!(sign(["token", "1714037059", "n", encrypted]), signature);
}

#[test]
fn what_is_encrypted_is_decrypted_whatever_its_length() {
    for length in 0..100 {
        let message = "好".repeat(length) + &"x".repeat(length % 3);
        let encrypted = cipher().encrypt(&message, RANDOM).unwrap();
        assert_eq!(cipher().decrypt(&encrypted).unwrap(), message);
    }
}

#[test]
fn a_key_that_cannot_be_one() {
    for key in ["", "short", &KEY[..42], &format!("{KEY}="), &format!("{KEY}A"), &KEY.replace('a', "é")] {
        assert!(Cipher::new(key, APP).is_none(), "{key}");
    }
}

#[test]
fn wrong_padding() {
    assert_eq!(cipher().decrypt(&plain(|_| ())).unwrap(), "<xml></xml");
    for last in [0, 15, 17, 33, 64, 65, 255] {
        let wrong = plain(|plain| plain[63] = last);
        assert_eq!(cipher().decrypt(&wrong), Err(Undecryptable::Padding), "{last}");
    }
    assert_eq!(cipher().decrypt(&plain(|plain| plain[50] = 15)), Err(Undecryptable::Padding));
    // Nothing but padding.
    assert_eq!(cipher().decrypt(&encrypt(&[32; 32])), Err(Undecryptable::MessageLength));
}

#[test]
fn another_app() {
    let other = Cipher::new(KEY, "wx0123456789abcdee").unwrap();
    let encrypted = other.encrypt("<xml/>", RANDOM).unwrap();
    assert_eq!(cipher().decrypt(&encrypted), Err(Undecryptable::AppId));
    // A beginning of it, and nothing at all.
    assert_eq!(cipher().decrypt(&plain(|plain| plain[19] = 11)), Err(Undecryptable::AppId));
    assert_eq!(cipher().decrypt(&plain(|plain| plain[19] = 28)), Err(Undecryptable::AppId));
}

#[test]
fn a_length_beyond_the_message() {
    for length in [29, 64, u32::MAX / 2, u32::MAX - 19, u32::MAX] {
        let wrong = plain(|plain| plain[16..20].copy_from_slice(&length.to_be_bytes()));
        assert_eq!(cipher().decrypt(&wrong), Err(Undecryptable::MessageLength), "{length}");
    }
}

#[test]
fn what_is_no_ciphertext() {
    for text in ["not base64", "好", "AAAA=", "AAA"] {
        assert_eq!(cipher().decrypt(text), Err(Undecryptable::Base64), "{text}");
    }
    for length in [0, 1, 15, 16, 31, 33, 48] {
        assert_eq!(
            cipher().decrypt(&STANDARD.encode(vec![0; length])),
            Err(Undecryptable::Length),
            "{length}"
        );
    }
    let no_text = plain(|plain| plain[22] = 0xff);
    assert_eq!(cipher().decrypt(&no_text), Err(Undecryptable::Utf8));
}

/// None of them panics, and none of them is taken for a message of another length.
#[test]
fn every_byte_changed() {
    let good = STANDARD.decode(cipher().encrypt(&"message ".repeat(20), RANDOM).unwrap()).unwrap();
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            if let Ok(message) = cipher().decrypt(&STANDARD.encode(&bad)) {
                assert_eq!(message.len(), 160);
            }
        }
        assert!(cipher().decrypt(&STANDARD.encode(&good[..at])).is_err());
    }
}
