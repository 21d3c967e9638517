//! Whole runs against a fake WeChat.

use std::{collections::BTreeMap, fs, io::Write, time::Duration};

use account::Account;
use fake_wechat::{Answer, FakeWeChat, Fault};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    control::Control,
    options::Job,
    run::{self, Ran},
};

const APP: &str = FakeWeChat::APP_ID;

struct Office {
    account: Account,
    _folder: TempDir,
    job: Job,
}

impl Office {
    async fn new(recipients: usize) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let (csv, message) = (folder.path().join("r.csv"), folder.path().join("m.json"));
        let lines: Vec<_> = (0..recipients).map(|number| format!("o{number},n")).collect();
        fs::write(&csv, format!("openid,name\n{}\n", lines.join("\n"))).unwrap();
        fs::write(&message, r#"{"template_id":"t","data":{"thing1":{"value":"{name}"}}}"#).unwrap();
        let mut job = Job::new(csv, message);
        job.first_pause = Duration::from_millis(1);
        job.concurrency = 4;
        let account = Account::wechat().await.unwrap();
        let office = Self { account, _folder: folder, job };
        assert_eq!(office.account.id, APP, "unset WECHAT_APP_ID");
        office
    }

    fn wechat(&self) -> &FakeWeChat {
        self.account.fake().unwrap()
    }

    async fn run(&self) -> Ran {
        self.try_run().await.unwrap()
    }

    async fn try_run(&self) -> Result<Ran, String> {
        let ran = run::run(&self.job, &self.account, &Control::silent()).await;
        ran.map_err(|error| error.to_string())
    }

    /// How often each open id got the message.
    fn delivered(&self) -> BTreeMap<String, usize> {
        let mut delivered = BTreeMap::new();
        for seen in self.wechat().seen().iter().filter(|seen| seen.errcode.is_none_or(|code| code == 0)) {
            *delivered.entry(touser(&seen.body)).or_default() += 1;
        }
        delivered
    }

    fn everybody_got_one(&self, recipients: usize) -> bool {
        let delivered = self.delivered();
        delivered.len() == recipients && delivered.values().all(|count| *count == 1)
    }
}

