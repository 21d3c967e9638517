use std::{
    fs, iter,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use account::Account;
use bytes::Bytes;
use clap::{CommandFactory, Parser};
use fake_wechat::{Answer, FakeWeChat, Fault};

use crate::{
    code::Codes,
    file, folder,
    options::{EnvVersion, Options},
    picture::Picture,
    run,
    scene::Scene,
};

const PNG: &[u8] = include_bytes!("sample.png");
const PATH: &str = "/wxa/getwxacodeunlimit";

struct Played {
    account: Account,
    codes: Codes,
    folder: Folder,
}

/// Removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("miniprogram_qrcode-{}-{}", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }

    /// The names of all files, hidden ones too, but for the one that says what they are.
    fn names(&self) -> Vec<String> {
        let files = fs::read_dir(&self.0).into_iter().flatten();
        let mut names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name != folder::NAME);
        names.sort_unstable();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Played {
    async fn new() -> Self {
        let account = Account::wechat().await.unwrap();
        let played = Self { codes: Codes::new(&account).unwrap(), account, folder: Folder::new() };
        played.wechat().set_answer(PATH, Answer::default().body(PNG));
        played
    }

    fn wechat(&self) -> &FakeWeChat {
        self.account.fake().expect("no WECHAT_APP_ID in the environment of a test")
    }

    async fn write(&self, at_once: u8, scenes: &[&str]) -> bool {
        run::run(&self.codes, &options(&self.folder.0, at_once, scenes)).await.unwrap()
    }
}

fn options(folder: &Path, at_once: u8, scenes: &[&str]) -> Options {
    let at_once = at_once.to_string();
    let fixed =
        ["", "--page", "pages/index/index", "--into", folder.to_str().unwrap(), "--at-once", &at_once];
    Options::parse_from(fixed.iter().chain(scenes))
}

#[test]
fn the_command_line() {
    Options::command().debug_assert();
    let folder = Folder::new();
    fs::create_dir(&folder.0).unwrap();
    let list = folder.0.join("scenes.txt");
    fs::write(&list, "\u{feff}a=1\r\n\n  a=2\na=1\n").unwrap();
    let scenes = |options: &Options| {
        let scenes =
            options.scenes().map(|scenes| scenes.iter().map(|scene| scene.as_str().to_owned()).collect());
        scenes.unwrap_or_else(|_| Vec::new())
    };
    let with_list = options(&folder.0, 1, &["a=3", "--list", list.to_str().unwrap()]);
    assert_eq!(scenes(&with_list), ["a=3", "a=1", "a=2"]);
    assert!(scenes(&options(&folder.0, 1, &[])).is_empty());
    assert!(scenes(&options(&folder.0, 1, &["a=3", "--list", "not-there"])).is_empty());
    assert!(scenes(&options(&folder.0, 1, &["a=3", "好"])).is_empty());
    fs::write(&list, "a=1\n\n桌1\n").unwrap();
    let error = options(&folder.0, 1, &["--list", list.to_str().unwrap()]).scenes().unwrap_err();
    assert!(
        error.to_string().starts_with("line 3: \"桌1\" cannot be a scene, which has up to 32"),
        "{error}"
    );
}

#[test]
fn scenes_are_what_wechat_takes_and_files_stay_in_their_folder() {
    for text in ["", "a b", "a%20b", "好", "a\n", &"x".repeat(33), "a\"", "a\\b"] {
        assert_eq!(Scene::new(text), None, "{text}");
    }
    for (text, stem) in [
        ("table=1", "table=1"),
        ("!#$&'()*+,/:;=?@-._~", "%21%23%24%26%27%28%29%2A%2B%2C%2F%3A%3B=%3F%40-._%7E"),
        ("../../etc/passwd", "..%2F..%2Fetc%2Fpasswd"),
        ("..", ".."),
        // On Windows and macOS `a.png` and `A.png` are the same file.
        ("Table=1", "%54able=1"),
    ] {
        assert_eq!(Scene::new(text).unwrap().file_stem(), stem);
    }
}

#[test]
fn a_picture_is_known_by_its_content() {
    let ending = |bytes: &[u8]| Picture::new(Bytes::copy_from_slice(bytes)).map(|picture| picture.ending);
    assert_eq!(ending(PNG), Some("png"));
    assert_eq!(ending(b"\xff\xd8\xff\xe0....\xff\xd9"), Some("jpg"));
    for length in 0..PNG.len() {
        assert_eq!(ending(&PNG[..length]), None, "{length}");
    }
    for other in [&b""[..], b"{}", b"<html>", br#"{"errcode":41030}"#, b"GIF89a", b"\xff\xd8\xff\xe0"] {
        assert_eq!(ending(other), None);
    }
}

#[tokio::test]
async fn each_scene_has_its_file_byte_for_byte() {
    let played = Played::new().await;
    let scenes: Vec<_> = (0..50).map(|number| format!("table={number}")).collect();
    let scenes: Vec<_> = scenes.iter().map(String::as_str).collect();
    assert!(played.write(8, &scenes).await);
    for scene in &scenes {
        assert_eq!(fs::read(played.folder.0.join(format!("{scene}.png"))).unwrap(), PNG);
    }
    assert_eq!(played.folder.names().len(), 50);
    let mut asked: Vec<_> = played
        .wechat()
        .seen()
        .iter()
        .map(|seen| {
            let body: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
            assert_eq!(body["page"], "pages/index/index");
            assert_eq!((&body["check_path"], &body["env_version"]), (&true.into(), &"release".into()));
            body["scene"].as_str().unwrap().to_owned()
        })
        .collect();
    asked.sort_by_key(|scene| scene["table=".len()..].parse::<u32>().unwrap());
    assert_eq!(asked, scenes);
}

#[tokio::test]
async fn no_more_are_asked_for_at_once_than_was_said() {
    let played = Played::new().await;
    let hold = played.wechat().hold_apis();
    let wechat = played.wechat().clone();
    let see = async {
        wechat.wait_for_api_requests(3).await;
        // Whoever wanted to send a fourth one has had the time for it.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        assert_eq!(wechat.api_requests(), 3);
        hold.release();
    };
    let (all, ()) = tokio::join!(played.write(3, &["1", "2", "3", "4", "5", "6", "7"]), see);
    assert!(all);
    assert_eq!(played.folder.names().len(), 7);
}

#[tokio::test]
async fn a_token_that_is_revoked_in_the_middle_is_not_noticed() {
    let played = Played::new().await;
    let hold = played.wechat().hold_apis();
    let revoke = async {
        played.wechat().wait_for_api_requests(4).await;
        played.wechat().revoke();
        hold.release();
    };
    let (all, ()) = tokio::join!(played.write(4, &["1", "2", "3", "4", "5", "6", "7"]), revoke);
    assert!(all);
    assert_eq!(played.wechat().mints(), 2);
    assert_eq!(played.wechat().api_errors().into_iter().collect::<Vec<_>>(), [(40001, 4)]);
    assert_eq!(played.folder.names().len(), 7);
}

#[tokio::test]
async fn what_is_there_is_not_asked_for_again() {
    let played = Played::new().await;
    fs::create_dir(&played.folder.0).unwrap();
    let jpeg = b"\xff\xd8\xff\xe0\xff\xd9";
    fs::write(played.folder.0.join("2.jpg"), jpeg).unwrap();
    assert!(played.write(2, &["1", "2", "3"]).await);
    assert!(played.write(2, &["1", "2", "3"]).await);
    assert_eq!(played.folder.names(), ["1.png", "2.jpg", "3.png"]);
    assert_eq!(played.wechat().api_requests(), 2);
    assert_eq!(fs::read(played.folder.0.join("2.jpg")).unwrap(), jpeg);
}

#[tokio::test]
async fn a_file_that_is_no_picture_is_neither_taken_for_one_nor_written_over() {
    let played = Played::new().await;
    fs::create_dir(&played.folder.0).unwrap();
    fs::write(played.folder.0.join("1.png"), "").unwrap();
    assert!(!played.write(1, &["1", "2"]).await);
    assert_eq!(
        (played.wechat().api_requests(), fs::read(played.folder.0.join("1.png")).unwrap()),
        (1, vec![])
    );
    assert_eq!(played.folder.names(), ["1.png", "2.png"]);
}

/// On a poster they look alike.
#[tokio::test]
async fn codes_of_another_page_version_or_app_do_not_pass_for_those_that_are_wanted() {
    let mut played = Played::new().await;
    assert!(played.write(1, &["1"]).await);
    let mut others = [0, 1].map(|_| options(&played.folder.0, 1, &["1"]));
    others[0].page = "pages/other".into();
    others[1].env_version = EnvVersion::Trial;
    for other in &others {
        let error = run::run(&played.codes, other).await.unwrap_err().to_string();
        assert!(error.contains("another folder"), "{error}");
    }
    assert!(played.write(1, &["1"]).await);
    played.codes.app_id = "wxother".into();
    assert!(run::run(&played.codes, &options(&played.folder.0, 1, &["1"])).await.is_err());
    assert_eq!(played.wechat().api_requests(), 1);
}

#[tokio::test]
async fn what_goes_wrong_again_and_again_stops_the_run() {
    for fault in [Fault::Busy, Fault::Http(502), Fault::Reset, Fault::Garbage] {
        let played = Played::new().await;
        played.wechat().fail_apis(fault.clone());
        let scenes = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];
        assert!(!played.write(1, &scenes).await);
        assert_eq!(played.wechat().api_requests(), 5, "{fault:?}");
        played.wechat().heal();
        assert!(played.write(1, &scenes).await);
    }
}

