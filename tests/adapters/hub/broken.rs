//! Hubs that are away, hang, break off or talk nonsense.

use std::{os::unix::fs::PermissionsExt, pin::pin, time::Duration};

use tower_wechat::{
    ErrorKind,
    issuer::{HubToken, Issuer, Mint},
};

use super::{APP, SECRET, during, failure, failure_of, mint, pass, tcp, text, unix};
use crate::support::hub::{Folder, Hub, told};

#[tokio::test]
async fn a_hub_that_is_not_there_is_an_error_with_a_remedy() {
    let folder = Folder::new();
    let issuer = HubToken::unix(folder.socket(), APP, SECRET);
    let absent = failure(&issuer).await;
    assert!(absent.to_string().contains("no such socket"), "{absent}");
    assert!(absent.to_string().contains(&format!("unix:{}", folder.socket().display())), "{absent}");

    drop(std::os::unix::net::UnixListener::bind(folder.socket()).unwrap());
    let dead = failure(&issuer).await;
    assert!(dead.to_string().contains("nobody listens"), "{dead}");

    let (hub, issuer) = tcp().await;
    drop(hub);
    tokio::task::yield_now().await;
    let refused = failure(&issuer).await;
    assert!(refused.to_string().contains("http://127.0.0.1:"), "{refused}");
    for error in [absent, dead, refused] {
        assert!(error.is_transient() && error.is_of_this_host(), "{error:?}");
    }
}

#[tokio::test]
async fn a_socket_that_this_user_may_not_open_is_an_error_with_a_remedy() {
    let (folder, mut hub, issuer) = unix();
    std::fs::set_permissions(folder.socket(), PermissionsExt::from_mode(0o000)).unwrap();
    if tokio::net::UnixStream::connect(folder.socket()).await.is_ok() {
        // Root may open every socket.
        assert!(hub.is_quiet());
        return;
    }
    let error = failure(&issuer).await;
    assert!(error.is_of_this_host() && error.to_string().contains("may not open the socket"), "{error}");
}

#[tokio::test]
async fn a_hub_whose_queue_is_full_is_waited_for() {
    let folder = Folder::new();
    let socket = socket_with_a_queue_of_one(&folder);
    let fill = [(); 8].map(|()| {
        let stream = tokio::net::UnixStream::connect(folder.socket());
        futures_util::FutureExt::now_or_never(stream)
    });
    assert!(fill.iter().flatten().any(Result::is_err), "the queue is full");
    let issuer = HubToken::unix(folder.socket(), APP, SECRET);
    let mut minting = pin!(issuer.mint(Mint::normal()));
    let early = tokio::time::timeout(Duration::from_millis(100), &mut minting).await;
    assert!(early.is_err(), "it is not given up at once");
    drop(fill);
    let (mut hub, connections) = {
        let (connections, hub) = Hub::memory();
        (hub, connections)
    };
    socket.set_nonblocking(true).unwrap();
    let listener = tokio::net::UnixListener::from_std(socket).unwrap();
    let accepting = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = connections.send(Box::new(stream));
        }
    });
    let answering = async { hub.ask().await.tell("first", 1).await };
    let (minted, ()) = tokio::join!(minting, answering);
    assert_eq!(text(minted.unwrap()).await, "first");
    accepting.abort();
}

