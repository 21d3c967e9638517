//! Nothing of a whole run shows a token or the client secret.

use tower_wechat::issuer::{Issuer, Mint};

use super::{SECRET, unix, warm};
use crate::support::events::Events;

#[tokio::test]
async fn no_event_of_whichever_crate_shows_a_token_or_the_secret() {
    let (events, _guard) = Events::catch();
    let (_folder, mut hub, issuer) = unix();
    let quoting = format!(r#"{{"detail":"{SECRET} and SENTINEL-1"}}"#);
    let refusing = async { hub.ask().await.problem("503 Service Unavailable", &quoting).await };
    let (refused, ()) = tokio::join!(issuer.mint(Mint::normal()), refusing);
    assert!(!format!("{refused:?}").contains("SENTINEL"));

    let (cache, poll) = warm(issuer, &mut hub).await;
    let first = cache.current().unwrap();
    poll.tell("SENTINEL-2", 2).await;
    let second = cache.newer_than(first.generation()).await;
    let refreshing = async {
        let mut kept = Vec::new();
        loop {
            let question = hub.ask().await;
            if question.line().starts_with("POST") {
                break question.tell("SENTINEL-3", 3).await;
            }
            kept.push(question);
        }
    };
    let (third, ()) = tokio::join!(cache.refresh(&second), refreshing);
    let third = third.unwrap();
    assert_eq!(third.as_str(), "SENTINEL-3");
    let failing = async { hub.ask().await.problem("401 Unauthorized", &quoting).await };
    let (error, ()) = tokio::join!(cache.refresh(&third), failing);
    let error = error.unwrap_err();
    cache.shutdown().await;

    let shown = format!("{error} {error:?} {cache:?} {third:?}");
    assert!(!shown.contains("SENTINEL"), "{shown}");
    let lines = events.0.lock().unwrap();
    assert!(lines.iter().any(|line| line.target.starts_with("tower_wechat")));
    for line in lines.iter() {
        assert!(!format!("{line:?}").contains("SENTINEL"), "{line:?}");
    }
}
