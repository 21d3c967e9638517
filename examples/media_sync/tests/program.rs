//! How the program ends.

use std::{fs, process::Command};

/// Nobody shall think that a picture is at WeChat.
#[test]
fn without_an_account_nothing_is_uploaded() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("pictures")).unwrap();
    fs::write(folder.path().join("pictures/a.png"), b"\x89PNG\r\n\x1a\n...").unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_media_sync"));
    let done = program.arg("pictures").env_remove("WECHAT_APP_ID").current_dir(&folder).output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&done.stderr).contains("set WECHAT_APP_ID and WECHAT_APP_SECRET"));
    assert!(!folder.path().join("pictures/media_ids.json").exists());
}
