//! What is kept, and how long.

use std::time::Duration;

use super::{
    BRIEF, GRAIN, LONG, Lab, abandoned, account, committed, granted, loaded, loaded_when, now, rule, same,
    token,
};
use crate::store::Record;

pub(super) async fn check(lab: &Lab) {
    a_record_is_kept_as_it_is(lab).await;
    what_is_left_shrinks(lab).await;
    an_expired_record_is_kept(lab).await;
    a_new_record_replaces_the_old(lab).await;
    accounts_do_not_touch_each_other(lab).await;
}

async fn a_record_is_kept_as_it_is(lab: &Lab) {
    let odd = "\"\\/\u{0}\u{1b}\r\n\t\u{7f}%26&=+#{}':\u{feff}\u{e9}\u{6f22}\u{1f600}";
    for text in [odd.to_owned(), "x".repeat(4096), odd.repeat(100)] {
        let account = account();
        let (lease, _) = granted(&*lab.one, &account, LONG, 0).await;
        let record = token(&text, &lease);
        committed(&*lab.one, &account, &lease, &record).await;
        for store in [&lab.one, &lab.other] {
            same(
                &loaded(&**store, &account).await,
                &record,
                "a record comes back with its text, generation and life, byte for byte",
            );
        }
    }
}

async fn what_is_left_shrinks(lab: &Lab) {
    let account = account();
    let (lease, _) = granted(&*lab.one, &account, LONG, 0).await;
    let left = LONG / 2;
    let record = Record { left, ..token("t", &lease) };
    let start = now();
    committed(&*lab.one, &account, &lease, &record).await;
    let first = loaded(&*lab.other, &account).await.record.map(|record| record.left);
    let ran = now().since(start);
    rule(
        first.is_some_and(|first| first <= left + GRAIN && first + ran + GRAIN >= left),
        "a record has as much left as it had when it was written, less the time since (rule 4)",
    );
    loaded_when(&*lab.other, &account, "what is left of a record shrinks", |snapshot| {
        let now = snapshot.record.as_ref().map(|record| record.left);
        now.is_some_and(|now| now + GRAIN < left && Some(now) < first)
    })
    .await;
}

async fn an_expired_record_is_kept(lab: &Lab) {
    for left in [BRIEF, Duration::ZERO] {
        let account = account();
        let (lease, _) = granted(&*lab.one, &account, LONG, 7).await;
        let record = Record::new("t", lease.fence, BRIEF, left);
        committed(&*lab.one, &account, &lease, &record).await;
        let broken = "an expired record is kept, with nothing left of it";
        let seen = loaded_when(&*lab.other, &account, broken, |snapshot| {
            snapshot.record.as_ref().is_some_and(|record| record.left.is_zero())
        })
        .await;
        same(&seen, &record, "an expired record is the record that it was");
        let (next, seen) = granted(&*lab.other, &account, LONG, 0).await;
        same(&seen, &record, "who is granted a lease sees the expired record (rule 3)");
        rule(next.fence > record.generation, "fences rise over an expired record (rule 1)");
    }
}

async fn a_new_record_replaces_the_old(lab: &Lab) {
    let account = account();
    for text in ["first", "second"] {
        let (lease, _) = granted(&*lab.one, &account, LONG, 0).await;
        let record = token(text, &lease);
        committed(&*lab.one, &account, &lease, &record).await;
        same(&loaded(&*lab.other, &account).await, &record, "a new record replaces the old one");
        let (lease, seen) = granted(&*lab.other, &account, LONG, 0).await;
        same(&seen, &record, "who is granted a lease sees the record (rule 3)");
        abandoned(&*lab.other, &account, &lease, None).await;
        same(&loaded(&*lab.one, &account).await, &record, "who abandons a lease leaves the record as it is");
    }
}

async fn accounts_do_not_touch_each_other(lab: &Lab) {
    let (mine, yours) = (account(), account());
    let (my_lease, _) = granted(&*lab.one, &mine, LONG, 1000).await;
    let (your_lease, _) = granted(&*lab.one, &yours, LONG, 0).await;
    let (my_record, your_record) = (token("mine", &my_lease), token("yours", &your_lease));
    committed(&*lab.one, &mine, &my_lease, &my_record).await;
    let seen = loaded(&*lab.other, &yours).await;
    rule(seen.record.is_none() && seen.leased.is_some(), "a commit to one account does nothing to another");
    committed(&*lab.one, &yours, &your_lease, &your_record).await;
    same(&loaded(&*lab.other, &mine).await, &my_record, "two accounts have two records");
    same(&loaded(&*lab.other, &yours).await, &your_record, "two accounts have two records");
}
