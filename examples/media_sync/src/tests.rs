//! Whole runs against a fake WeChat.

use std::{fs, time::Duration};

use account::Account;
use fake_wechat::{Answer, FakeWeChat, Fault};
use tempfile::TempDir;

use crate::{
    options::Job,
    pictures::{LARGEST, Pictures},
    report::Report,
    sync,
};

struct Studio {
    account: Account,
    folder: TempDir,
    job: Job,
}

impl Studio {
    async fn new(pictures: usize) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let mut job = Job::new(folder.path().join("pictures"));
        job.pause = Duration::from_millis(1);
        fs::create_dir(&job.pictures).unwrap();
        let account = Account::wechat().await.unwrap();
        assert_eq!(account.id, FakeWeChat::APP_ID, "unset WECHAT_APP_ID");
        let studio = Self { account, folder, job };
        for number in 0..pictures {
            studio.paint(&format!("{number}.png"), 1000 * (number + 1));
        }
        studio
    }

    fn paint(&self, name: &str, bytes: usize) {
        let mut content = b"\x89PNG\r\n\x1a\n".to_vec();
        content.extend(name.bytes().cycle().take(bytes - 8));
        fs::write(self.job.pictures.join(name), content).unwrap();
    }

    fn wechat(&self) -> &FakeWeChat {
        self.account.fake().unwrap()
    }

    async fn run(&self) -> Report {
        sync::run(&self.job, &self.account).await.unwrap()
    }

    /// Why it does not begin.
    async fn refusal(&self) -> String {
        let before = self.wechat().api_requests();
        let refusal = sync::run(&self.job, &self.account).await.unwrap_err().to_string();
        assert_eq!(self.wechat().api_requests(), before, "{refusal}");
        refusal
    }

    async fn run_one_by_one(&self) -> Report {
        sync::run(&Job { concurrency: 1, ..self.job.clone() }, &self.account).await.unwrap()
    }
}

fn said<T>(list: &[(String, T)]) -> Vec<(&str, String)>
where
    T: std::fmt::Display,
{
    list.iter().map(|(name, what)| (&**name, what.to_string())).collect()
}

#[tokio::test]
async fn uploads_what_is_new_or_changed() {
    let studio = Studio::new(3).await;
    let report = studio.run().await;
    assert_eq!((report.uploaded, report.kept, report.equal, report.is_good()), (3, 0, 3, true));
    let report = studio.run().await;
    assert_eq!((report.uploaded, report.kept, report.equal), (0, 3, 3));

    // Another app knows nothing of it.
    let manifest = fs::read_to_string(studio.job.manifest()).unwrap();
    fs::write(studio.job.manifest(), manifest.replace(FakeWeChat::APP_ID, "wx1")).unwrap();
    assert_eq!(studio.run().await.uploaded, 3);

    studio.paint("1.png", 50_000);
    studio.paint("new.png", 10);
    let report = studio.run().await;
    assert_eq!((report.uploaded, report.kept, report.equal), (2, 2, 4));
    assert!(Pictures::find(&studio.job.into, &studio.job.manifest()).unwrap().left_out.is_empty());
}

#[tokio::test]
async fn the_largest_pictures_are_sent_again_when_the_token_was_rejected() {
    let studio = Studio::new(0).await;
    for name in ["a.png", "b.png", "c.png", "d.png"] {
        studio.paint(name, usize::try_from(LARGEST).unwrap());
    }
    let hold = studio.wechat().hold_apis();
    let (report, ()) = tokio::join!(studio.run(), async {
        studio.wechat().wait_for_api_requests(4).await;
        studio.wechat().revoke();
        hold.release();
    });
    assert_eq!((report.uploaded, report.healed), (4, 4));
    let seen = studio.wechat().seen();
    let uploads = seen.iter().filter(|seen| seen.path == "/cgi-bin/media/upload");
    let mut bodies: Vec<_> = uploads.map(|seen| (&seen.body_sha256, seen.content_length())).collect();
    bodies.sort();
    assert_eq!(bodies.len(), 8);
    assert!(bodies.chunks(2).all(|twice| twice[0] == twice[1] && twice[0].1 > Some(LARGEST)), "{bodies:?}");
}

