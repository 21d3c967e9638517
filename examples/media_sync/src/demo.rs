//! What the program shows without an account.

use std::{
    env,
    fs::{self, File},
    io::Write,
};

use account::{Account, say};
use fake_wechat::{FakeWeChat, Fault};

use crate::{BoxError, options::Job, pictures::LARGEST, report::Report, sync};

const PICTURES: usize = 11;

/// Whether all three runs came to their ends.
pub async fn play(account: &Account, wechat: &FakeWeChat) -> Result<bool, BoxError> {
    let folder = tempfile::tempdir()?;
    // Paths in the output are the same in every run.
    env::set_current_dir(&folder)?;
    make_pictures()?;
    let mut job = Job::new("pictures");

    say!("\n1. All of a folder. WeChat revokes the token while the first four pictures are on their way.\n");
    let (report, ()) = tokio::join!(sync::run(&job, account), revoke_under(job.concurrency, wechat));
    // One is too large. With an account, the program would end with code 1 for it.
    let is_good = report?.went_well();

    say!(
        "\n2. One picture has changed. Another is not at WeChat any more: the answer to its download is an error, called text/plain.\n"
    );
    fs::copy("pictures/picture-02.png", "pictures/picture-07.png")?;
    // One after the other, so that it is the same picture in every run: the first one, after the upload.
    job.concurrency = 1;
    wechat.fail_next_apis(1, Fault::ExpiresIn(0)); // no fault for an API
    wechat.fail_next_apis(1, Fault::Errcode(40007));
    let Report { uploaded, not_downloaded, .. } = sync::run(&job, account).await?;
    let is_expected = uploaded == 1 && not_downloaded.len() == 1;

    say!("\n3. The same again: the picture that was missing is uploaded.\n");
    let is_mended = sync::run(&job, account).await?.went_well();
    Ok(is_good && is_expected && is_mended)
}

/// Some that WeChat takes, and two that it does not.
fn make_pictures() -> Result<(), BoxError> {
    fs::create_dir("pictures")?;
    for number in 1..=PICTURES {
        let side = u32::try_from(number * 40)?;
        fs::write(format!("pictures/picture-{number:02}.png"), png(side)?)?;
    }
    fs::write("pictures/dot.gif", DOT)?;
    fs::write("pictures/notes.txt", "no picture")?;
    let mut large = File::create("pictures/too-large.png")?;
    large.write_all(&png(1)?)?;
    large.set_len(LARGEST + 1)?;
    Ok(())
}

/// One pixel.
const DOT: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

/// A square with colours that cannot be packed much.
fn png(side: u32) -> Result<Vec<u8>, BoxError> {
    let mut picture = Vec::new();
    let mut encoder = png::Encoder::new(&mut picture, side, side);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header()?;
    let mut state = side;
    let pixels: Vec<u8> = (0..side * side * 3)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .collect();
    writer.write_image_data(&pixels)?;
    writer.finish()?;
    Ok(picture)
}

async fn revoke_under(uploads: usize, wechat: &FakeWeChat) {
    let hold = wechat.hold_apis();
    wechat.wait_for_api_requests(uploads as u64).await;
    wechat.revoke();
    hold.release();
}
