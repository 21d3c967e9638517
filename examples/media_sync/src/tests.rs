//! Whole runs against a fake WeChat.

use std::fs;

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
        let job = Job::new(folder.path().join("pictures"));
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
async fn a_download_that_breaks_off_leaves_no_picture() {
    let studio = Studio::new(2).await;
    assert!(studio.run().await.is_good());
    fs::remove_dir_all(&studio.job.into).unwrap();
    studio.wechat().fail_next_apis(1, Fault::CutOff);
    let report = studio.run_one_by_one().await;
    assert_eq!((report.equal, report.not_downloaded.len()), (1, 1));
    assert!(!studio.job.into.join("0.png").exists());
    assert!(studio.job.into.join("1.png").exists());
    assert_eq!(fs::read_dir(&studio.job.into).unwrap().count(), 1, "a part of it is left");
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
async fn a_name_that_is_no_text_is_left_out() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    let studio = Studio::new(1).await;
    let names: [&[u8]; 3] = [b"\x1b[2J.png", b"\xff.png", b"\xfe.png"];
    for name in names {
        fs::write(studio.job.pictures.join(OsStr::from_bytes(name)), b"\x89PNG\r\n\x1a\n...").unwrap();
    }
    let report = studio.run().await;
    assert_eq!((report.uploaded, report.equal, report.left_out.len()), (1, 1, 3));
    assert!(!report.to_string().contains('\x1b'), "{report}");
}

#[tokio::test]
async fn a_download_is_not_written_where_a_link_leads() {
    let studio = Studio::new(1).await;
    studio.paint("0.png.part", 700);
    let precious = studio.folder.path().join("precious");
    fs::write(&precious, "precious").unwrap();
    fs::create_dir(&studio.job.into).unwrap();
    #[cfg(unix)]
    for name in ["0.png", "0.png.part", ".0.png.part"] {
        std::os::unix::fs::symlink(&precious, studio.job.into.join(name)).unwrap();
    }
    let report = studio.run().await;
    assert_eq!((report.equal, report.is_good()), (2, true));
    assert_eq!(fs::read_to_string(precious).unwrap(), "precious");
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
    assert!(failures[0].1.starts_with("WeChat says 45009"), "{failures:?}");
    assert_eq!((&*failures[1].1, &*failures[2].1), ("not tried", "not tried"));
    // One for the picture that is there: its download.
    assert_eq!(studio.wechat().api_requests(), 3);
    assert!(studio.folder.path().join("pictures.downloaded/0.png").exists());
}