fn touser(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap();
    body["touser"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_daily_quota_stops_it_and_the_next_run_sends_nobody_twice() {
    let office = Office::new(100).await;
    office.wechat().fail_next_apis(60, Fault::ExpiresIn(0));
    office.wechat().fail_apis(Fault::Errcode(45009));
    let ran = office.run().await;
    assert!(!ran.is_complete);
    assert_eq!((ran.report.sent, ran.report.left, ran.report.unknown), (60, 40, 0));

    office.wechat().heal();
    let ran = office.run().await;
    assert!(ran.is_complete);
    assert_eq!(ran.report.sent, 100);
    assert!(office.everybody_got_one(100), "{:?}", office.delivered());
}

#[tokio::test]
async fn what_has_no_answer_is_not_sent_again_unless_asked_for() {
    let mut office = Office::new(10).await;
    office.wechat().fail_next_apis(2, Fault::Lost);
    office.wechat().fail_next_apis(1, Fault::CutOff);
    let ran = office.run().await;
    assert_eq!((ran.report.sent, ran.report.unknown), (7, 3));
    assert!(ran.is_complete);

    assert_eq!(office.run().await.report.unknown, 3);
    assert!(office.everybody_got_one(10));

    office.job.retry_unknown = true;
    let ran = office.run().await;
    assert_eq!((ran.report.sent, ran.report.unknown), (10, 0));
    assert_eq!(office.delivered().values().sum::<usize>(), 13);
}

#[tokio::test]
async fn refusals_are_counted_by_code_and_written_down() {
    let office = Office::new(10).await;
    office.wechat().set_answer(
        "/cgi-bin/message/template/send",
        Answer::json(r#"{"errcode":0,"errmsg":"ok","msgid":200228332}"#),
    );
    office.wechat().fail_next_apis(2, Fault::Errcode(43004));
    office.wechat().fail_next_apis(1, Fault::Errcode(40003));
    let ran = office.run().await;
    assert_eq!(ran.report.refused, BTreeMap::from([(40003, 1), (43004, 2)]));
    assert_eq!(office.run().await.report.refused, ran.report.refused, "they are not tried again");

    let report = fs::read_to_string(&office.job.report).unwrap();
    assert_eq!(report.lines().count(), 11);
    assert_eq!(report.matches(",sent,,,200228332").count(), 7);
    assert_eq!(report.matches(",refused,43004,the user does not follow the account,").count(), 2);
}

#[tokio::test]
async fn busy_is_unknown_and_too_fast_is_sent_later() {
    let office = Office::new(40).await;
    office.wechat().fail_next_apis(3, Fault::Errcode(45011));
    office.wechat().fail_next_apis(1, Fault::Busy);
    let ran = office.run().await;
    assert_eq!((ran.report.sent, ran.report.unknown), (39, 1));
    assert!(office.everybody_got_one(39));
}

#[tokio::test]
async fn a_revoked_token_is_not_seen_in_the_result() {
    let office = Office::new(40).await;
    assert!(office.try_run().await.unwrap().is_complete);
    fs::remove_file(&office.job.journal).unwrap();
    office.wechat().clear_seen();

    let hold = office.wechat().hold_apis();
    let (ran, ()) = tokio::join!(office.run(), async {
        office.wechat().wait_for_api_requests(44).await;
        office.wechat().revoke();
        hold.release();
    });
    assert_eq!((ran.report.sent, ran.report.healed), (40, 4));
    assert!(office.everybody_got_one(40));
}

#[tokio::test]
async fn a_message_that_nobody_can_get_is_not_offered_to_all() {
    let office = Office::new(100).await;
    office.wechat().fail_apis(Fault::Errcode(40037));
    let ran = office.run().await;
    assert!(!ran.is_complete);
    assert!(office.wechat().api_requests() < 30, "{}", office.wechat().api_requests());

    let office = Office::new(100).await;
    office.wechat().fail_apis(Fault::Errcode(48001));
    assert_eq!(office.run().await.report.left, 100);
    assert!(office.wechat().api_requests() <= 4);
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_and_nothing_is_unknown() {
    let office = Office::new(20).await;
    office.wechat().fail_tokens(Fault::Errcode(40164));
    let ran = office.run().await;
    assert!(!ran.is_complete);
    assert_eq!((ran.report.left, office.wechat().api_requests()), (20, 0));
}

#[tokio::test]
async fn answers_that_are_not_wechats_stop_it_before_all_are_unknown() {
    let office = Office::new(200).await;
    office.wechat().fail_apis(Fault::Http(502));
    let ran = office.run().await;
    assert!(!ran.is_complete);
    assert!(ran.report.unknown < 60, "{}", ran.report.unknown);
}

#[tokio::test]
async fn sends_without_answers_stop_it_before_all_are_unknown() {
    for fault in [Fault::Reset, Fault::Lost, Fault::CutOff] {
        let office = Office::new(200).await;
        office.wechat().fail_apis(fault.clone());
        let ran = office.run().await;
        assert!(!ran.is_complete, "{fault:?}");
        // Those that were under way at first, and then one after each pause.
        assert!(ran.report.unknown <= 4 + 8, "{fault:?}: {}", ran.report.unknown);

        office.wechat().heal();
        let ran = office.run().await;
        assert!(ran.is_complete && ran.report.sent + ran.report.unknown == 200, "{:?}", ran.report);
    }
}

#[tokio::test]
async fn refusals_of_an_earlier_run_are_not_counted_again() {
    let office = Office::new(200).await;
    office.wechat().fail_next_apis(1, Fault::ExpiresIn(0)); // no fault for an API
    office.wechat().fail_next_apis(30, Fault::Errcode(43004));
    office.wechat().fail_apis(Fault::Errcode(45009));
    let ran = Job { concurrency: 1, ..office.job.clone() };
    let ran = run::run(&ran, &office.account, &Control::silent()).await.unwrap();
    assert_eq!((ran.report.sent, ran.report.left), (1, 169));

    office.wechat().heal();
    office.wechat().fail_apis(Fault::Errcode(40037));
    let ran = office.run().await;
    assert!(!ran.is_complete && ran.report.left > 100, "{:?}", ran.report);
}

#[tokio::test]
async fn a_template_that_is_deleted_in_the_middle_stops_it() {
    let office = Office::new(200).await;
    office.wechat().fail_next_apis(20, Fault::ExpiresIn(0)); // no fault for an API
    office.wechat().fail_apis(Fault::Errcode(40037));
    let ran = office.run().await;
    assert!(!ran.is_complete && ran.report.left > 100, "{:?}", ran.report);

    // Many who do not follow any more are no reason to stop.
    let office = Office::new(200).await;
    office.wechat().fail_next_apis(20, Fault::ExpiresIn(0));
    office.wechat().fail_next_apis(100, Fault::Errcode(43004));
    assert!(office.run().await.is_complete);
}

/// What the plan says is true: the same command goes on with them.
#[tokio::test]
async fn refusals_that_are_not_the_recipients_are_tried_again() {
    let office = Office::new(100).await;
    office.wechat().fail_next_apis(49, Fault::ExpiresIn(0)); // no fault for an API
    office.wechat().fail_apis(Fault::Errcode(47003));
    let ran = office.run().await;
    assert!(!ran.is_complete);
    assert_eq!((ran.report.sent, ran.report.left), (49, 51));
    assert_eq!(ran.report.refused, BTreeMap::new());
    assert!((20..24).contains(&ran.report.left_refused[&47003]), "{:?}", ran.report);
    let report = fs::read_to_string(&office.job.report).unwrap();
    assert!(report.contains(",left,47003,\"a value does not fit its field"), "{report}");

    office.wechat().heal();
    let ran = office.run().await;
    assert!(ran.is_complete);
    assert_eq!((ran.report.sent, ran.report.left), (100, 0));
    assert!(office.everybody_got_one(100));
}

#[tokio::test]
async fn a_few_that_are_refused_are_left_and_come_last_the_next_time() {
    let office = Office::new(100).await;
    office.wechat().fail_next_apis(3, Fault::Errcode(40037));
    office.wechat().fail_next_apis(30, Fault::ExpiresIn(0)); // no fault for an API
    office.wechat().fail_apis(Fault::Errcode(45009));
    let one = Job { concurrency: 1, ..office.job.clone() };
    let run = async || run::run(&one, &office.account, &Control::silent()).await.unwrap();
    assert_eq!(run().await.report.left, 70);

    office.wechat().heal();
    office.wechat().clear_seen();
    let ran = run().await;
    assert!(ran.is_complete && ran.report.sent == 100, "{:?}", ran.report);
    let last: Vec<_> = office.wechat().seen().iter().rev().take(3).map(|seen| touser(&seen.body)).collect();
    assert_eq!(last, ["o2", "o1", "o0"]);

    // All have been tried: nobody is tried twice in one run.
    let office = Office::new(100).await;
    office.wechat().fail_next_apis(3, Fault::Errcode(40037));
    let ran = office.run().await;
    assert!(!ran.is_complete);
    assert_eq!((ran.report.sent, ran.report.left, office.wechat().api_requests()), (97, 3, 100));
}

/// Whoever mistypes a name must not lose a file by it.
#[tokio::test]
async fn files_that_are_not_its_own_are_left_as_they_are() {
    let office = Office::new(3).await;
    let (csv, message) = (office.job.recipients.clone(), office.job.message.clone());
    fs::write(&csv, "openid,name\no1,a\no2,b").unwrap();
    let before = (fs::read(&csv).unwrap(), fs::read(&message).unwrap());
    for job in [
        Job { journal: csv.clone(), ..office.job.clone() },
        Job { journal: message.clone(), ..office.job.clone() },
        Job { report: csv.clone(), ..office.job.clone() },
        Job { report: message.clone(), ..office.job.clone() },
        Job { report: office.job.journal.clone(), ..office.job.clone() },
    ] {
        assert!(run::run(&job, &office.account, &Control::silent()).await.is_err(), "{job:?}");
        assert_eq!((fs::read(&csv).unwrap(), fs::read(&message).unwrap()), before, "{job:?}");
    }
    assert_eq!(office.wechat().api_requests(), 0);
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_reads_who_has_been_sent_to() {
    use std::os::unix::fs::PermissionsExt;

    let office = Office::new(3).await;
    office.run().await;
    for path in [&office.job.journal, &office.job.report] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o077, 0, "{}", path.display());
    }
}

#[tokio::test]
async fn a_report_that_cannot_be_written_is_noticed_before_anybody_is_sent_to() {
    let mut office = Office::new(3).await;
    let notes = office.job.recipients.with_file_name("notes.txt");
    fs::write(&notes, "Call Li Lei.\n").unwrap();
    for report in [&office.job.recipients.join("report.csv"), &notes, office.job.recipients.parent().unwrap()]
    {
        office.job.report = report.to_owned();
        let error = office.try_run().await.unwrap_err();
        assert!(error.contains(report.to_str().unwrap()), "{error}");
    }
    assert_eq!(fs::read_to_string(notes).unwrap(), "Call Li Lei.\n");
    assert_eq!(office.wechat().api_requests(), 0);
}

#[tokio::test]
async fn a_report_that_cannot_be_written_any_more_is_named_and_what_was_sent_is_known() {
    let mut office = Office::new(3).await;
    let folder = office.job.recipients.with_file_name("reports");
    fs::create_dir(&folder).unwrap();
    office.job.report = folder.join("report.csv");
    let hold = office.wechat().hold_apis();
    let (ran, ()) = tokio::join!(office.try_run(), async {
        office.wechat().wait_for_api_requests(3).await;
        fs::remove_dir_all(&folder).unwrap();
        hold.release();
    });
    assert!(ran.unwrap_err().contains("report.csv"));
    fs::create_dir(&folder).unwrap();
    assert_eq!(office.run().await.report.sent, 3);
    assert!(office.everybody_got_one(3));
}

/// Somebody may want it elsewhere than in a file.
#[cfg(unix)]
#[tokio::test]
async fn a_report_can_go_where_there_is_no_file() {
    let mut office = Office::new(3).await;
    office.job.report = "/dev/null".into();
    assert!(office.run().await.is_complete);
}

#[tokio::test]
async fn a_torn_first_line_is_no_obstacle() {
    let office = Office::new(3).await;
    fs::write(&office.job.journal, "bot_broadcast 1 app w").unwrap();
    assert!(office.run().await.is_complete);
}

#[tokio::test]
async fn a_torn_last_line_is_no_obstacle() {
    let office = Office::new(3).await;
    office.wechat().fail_next_apis(1, Fault::ExpiresIn(0));
    office.wechat().fail_apis(Fault::Errcode(45009));
    let one = Job { concurrency: 1, ..office.job.clone() };
    run::run(&one, &office.account, &Control::silent()).await.unwrap();
    let mut journal = fs::OpenOptions::new().append(true).open(&one.journal).unwrap();
    // The machine stopped between these two: o2 may have been sent to.
    journal.write_all(b"begun o2\nsent o").unwrap();

    office.wechat().heal();
    let ran = office.run().await;
    assert_eq!((ran.report.sent, ran.report.unknown), (2, 1));
    let lines = fs::read_to_string(&one.journal).unwrap();
    assert!(!lines.contains("sent o\n") && !lines.contains("sent obegun"), "{lines}");
}

/// What is behind the last call of fsync may be there in part, or as NUL bytes. Nothing that waited for it has gone out.
#[tokio::test]
async fn the_end_of_a_journal_that_did_not_get_to_disk_is_no_obstacle() {
    for end in
        ["\0\0\0\0\0", "begun o3\0\0", "\0\0\0o3\n", "begun o3\nse\0\0\0\0\0o1\n", "begun \u{fffd}\0\n"]
    {
        let office = Office::new(5).await;
        office.wechat().fail_next_apis(1, Fault::ExpiresIn(0)); // no fault for an API
        office.wechat().fail_apis(Fault::Errcode(45009));
        let one = Job { concurrency: 1, ..office.job.clone() };
        let run = async || run::run(&one, &office.account, &Control::silent()).await;
        run().await.unwrap();
        let before = fs::read(&one.journal).unwrap();
        let mut journal = fs::OpenOptions::new().append(true).open(&one.journal).unwrap();
        // This one was on disk before: o2 may have been sent to.
        journal.write_all(format!("begun o2\n{end}").as_bytes()).unwrap();

        office.wechat().heal();
        let ran = run().await.unwrap();
        let unknown = 1 + end.matches("begun o3\n").count();
        assert_eq!((ran.report.sent, ran.report.unknown), (5 - unknown, unknown), "{end:?}");
        let journal = fs::read(&one.journal).unwrap();
        assert!(journal.starts_with(&before) && !journal.contains(&0), "{end:?}");
        assert!(office.delivered().values().all(|count| *count == 1), "{end:?}");
    }
}

/// What is before a line that can be read was on disk once, and may have gone out.
#[tokio::test]
async fn a_hole_in_a_journal_is_named_with_a_way_out() {
    let office = Office::new(3).await;
    office.run().await;
    let journal = fs::read_to_string(&office.job.journal).unwrap();
    for hole in ["\0\0\0\0\0", "sent", "sent o1 x", "begun o\u{fffd}"] {
        let lines: Vec<_> = journal.lines().collect();
        let spoilt = format!("{}\n{}\n{hole}\n{}\n", lines[0], lines[1], lines[2..].join("\n"));
        fs::write(&office.job.journal, &spoilt).unwrap();
        let error = office.try_run().await.unwrap_err();
        assert!(error.contains("line 3 cannot be read") && error.contains("take the line out"), "{error}");
        assert_eq!(fs::read_to_string(&office.job.journal).unwrap(), spoilt, "{hole:?}");
    }
    // Bytes that are no text.
    fs::write(&office.job.journal, [journal.as_bytes(), b"begun \xff\n", b"begun o1\n"].concat()).unwrap();
    assert!(office.try_run().await.unwrap_err().contains("cannot be read"));
    assert!(office.everybody_got_one(3));
}

/// The first line is on disk before anybody is sent to.
#[tokio::test]
async fn a_first_line_of_nothing_but_nul_bytes_is_no_obstacle() {
    let office = Office::new(3).await;
    for first in ["\0\0\0\0", "bot_broadcast 1\0\0\0"] {
        fs::write(&office.job.journal, first).unwrap();
        assert!(office.run().await.is_complete);
    }
    // Another file, though.
    let other = vec![0; 100_000];
    fs::write(&office.job.journal, &other).unwrap();
    let error = office.try_run().await.unwrap_err();
    assert!(error.contains("this is no journal of bot_broadcast"), "{error}");
    assert_eq!(fs::read(&office.job.journal).unwrap(), other);
}

#[tokio::test]
async fn a_journal_is_of_one_message_and_one_app() {
    let office = Office::new(3).await;
    office.run().await;
    fs::write(&office.job.message, r#"{"template_id":"other","data":{}}"#).unwrap();
    let error = office.try_run().await.unwrap_err();
    assert!(error.contains("another message or app") && error.contains("--journal"), "{error}");

    fs::write(&office.job.journal, "openid,name\no1,a\n").unwrap();
    let error = office.try_run().await.unwrap_err();
    assert!(error.contains("this is no journal of bot_broadcast"), "{error}");
}