#[tokio::test]
async fn an_error_in_place_of_a_picture_is_no_picture() {
    let studio = Studio::new(3).await;
    assert!(studio.run().await.is_good());
    fs::remove_dir_all(&studio.job.into).unwrap();

    studio.wechat().fail_next_apis(1, Fault::Errcode(40007));
    let report = studio.run_one_by_one().await;
    assert_eq!(said(&report.not_downloaded), [("0.png", "WeChat says 40007: it is not there".to_owned())]);
    assert_eq!(report.equal, 2);
    assert!(!studio.job.into.join("0.png").exists());
    let seen = studio.wechat().seen();
    assert!(seen.iter().any(|seen| seen.errcode == Some(40007)));

    let report = studio.run().await;
    assert_eq!((report.uploaded, report.equal), (1, 3));
}

#[tokio::test]
async fn a_download_that_breaks_off_is_tried_again_and_leaves_no_picture() {
    let studio = Studio::new(2).await;
    assert!(studio.run().await.is_good());
    fs::remove_dir_all(&studio.job.into).unwrap();
    studio.wechat().fail_next_apis(1, Fault::CutOff);
    assert_eq!(studio.run_one_by_one().await.equal, 2);

    fs::remove_dir_all(&studio.job.into).unwrap();
    studio.wechat().fail_next_apis(4, Fault::CutOff);
    let report = studio.run_one_by_one().await;
    assert_eq!((report.equal, report.not_downloaded.len()), (0, 2));
    assert!(!studio.job.into.join("0.png").exists());
    assert_eq!(fs::read_dir(studio.job.into.join(".media_sync/part")).unwrap().count(), 0);
    assert!(report.to_string().ends_with("\n   Start it again: it goes on where it stopped."), "{report}");
}

/// What comes back may be another picture, and would then be the only one.
#[tokio::test]
async fn the_pictures_are_not_downloaded_over_themselves() {
    let studio = Studio::new(1).await;
    let into = studio.job.pictures.join("../pictures");
    let result = sync::run(&Job { into, ..studio.job.clone() }, &studio.account).await;
    assert!(result.is_err() && studio.wechat().api_requests() == 0);
}

/// A name goes into paths and onto a terminal.
#[cfg(unix)]
#[tokio::test]
async fn a_name_that_is_no_text_cannot_be_uploaded() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    let studio = Studio::new(1).await;
    let names: [&[u8]; 3] = [b"\x1b[2J.png", b"\xff.png", b"\xfe.png"];
    for name in names {
        fs::write(studio.job.pictures.join(OsStr::from_bytes(name)), b"\x89PNG\r\n\x1a\n...").unwrap();
    }
    let report = studio.run().await;
    assert_eq!((report.uploaded, report.equal, report.unfit.len()), (1, 1, 3));
    assert!(!report.is_good());
    assert!(!report.to_string().contains('\x1b'), "{report}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_download_is_not_written_where_a_link_leads() {
    use std::os::unix::fs::symlink;

    let studio = Studio::new(1).await;
    let precious = studio.folder.path().join("precious");
    fs::write(&precious, "precious").unwrap();
    fs::create_dir_all(studio.job.into.join(".media_sync/part")).unwrap();
    for name in [".media_sync/part/0.png", "0.png"] {
        symlink(&precious, studio.job.into.join(name)).unwrap();
    }
    symlink(&precious, studio.job.pictures.join(".media_ids.part")).unwrap();
    assert!(studio.refusal().await.contains("0.png: is there already"));
    fs::remove_file(studio.job.into.join("0.png")).unwrap();
    let report = studio.run().await;
    assert_eq!((report.equal, report.is_good()), (1, true));
    assert_eq!(fs::read_to_string(precious).unwrap(), "precious");
}

#[tokio::test]
async fn a_file_that_is_no_download_is_not_replaced() {
    let studio = Studio::new(2).await;
    fs::create_dir(&studio.job.into).unwrap();
    let mine = studio.job.into.join("1.png");
    fs::write(&mine, "precious").unwrap();
    let refusal = studio.refusal().await;
    assert!(refusal.contains("1.png: is there already") && refusal.contains("--into"), "{refusal}");
    assert_eq!(fs::read_to_string(&mine).unwrap(), "precious");

    fs::remove_file(&mine).unwrap();
    assert!(studio.run().await.is_good());
    // A download of an earlier run is replaced when the picture has changed.
    studio.paint("1.png", 5000);
    assert!(studio.run().await.is_good());

    // It came while the upload was under way.
    studio.paint("1.png", 6000);
    let hold = studio.wechat().hold_apis();
    let before = studio.wechat().api_requests();
    let (report, ()) = tokio::join!(studio.run(), async {
        studio.wechat().wait_for_api_requests(before + 1).await;
        fs::write(&mine, "precious").unwrap();
        hold.release();
    });
    assert_eq!((report.uploaded, report.equal), (1, 1));
    let (name, why) = &said(&report.not_downloaded)[0];
    assert!(*name == "1.png" && why.starts_with("is there already"), "{why}");
    assert_eq!(fs::read_to_string(mine).unwrap(), "precious");
}

