//! What the program shows without an account.

use std::{
    collections::HashMap,
    env, fs,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use account::{Account, say};
use fake_wechat::{FakeWeChat, Fault};
use serde_json::Value;

use crate::{
    BoxError,
    control::{Control, Wish},
    options::Job,
    run,
};

const RECIPIENTS: usize = 10_000;
const QUOTA: usize = 6_400;

/// Whether all three runs came to their ends.
pub async fn play(account: &Account, wechat: &FakeWeChat, control: &Control) -> Result<bool, BoxError> {
    let folder = tempfile::tempdir()?;
    // Paths in the output are the same in every run.
    env::set_current_dir(&folder)?;
    write_recipients()?;
    let mut job = Job::new("recipients.csv", "message.json");
    job.first_pause = Duration::from_secs(1);

    say!(
        "\n1. A message to all. WeChat revokes the token after a third of it, and the program does not know.\n"
    );
    fs::write("message.json", message("An order is on its way"))?;
    wechat.fail_next_apis(1, Fault::Errcode(45011));
    wechat.fail_next_apis(3, Fault::Errcode(43004));
    wechat.fail_next_apis(1, Fault::Errcode(40003));
    // No fault for an API: so many calls are answered as ever.
    wechat.fail_next_apis(500, Fault::ExpiresIn(0));
    wechat.fail_next_apis(2, Fault::Lost);
    let (ran, mut delivered) = tokio::join!(
        run::run(&job, account, control),
        revoke_after_a_third(wechat, job.concurrency, control)
    );
    if !ran?.is_complete {
        return Ok(end_early());
    }
    delivered.look(wechat);
    delivered.tell();

    say!("\n2. Another message. The account's quota is enough for {QUOTA} of them today.\n");
    fs::write("message.json", message("A parcel has arrived"))?;
    job.journal = "second.journal".into();
    wechat.fail_next_apis(QUOTA, Fault::ExpiresIn(0));
    wechat.fail_apis(Fault::Errcode(45009));
    wechat.clear_seen();
    let mut delivered = Delivered::default();
    let ran = run::run_at(&job, account, control, half_past_nine_in_the_evening).await?;
    if ran.report.left != RECIPIENTS - QUOTA {
        return Ok(end_early());
    }
    delivered.look(wechat);

    say!("\n3. The next day, the same command.\n");
    wechat.advance(Duration::from_secs(86_400));
    wechat.heal();
    let ran = run::run(&job, account, control).await?;
    delivered.look(wechat);
    delivered.tell();
    Ok(ran.is_complete)
}

fn end_early() -> bool {
    say!("   This was a demonstration: its files are gone now.");
    false
}

fn write_recipients() -> Result<(), BoxError> {
    let mut writer = csv::Writer::from_path("recipients.csv")?;
    writer.write_record(["openid", "name"])?;
    for number in 0..RECIPIENTS {
        writer.write_record([format!("oFollower{number:019}"), format!("Follower {number}")])?;
    }
    Ok(writer.flush()?)
}

fn message(text: &str) -> String {
    let data = serde_json::json!({ "thing1": { "value": "{name}" }, "thing2": { "value": text } });
    serde_json::json!({ "template_id": "a-template", "data": data }).to_string()
}

/// What is printed does not depend on the time of the day.
fn half_past_nine_in_the_evening() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(13 * 3600 + 1800)
}

/// Revokes it under as many sends as can be under way, so that it is the same number in every run.
async fn revoke_after_a_third(wechat: &FakeWeChat, concurrency: usize, control: &Control) -> Delivered {
    wechat.wait_for_api_requests(RECIPIENTS as u64 / 3).await;
    let hold = wechat.hold_apis();
    let is_held = || {
        let unanswered = wechat.seen().iter().filter(|seen| seen.status.is_none()).count();
        // Two have got no answer before.
        unanswered == concurrency + 2
    };
    // Once it is to pause or to stop, no more sends begin.
    while !is_held() && *control.wishes().borrow() == Wish::GoOn {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut delivered = Delivered::default();
    delivered.look(wechat);
    // It remembers ten thousand requests, and this run has more.
    wechat.clear_seen();
    wechat.revoke();
    hold.release();
    delivered
}

/// How many messages WeChat has delivered to each open id.
#[derive(Default)]
struct Delivered(HashMap<String, usize>);

impl Delivered {
    /// Counts what WeChat has seen and carried out since it last forgot.
    fn look(&mut self, wechat: &FakeWeChat) {
        let carried_out = wechat.seen().into_iter().filter(|seen| seen.errcode.is_none_or(|code| code == 0));
        for seen in carried_out {
            let body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
            if let Some(openid) = body["touser"].as_str() {
                *self.0.entry(openid.to_owned()).or_default() += 1;
            }
        }
        wechat.clear_seen();
    }

    fn tell(&self) {
        let (total, most) = (self.0.len(), self.0.values().max().copied().unwrap_or_default());
        say!("   WeChat has delivered the message to {total} open ids; the most that anybody got is {most}.");
    }
}