#[tokio::test]
async fn an_error_of_all_scenes_stops_the_run() {
    for errcode in [41030, 45009, 48001] {
        let played = Played::new().await;
        played.wechat().fail_next_apis(1, Fault::Errcode(errcode));
        assert!(!played.write(1, &["1", "2", "3"]).await);
        assert_eq!((played.wechat().api_requests(), played.folder.names().len()), (1, 0));
        // Another run goes on.
        assert!(played.write(1, &["1", "2", "3"]).await);
        assert_eq!((played.wechat().api_requests(), played.folder.names().len()), (4, 3));
    }
}

#[tokio::test]
async fn a_token_that_there_will_not_be_stops_the_run() {
    let scene = Scene::new("1").unwrap();
    for (fault, stops) in [
        (Fault::Errcode(40125), true),
        (Fault::Errcode(40164), true),
        (Fault::Busy, false),
        (Fault::Reset, false),
    ] {
        let played = Played::new().await;
        played.wechat().fail_tokens(fault.clone());
        let error = played.codes.picture("pages/index/index", EnvVersion::Release, &scene).await.unwrap_err();
        assert_eq!(error.stops_all().is_some(), stops, "{fault:?}");
    }
}

/// A full disk does not get better by asking WeChat for more.
#[tokio::test]
async fn a_picture_that_cannot_be_written_stops_the_run() {
    let played = Played::new().await;
    let hold = played.wechat().hold_apis();
    let remove = async {
        played.wechat().wait_for_api_requests(1).await;
        fs::remove_dir_all(&played.folder.0).unwrap();
        hold.release();
    };
    let (all, ()) = tokio::join!(played.write(1, &["1", "2", "3"]), remove);
    assert!(!all);
    assert_eq!(played.wechat().api_requests(), 1);
}