#[tokio::test]
async fn where_nothing_can_be_written_nothing_is_uploaded() {
    let mut studio = Studio::new(1).await;
    let file = studio.folder.path().join("file");
    fs::write(&file, "").unwrap();
    studio.job.into = file.join("x");
    let refusal = studio.refusal().await;
    assert!(refusal.contains("file/x: ") && refusal.ends_with("Nothing has been uploaded."), "{refusal}");
}

#[tokio::test]
async fn a_second_run_is_refused() {
    let studio = Studio::new(1).await;
    let hold = studio.wechat().hold_apis();
    let (report, ()) = tokio::join!(studio.run(), async {
        studio.wechat().wait_for_api_requests(1).await;
        let second = sync::run(&studio.job, &studio.account).await.unwrap_err();
        assert!(second.to_string().contains("another run of media_sync"), "{second}");
        let elsewhere = Studio::new(1).await;
        let job = Job { into: studio.job.into.clone(), ..elsewhere.job.clone() };
        let second = sync::run(&job, &elsewhere.account).await.unwrap_err();
        assert!(second.to_string().contains("another run of media_sync"), "{second}");
        hold.release();
    });
    assert!(report.is_good());
    assert_eq!(studio.wechat().api_requests(), 2);
    // The lock ends with the run.
    assert!(studio.run().await.is_good());
}

/// The list cannot be written any more. Uploads that are under way come to their ends, and are reported.
#[tokio::test]
async fn a_list_that_cannot_be_written_ends_the_run_with_a_report() {
    let studio = Studio::new(6).await;
    let hold = studio.wechat().hold_apis();
    let (report, ()) = tokio::join!(studio.run(), async {
        studio.wechat().wait_for_api_requests(4).await;
        fs::remove_file(studio.job.manifest()).unwrap();
        fs::create_dir(studio.job.manifest()).unwrap();
        hold.release();
    });
    assert_eq!((report.uploaded, report.not_uploaded.len()), (4, 2));
    assert!(!report.is_good());
    let text = report.to_string();
    assert!(text.contains("The list of what is at WeChat lacks something: "), "{text}");
    assert!(!text.contains("What is at WeChat: "), "{text}");
}

