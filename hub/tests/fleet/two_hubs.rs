//! Two hubs over one store are both active, and each of them may be killed.

use std::time::Duration;

use fake_wechat::FakeWeChat;
use tokio::time::Instant;

use super::{
    process::{Process, config, folder, socket},
    support::Folder,
    worker::{Worker, went_well},
};

async fn hub(wechat: &FakeWeChat, tokens: &Folder) -> (Folder, Process, String) {
    let tokens = tokens.path().join("tokens");
    // On demand, so that the test says which of the two mints.
    let text = config(wechat).replace("[[app]]\n", "[[app]]\nkeep_warm = false\n");
    let folder = folder(&format!("{text}[store]\nkind = \"file\"\ndir = \"{}\"\n", tokens.display()));
    let hub = Process::serve(&folder, 2).await;
    let place = format!("unix:{}", socket(&folder).display());
    (folder, hub, place)
}

#[tokio::test]
async fn when_the_one_that_mints_is_killed_the_callers_of_both_have_their_token() {
    let wechat = FakeWeChat::start().await;
    let tokens = Folder::new();
    let (_first, one, at_one) = hub(&wechat, &tokens).await;
    let (_second, _other, at_other) = hub(&wechat, &tokens).await;
    let hold = wechat.hold_tokens();
    let mut of_one = Worker::start(&[&at_one, &at_other], &wechat.url(), "");
    let mut of_other = Worker::start(&[&at_other, &at_one], &wechat.url(), "");
    of_one.tell("call 100").await;
    wechat.wait_for_token_requests(1).await;
    of_other.tell("call 100").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    one.signal("KILL");
    let killed = Instant::now();
    drop(one);
    hold.release();
    let said = [of_one.hear().await, of_other.hear().await];
    let took = killed.elapsed();
    went_well(&said, 100);
    println!("{} ms after the kill, all callers had their answer", took.as_millis());
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(wechat.token_requests(), 2, "by the dead one, and by the other");
}

#[tokio::test]
async fn what_one_hub_minted_the_other_hands_out_and_tells_its_workers() {
    let wechat = FakeWeChat::start().await;
    let tokens = Folder::new();
    let (_first, _one, at_one) = hub(&wechat, &tokens).await;
    let (_second, _other, at_other) = hub(&wechat, &tokens).await;
    let mut of_one = Worker::start(&[&at_one], &wechat.url(), "");
    let mut of_other = Worker::start(&[&at_other], &wechat.url(), "");
    went_well(&[of_one.ask("call 10").await, of_other.ask("call 10").await], 10);
    assert_eq!(wechat.mints(), 1);
    wechat.revoke();
    let after = of_one.ask("call 10").await;
    // The other hears of it without a call.
    for _ in 0..400 {
        if of_other.ask("current").await == after["token"] {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(of_other.ask("current").await, after["token"]);
    assert_eq!(wechat.mints(), 2);
}