fn socket_with_a_queue_of_one(folder: &Folder) -> std::os::unix::net::UnixListener {
    // The standard library asks for a long one; the system's smallest is asked for here.
    let socket = tokio::net::UnixSocket::new_stream().unwrap();
    socket.bind(folder.socket()).unwrap();
    socket.listen(1).unwrap().into_std().unwrap()
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_an_error_that_says_what_came() {
    let (_folder, mut hub, issuer) = unix();
    let good = told("SENTINEL", 1);
    for (body, says) in [
        (String::new(), "0 bytes of something else"),
        ("<html>SENTINEL</html>".to_owned(), "no JSON object"),
        ("[1]".to_owned(), "no JSON object"),
        (good[..good.len() - 1].to_owned(), "no JSON object"),
        ("{}".to_owned(), "which platform"),
        (good.replace(r#""wechat""#, "7"), "which platform"),
        (good.replace(r#""SENTINEL""#, "17"), "no access_token that is a text"),
        (good.replace("SENTINEL", ""), "0 bytes"),
        (good.replace("SENTINEL", " "), "1 bytes"),
        (good.replace("SENTINEL", &"x".repeat(4097)), "4097 bytes"),
        (good.replace("SENTINEL", "SENTINEL\\n"), "damaged"),
        (good.replace("SENTINEL", "SENTINEL\u{fffd}"), "damaged"),
        (good.replace("7200", "0"), "expires_in"),
        (good.replace("7200", "-1"), "expires_in"),
        (good.replace("7200", "1.5"), "expires_in"),
        (good.replace("7200", "\"7200\""), "expires_in"),
        (good.replace("7200", "99999999999999999999"), "expires_in"),
        (good.replace(r#""generation":1"#, r#""generation":"SENTINEL""#), "generation"),
        (good.replace(r#""generation":1,"#, ""), "generation"),
    ] {
        let error =
            failure_of(&issuer, &mut hub, async |question| question.json("200 OK", &body).await).await;
        assert!(error.to_string().contains(says), "{body}: {error}");
        assert!(error.is_transient() && !error.is_of_this_host(), "{body}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error() {
    let (_folder, mut hub, issuer) = unix();
    let good = told("SENTINEL", 1);
    for answer in [
        String::new(),
        "HTTP/1.1 2".to_owned(),
        "garbage SENTINEL\r\n\r\n".to_owned(),
        format!("HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{good}"),
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{good}\r\n", good.len()),
    ] {
        let error = failure_of(&issuer, &mut hub, async |question| drop(question.raw(&answer).await)).await;
        let text = error.to_string();
        assert!(text.contains("did not answer") || text.contains("broke off"), "{answer}: {error}");
        assert!(error.is_transient() && error.is_of_this_host(), "{answer}: {error:?}");
    }
}

#[tokio::test]
async fn an_answer_without_an_end_is_an_error() {
    let (_folder, mut hub, issuer) = unix();
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", " ".repeat(70 * 1024));
    let mut kept = None;
    let error = failure_of(&issuer, &mut hub, async |question| {
        kept = Some(question.raw(&endless).await);
    });
    let error = error.await;
    assert!(error.to_string().contains("longer than 64 KiB") && !error.is_of_this_host(), "{error}");
}

#[tokio::test]
async fn what_comes_after_an_answer_belongs_to_no_other_question() {
    let (_folder, mut hub, issuer) = unix();
    let twice = |token: &str| {
        let json = told(token, 1);
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{json}", json.len()).repeat(2)
    };
    for expected in ["one", "two"] {
        let minted = mint(&issuer, &mut hub, Mint::normal(), async |question| {
            question.raw(&twice(expected)).await;
        });
        assert_eq!(minted.await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_hub_that_hangs_is_an_error_after_six_seconds() {
    let (_folder, mut unix_hub, unix) = unix();
    let (mut tcp_hub, tcp) = tcp().await;
    for (hub, issuer) in [(&mut unix_hub, unix), (&mut tcp_hub, tcp)] {
        for begun in ["", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"] {
            let mut minting = pin!(failure(&issuer));
            let question = during(&mut minting, async { hub.ask().await.raw(begun).await }).await;
            pass(Duration::from_millis(5900)).await;
            let early = tokio::time::timeout(Duration::from_millis(10), &mut minting).await;
            assert!(early.is_err(), "it may take six seconds");
            pass(Duration::from_millis(200)).await;
            let error = minting.await;
            assert!(error.to_string().contains("within 6 s"), "{error}");
            assert_eq!(error.kind(), ErrorKind::Timeout);
            assert!(error.is_transient() && !error.is_of_this_host(), "{error:?}");
            question.hung_up().await;
        }
    }
}

#[tokio::test]
async fn an_answer_that_was_held_up_brings_no_older_token_back() {
    let (_folder, mut hub, issuer) = unix();
    let mut slow = pin!(issuer.mint(Mint::normal()));
    let held_up = during(&mut slow, hub.ask()).await;
    let quick = mint(&issuer, &mut hub, Mint::normal(), async |question| question.tell("new", 2).await);
    assert_eq!(quick.await.unwrap(), "new");
    let (minted, ()) = tokio::join!(slow, held_up.tell("old", 1));
    assert_eq!(text(minted.unwrap()).await, "new");

    // A hub that was started again counts anew.
    let minted = mint(&issuer, &mut hub, Mint::normal(), async |question| question.tell("again", 1).await);
    assert_eq!(minted.await.unwrap(), "again");
}