#[tokio::test]
async fn a_time_that_makes_no_sense_does_not_lose_the_picture() {
    for created_at in ["1764400000000", "18446744073709551615", "-1", "1e300", "\"soon\"", "null"] {
        let studio = Studio::new(1).await;
        let answer = format!(r#"{{"type":"image","media_id":"m&1","created_at":{created_at}}}"#);
        studio.wechat().set_answer("/cgi-bin/media/upload", Answer::json(answer));
        let report = studio.run().await;
        assert_eq!(report.uploaded, 1, "{created_at}: {report}");
        let list = fs::read_to_string(studio.job.manifest()).unwrap();
        assert!(list.contains("m&1"), "{list}");
        let seen = studio.wechat().seen();
        assert!(seen.iter().any(|seen| seen.query.contains("media_id=m%261&")), "{seen:?}");
        assert_eq!(studio.run().await.kept, 1);
    }
}

#[tokio::test]
async fn what_cannot_go_up_is_not_good_and_the_others_go() {
    let studio = Studio::new(2).await;
    studio.paint("large.png", usize::try_from(LARGEST).unwrap() + 1);
    fs::create_dir(studio.job.pictures.join("more")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("loop.png", studio.job.pictures.join("loop.png")).unwrap();
    let report = studio.run().await;
    assert_eq!((report.uploaded, report.equal), (2, 2));
    assert_eq!((report.went_well(), report.is_good()), (true, false));
    let text = report.to_string();
    assert!(text.contains("      more: a folder, which is not looked into\n"), "{text}");
    assert!(text.contains("   cannot be uploaded  "), "{text}");
    #[cfg(unix)]
    assert!(text.contains("      loop.png: cannot be read: "), "{text}");
}

#[tokio::test]
async fn says_from_where_on_a_picture_is_another_one() {
    let studio = Studio::new(1).await;
    let content = fs::read(studio.job.pictures.join("0.png")).unwrap();
    studio.wechat().set_answer("/cgi-bin/media/get", Answer::default().body(content[..700].to_vec()));
    let report = studio.run().await;
    assert_eq!(said(&report.different), [("0.png", "700".to_owned())]);
    assert!(!report.is_good());
}

#[tokio::test]
async fn one_refused_picture_does_not_stop_the_others_and_a_spent_quota_does() {
    let studio = Studio::new(4).await;
    studio.wechat().fail_next_apis(1, Fault::Errcode(40009));
    let report = studio.run_one_by_one().await;
    assert_eq!(said(&report.not_uploaded)[0].0, "0.png");
    assert_eq!((report.uploaded, report.equal), (3, 3), "{:?}", report.not_uploaded);

    let studio = Studio::new(4).await;
    studio.wechat().fail_next_apis(1, Fault::ExpiresIn(0)); // no fault for an API
    studio.wechat().fail_next_apis(1, Fault::Errcode(45009));
    let report = studio.run_one_by_one().await;
    assert_eq!(report.uploaded, 1);
    let failures = said(&report.not_uploaded);
    assert!(failures[0].1.contains("errcode 45009"), "{failures:?}");
    assert!(failures[1..].iter().all(|(_, why)| why.starts_with("not tried")), "{failures:?}");
    // One for the picture that is there: its download. It has a quota of its own.
    assert_eq!(studio.wechat().api_requests(), 3);
    assert!(studio.folder.path().join("pictures.downloaded/0.png").exists());
    let text = report.to_string();
    assert!(text.contains("\n      2 pictures: not tried, "), "{text}");
    assert!(text.ends_with("\n   See to that, and start it again: it goes on where it stopped."), "{text}");
}

#[tokio::test]
async fn a_spent_quota_ends_the_downloads() {
    let studio = Studio::new(4).await;
    assert!(studio.run().await.is_good());
    fs::remove_dir_all(&studio.job.into).unwrap();
    let before = studio.wechat().api_requests();
    studio.wechat().fail_apis(Fault::Errcode(45009));
    let report = studio.run_one_by_one().await;
    assert_eq!((report.equal, report.not_downloaded.len()), (0, 4));
    assert_eq!(studio.wechat().api_requests(), before + 1);
}

#[tokio::test]
async fn a_hiccup_does_not_stop_anything() {
    for fault in [Fault::Busy, Fault::Http(502), Fault::Reset, Fault::Lost, Fault::CutOff, Fault::Garbage] {
        let studio = Studio::new(12).await;
        studio.wechat().fail_next_apis(3, fault.clone());
        let report = studio.run().await;
        assert_eq!((report.uploaded, report.equal), (12, 12), "{fault:?}: {report}");
        assert!(report.is_good());
    }
}

#[tokio::test]
async fn a_platform_that_stays_busy_ends_it_with_the_way_out() {
    let studio = Studio::new(12).await;
    studio.wechat().fail_apis(Fault::Busy);
    let report = studio.run().await;
    assert_eq!((report.uploaded, report.not_uploaded.len()), (0, 12));
    assert!(studio.wechat().api_requests() <= 16);
    let text = report.to_string();
    assert_eq!(text.matches("errcode -1").count(), 1, "{text}");
    assert!(text.ends_with("\n   Start it again: it goes on where it stopped."), "{text}");

    studio.wechat().heal();
    assert!(studio.run().await.is_good());
}

#[tokio::test]
async fn a_wrong_secret_is_said_once() {
    let mut studio = Studio::new(12).await;
    assert!(studio.run().await.is_good());
    for name in 0..6 {
        studio.paint(&format!("{name}.png"), 77);
    }
    "wrong".clone_into(&mut studio.account.secret);
    let before = studio.wechat().api_requests();
    let report = studio.run().await;
    assert_eq!((report.not_uploaded.len(), report.not_downloaded.len()), (6, 6));
    assert_eq!(studio.wechat().api_requests(), before);
    let text = report.to_string();
    assert_eq!(text.matches("no access_token").count(), 1, "{text}");
    assert!(text.ends_with("\n   See to that, and start it again: it goes on where it stopped."), "{text}");
}

/// `error sending request` alone is of no use.
#[tokio::test]
async fn says_why_there_was_no_answer_and_shows_no_token() {
    let studio = Studio::new(1).await;
    studio.wechat().fail_apis(Fault::Reset);
    let report = studio.run().await;
    let why = &said(&report.not_uploaded)[0].1;
    assert!(why.contains("error sending request: ") && why.to_lowercase().contains("connection"), "{why}");
    assert!(!why.contains("access_token") && !why.contains("http://"), "{why}");
}
