//! The built-in client over TLS.

use std::time::Duration;

use tower_wechat::{ErrorKind, issuer::Issuer, testing::FakeWeChat};

use crate::issuer_client::{
    classic,
    ends::{Authority, silent},
    failure, issuers, mint,
};

#[tokio::test]
async fn a_server_with_a_certificate_of_ones_own_needs_its_root() {
    let (wechat, ours, theirs) = (FakeWeChat::start().await, Authority::new(), Authority::new());
    let base = ours.serve(&wechat).await;

    let (stable, classic, wecom) = issuers(&base);
    for issuer in [&stable as &dyn Issuer, &classic, &wecom] {
        let error = failure(issuer).await;
        assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Token, false), "{error}");
        assert!(error.is_of_this_host(), "{error}");
        let text = error.to_string();
        for says in ["certificate of an unknown issuer", "root_certificates_pem", "http_client"] {
            assert!(text.contains(says), "{says}: {text}");
        }
    }
    // A namesake: rcgen gives all authorities one name.
    let stranger = issuers(&base).0.root_certificates_pem(&theirs.pem()).unwrap();
    assert!(failure(&stranger).await.to_string().contains("unknown issuer"));
    assert_eq!(wechat.token_requests(), 0, "nothing was sent");

    let (stable, classic, wecom) = issuers(&base);
    let (stable, classic, wecom) = (
        stable.root_certificates_pem(&ours.pem()).unwrap(),
        classic.root_certificates_pem(&ours.pem()).unwrap(),
        wecom.root_certificates_pem(&[ours.pem(), theirs.pem()].concat()).unwrap(),
    );
    for issuer in [&stable as &dyn Issuer, &classic, &wecom] {
        mint(issuer).await.unwrap();
    }
    let both = issuers(&base).0.root_certificates_pem(&ours.pem()).unwrap();
    let both = both.root_certificates_pem(&theirs.pem()).unwrap();
    mint(&both).await.expect("the first roots stay");
    assert_eq!(wechat.token_requests(), 4);

    failure(&issuers(&base).0).await; // other issuers do not have them
}

#[tokio::test]
async fn a_certificate_for_another_name_is_no_unknown_issuer() {
    let (wechat, ours) = (FakeWeChat::start().await, Authority::new());
    let base = ours.serve(&wechat).await.replace("localhost", "127.0.0.1");
    let error = failure(&classic(&base).root_certificates_pem(&ours.pem()).unwrap()).await;
    assert!(
        error.to_string().contains("certificate") && !error.to_string().contains("unknown issuer"),
        "{error}"
    );
    assert!(error.is_of_this_host(), "{error}");
}

#[test]
fn a_text_without_a_certificate_is_refused() {
    let error = issuers("https://localhost").0.root_certificates_pem(b"SENTINEL").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(
        error.to_string().contains("BEGIN CERTIFICATE") && !error.to_string().contains("SENTINEL"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_shakes_hands_is_asked_twice_for_three_seconds() {
    let issuer = classic(&format!("https://{}", silent().await));
    let mut error = std::pin::pin!(failure(&issuer));
    let early = tokio::time::timeout(Duration::from_millis(5900), &mut error).await;
    assert!(early.is_err(), "given up too early");
    let error = tokio::time::timeout(Duration::from_secs(2), error).await.expect("given up in time");
    let text = error.to_string();
    assert!(text.contains("asked once more") && text.contains("no connection within 3 s"), "{text}");
    assert!(error.is_transient() && !error.is_of_this_host(), "{error:?}");
}