#[tokio::test]
async fn an_error_of_one_scene_does_not() {
    let cut = Answer::default().body(&PNG[..200]);
    let faults = [
        Fault::Errcode(40169),
        Fault::Http(502),
        Fault::Garbage,
        Fault::Empty,
        Fault::CutOff,
        Fault::Answer(cut),
        Fault::Answer(Answer::default().body(iter::repeat_n(b'x', 5 * 1024 * 1024).collect::<Vec<_>>())),
        Fault::Reset,
    ];
    for fault in faults {
        let played = Played::new().await;
        played.wechat().fail_next_apis(1, fault.clone());
        assert!(!played.write(1, &["1", "2", "3"]).await, "{fault:?}");
        assert_eq!(played.folder.names(), ["2.png", "3.png"], "{fault:?}");
    }
}

#[tokio::test]
async fn a_jpeg_is_called_one() {
    let played = Played::new().await;
    // What FakeWeChat sends by itself.
    let jpeg = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9";
    played.wechat().set_answer(PATH, Answer::default().body(&jpeg[..]));
    assert!(played.write(1, &["1"]).await);
    assert_eq!(fs::read(played.folder.0.join("1.jpg")).unwrap(), jpeg);
}

#[tokio::test]
async fn a_folder_that_cannot_be_one() {
    let played = Played::new().await;
    fs::write(&played.folder.0, "a file").unwrap();
    assert!(run::run(&played.codes, &options(&played.folder.0, 1, &["1"])).await.is_err());
    fs::remove_file(&played.folder.0).unwrap();
    assert_eq!(played.wechat().api_requests(), 0);
}

#[test]
fn a_file_that_cannot_be_written_leaves_nothing_behind() {
    let folder = Folder::new();
    fs::create_dir_all(folder.0.join("1.png/not-empty")).unwrap();
    assert!(file::write(&folder.0, "1.png", PNG).is_err());
    assert_eq!(folder.names(), ["1.png"]);
    // As a run that was killed leaves it, or somebody who wants to have another file overwritten.
    #[cfg(unix)]
    {
        let precious = folder.0.join("precious");
        fs::write(&precious, "precious").unwrap();
        let part = folder.0.join(format!(".2.png.{}.part", process::id()));
        std::os::unix::fs::symlink(&precious, part).unwrap();
        file::write(&folder.0, "2.png", b"before").unwrap();
        assert_eq!(fs::read(&precious).unwrap(), b"precious");
        fs::remove_file(precious).unwrap();
    }
    file::write(&folder.0, "2.png", b"before").unwrap();
    file::write(&folder.0, "2.png", PNG).unwrap();
    assert_eq!(fs::read(folder.0.join("2.png")).unwrap(), PNG);
    assert_eq!(folder.names(), ["1.png", "2.png"]);
}
