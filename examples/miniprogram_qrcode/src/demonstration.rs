//! What happens without an account: the program runs at a fake WeChat.

use std::{env, fs, path::Path, process};

use account::{Account, say};
use clap::Parser;
use fake_wechat::{Answer, FakeWeChat};
use http::{HeaderValue, header};

use crate::{Failure, code::Codes, folder, options::Options, run};

/// What the fake WeChat takes for a code.
const PICTURE: &[u8] = include_bytes!("sample.png");
const PATH: &str = "/wxa/getwxacodeunlimit";

pub async fn run(account: &Account) -> Result<(), Failure> {
    let wechat = account.fake().ok_or("a demonstration needs a fake WeChat")?;
    let folder = env::temp_dir().join(format!("miniprogram_qrcode-{}", process::id()));
    let shown = show(&Codes::new(account)?, wechat, &folder).await;
    let _ = fs::remove_dir_all(&folder);
    shown
}

async fn show(codes: &Codes, wechat: &FakeWeChat, folder: &Path) -> Result<(), Failure> {
    let png =
        Answer::default().header(header::CONTENT_TYPE, HeaderValue::from_static("image/png")).body(PICTURE);
    wechat.set_answer(PATH, png);

    say!("\n1. WeChat is asked for four codes, two at once.");
    write(codes, folder, &["table=1", "table=2", "table=3", "from/poster?"]).await?;
    check(folder)?;

    say!("\n2. WeChat revokes the token while it has two calls for codes in hand. Nobody notices.");
    let revoke = two_in_hand(wechat, || wechat.revoke());
    tokio::join!(write(codes, folder, &["table=1", "table=4", "table=5", "table=6"]), revoke).0?;
    check(folder)?;
    say!("   WeChat has minted {} tokens: at the start, and after it had revoked the first.", wechat.mints());

    say!(
        "\n3. WeChat does not know the page. It says so with status 200 and JSON; nothing of that becomes a file."
    );
    wechat.set_answer(PATH, Answer::json(r#"{"errcode":41030,"errmsg":"invalid page"}"#));
    let both = two_in_hand(wechat, || ());
    tokio::join!(write(codes, folder, &["table=7", "table=8", "table=9", "table=10"]), both).0?;
    check(folder)?;

    say!("\n4. Too many codes were asked for.");
    wechat.set_answer(PATH, Answer::json(r#"{"errcode":45009,"errmsg":"reach max api minute quota limit"}"#));
    let both = two_in_hand(wechat, || ());
    tokio::join!(write(codes, folder, &["table=6", "table=7", "table=8", "table=9", "table=10"]), both).0?;
    check(folder)
}

/// Has WeChat wait with its answers from now on, until two calls have come; then does something, and lets WeChat go on.
fn two_in_hand(wechat: &FakeWeChat, act: impl FnOnce()) -> impl Future<Output = ()> {
    let (hold, both) = (wechat.hold_apis(), wechat.api_requests() + 2);
    async move {
        wechat.wait_for_api_requests(both).await;
        act();
        hold.release();
    }
}

/// One run of the program.
async fn write(codes: &Codes, folder: &Path, scenes: &[&str]) -> Result<(), Failure> {
    let quoted =
        |scene: &&str| if scene.contains(['?', '/']) { format!("'{scene}'") } else { (*scene).to_owned() };
    let shown = scenes.iter().map(quoted).collect::<Vec<_>>().join(" ");
    say!("   $ miniprogram_qrcode --page pages/index/index --at-once 2 --into codes {shown}");
    let fixed = ["miniprogram_qrcode", "--page", "pages/index/index", "--at-once", "2", "--into", "codes"];
    let mut options = Options::try_parse_from(fixed.iter().chain(scenes))?;
    folder.clone_into(&mut options.into);
    run::run(codes, &options).await?;
    Ok(())
}

/// Says what is in the folder.
fn check(folder: &Path) -> Result<(), Failure> {
    let (mut same, mut others) = (0, 0);
    for file in fs::read_dir(folder)? {
        let file = file?;
        if file.file_name() == folder::NAME {
            continue;
        }
        let is_same = fs::read(file.path())? == PICTURE;
        if is_same { same += 1 } else { others += 1 }
    }
    say!(
        "   In the folder: {same} files that are byte for byte the PNG that WeChat has sent, {others} others."
    );
    Ok(())
}
