//! How the program ends, and what it leaves.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output, Stdio},
    time::Duration,
};

use fake_wechat::{FakeWeChat, Fault};
use tempfile::TempDir;

/// A folder with pictures, and the platform that the program is told of.
struct Studio {
    wechat: FakeWeChat,
    folder: TempDir,
}

impl Studio {
    async fn new(pictures: &[&str]) -> Self {
        let studio = Self { wechat: FakeWeChat::start().await, folder: tempfile::tempdir().unwrap() };
        fs::create_dir(studio.at("pictures")).unwrap();
        for name in pictures {
            let mut content = b"\x89PNG\r\n\x1a\n".to_vec();
            content.extend(name.bytes().cycle().take(5000));
            fs::write(studio.at("pictures").join(name), content).unwrap();
        }
        studio
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn tell(&self, program: &mut Command) {
        program
            .env("WECHAT_APP_ID", FakeWeChat::APP_ID)
            .env("WECHAT_APP_SECRET", FakeWeChat::APP_SECRET)
            .env("WECHAT_BASE_URL", self.wechat.url())
            .current_dir(&self.folder)
            .stdin(Stdio::null());
    }

    fn program(&self) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_media_sync"));
        self.tell(program.arg("pictures"));
        program
    }
}

async fn output(mut program: Command) -> Output {
    tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &output.stderr].concat()).into_owned()
}

/// Nobody shall think that a picture is at WeChat.
#[tokio::test]
async fn without_an_account_nothing_is_uploaded() {
    let studio = Studio::new(&["a.png"]).await;
    let mut program = studio.program();
    for name in ["WECHAT_APP_ID", "WECHAT_APP_SECRET", "WECHAT_BASE_URL"] {
        program.env_remove(name);
    }
    let done = output(program).await;
    assert_eq!(done.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&done.stderr).contains("set WECHAT_APP_ID and WECHAT_APP_SECRET"));
    assert!(!studio.at("pictures/media_ids.json").exists());
}

#[tokio::test]
async fn the_code_says_whether_all_pictures_are_there() {
    let studio = Studio::new(&["a.png", "b.png"]).await;
    fs::create_dir(studio.at("pictures/more")).unwrap();
    let done = output(studio.program()).await;
    assert_eq!(done.status.code(), Some(0), "{}", text(&done));
    assert!(text(&done).contains("more: a folder, which is not looked into"), "{}", text(&done));

    let large = fs::OpenOptions::new().write(true).open(studio.at("pictures/b.png")).unwrap();
    large.set_len((10 << 20) + 1).unwrap();
    let done = output(studio.program()).await;
    assert_eq!(done.status.code(), Some(1), "{}", text(&done));
}

/// By whatever signal.
#[tokio::test]
async fn what_a_killed_run_left_is_gone_after_the_next() {
    let studio = Studio::new(&["a.png"]).await;
    studio.wechat.fail_next_apis(1, Fault::ExpiresIn(0)); // no fault for an API
    studio.wechat.fail_next_apis(1, Fault::Slow(Duration::from_millis(50)));
    let mut child = studio.program().stdout(Stdio::null()).spawn().unwrap();
    let part = studio.at("pictures.downloaded/.media_sync/part/a.png");
    while !part.exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(part.exists() && !studio.at("pictures.downloaded/a.png").exists());

    let done = output(studio.program()).await;
    assert_eq!(done.status.code(), Some(0), "{}", text(&done));
    assert!(!part.exists() && studio.at("pictures.downloaded/a.png").exists());
}

#[cfg(unix)]
#[tokio::test]
async fn the_list_and_the_downloads_have_the_usual_mode() {
    use std::os::unix::fs::PermissionsExt;

    let studio = Studio::new(&["a.png"]).await;
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask 027; exec \"$0\" pictures", env!("CARGO_BIN_EXE_media_sync")]);
    studio.tell(&mut shell);
    let done = output(shell).await;
    assert_eq!(done.status.code(), Some(0), "{}", text(&done));
    for name in ["pictures/media_ids.json", "pictures.downloaded/a.png"] {
        let mode = fs::metadata(studio.at(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640, "{name}");
    }
}

/// Root may do everything, so it becomes somebody else here.
#[cfg(unix)]
#[tokio::test]
async fn what_is_not_allowed_is_said_before_anything_is_uploaded() {
    use std::os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    };

    const NOBODY: u32 = 65_534;
    let studio = Studio::new(&["a.png", "b.png"]).await;
    let allow = |name: &str, mode| {
        fs::set_permissions(studio.at(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    let is_root = fs::metadata(studio.folder.path()).unwrap().uid() == 0;
    let program = || {
        let mut program = Command::new(studio.at("program"));
        studio.tell(program.arg("pictures"));
        if is_root {
            program.uid(NOBODY).gid(NOBODY);
        }
        program
    };
    // Where the tests are built may be closed to others.
    fs::copy(env!("CARGO_BIN_EXE_media_sync"), studio.at("program")).unwrap();
    allow("program", 0o755);
    allow("", 0o755);
    allow("pictures", 0o555);
    let done = output(program()).await;
    assert_eq!(done.status.code(), Some(1));
    let said = text(&done);
    assert!(said.contains("Permission denied") && said.contains("Nothing has been uploaded."), "{said}");
    assert_eq!(studio.wechat.api_requests(), 0);

    // A file that cannot be read does not end the run.
    fs::create_dir(studio.at("pictures.downloaded")).unwrap();
    if is_root {
        for name in ["pictures", "pictures.downloaded"] {
            chown(studio.at(name), Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
    allow("pictures", 0o755);
    allow("pictures/a.png", 0o000);
    let done = output(program()).await;
    assert_eq!(done.status.code(), Some(1));
    let said = text(&done);
    assert!(said.contains("a.png: cannot be read: Permission denied"), "{said}");
    assert!(studio.at("pictures.downloaded/b.png").exists(), "{said}");

    // The lock is there already. The list cannot be replaced.
    allow("pictures/a.png", 0o644);
    allow("pictures", 0o555);
    let before = studio.wechat.api_requests();
    let done = output(program()).await;
    assert_eq!(done.status.code(), Some(1));
    let said = text(&done);
    assert!(said.contains("media_ids.json: Permission denied"), "{said}");
    assert_eq!(studio.wechat.api_requests(), before);
}

#[cfg(unix)]
#[tokio::test]
async fn a_terminal_that_can_show_no_bar_gets_lines() {
    use std::io::Read;

    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    let studio = Studio::new(&["a.png"]).await;
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let screen = fs::OpenOptions::new().write(true).open(name).unwrap();
    let mut program = studio.program();
    program.env("TERM", "dumb").stdout(screen);
    let mut child = program.spawn().unwrap();
    drop(program);
    let shown = tokio::task::spawn_blocking(move || {
        let (mut terminal, mut shown) = (fs::File::from(terminal), Vec::new());
        // It ends with an error once nobody has the other end.
        let _ = terminal.read_to_end(&mut shown);
        String::from_utf8_lossy(&shown).into_owned()
    });
    let shown = shown.await.unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{shown}");
    assert!(shown.contains("up   100 %") && shown.contains("down 100 %"), "{shown}");
}
