//! Unix sockets: permissions, and what may be at the path.

use std::{
    fs::{self, Permissions},
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::UnixListener,
    },
    path::PathBuf,
};

use fake_wechat::FakeWeChat;
use wechat_hub::{Client, Hub, Server};

use super::support::{APP, Folder, SECRET, hub, raw, request, token, unix};

fn serve(hub: &Hub, path: &PathBuf) -> Result<Server, String> {
    hub.serve_unix(path).map_err(|error| error.to_string())
}

fn mode(path: &PathBuf) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn only_its_user_may_use_it_and_it_goes_with_the_server() {
    let wechat = FakeWeChat::start().await;
    let hub = hub(&wechat).build().unwrap();
    let folder = Folder::new();
    let path = folder.path().join("made/hub.sock");
    let server = serve(&hub, &path).unwrap();
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&folder.path().join("made")), 0o700);
    assert_eq!(server.local_addr().to_string(), format!("unix:{}", path.display()));
    assert_eq!(token(&server, "").await.status, 200);
    let left: Vec<_> =
        fs::read_dir(folder.path().join("made")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["hub.sock"]);
    server.shutdown().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_a_live_one_refused_with_its_owners_pid() {
    let wechat = FakeWeChat::start().await;
    let hub = hub(&wechat).build().unwrap();
    let folder = Folder::new();
    let path = folder.path().join("hub.sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(fs::metadata(&path).unwrap().file_type().is_socket(), "left behind");
    let server = serve(&hub, &path).unwrap();
    let error = serve(&hub, &path).unwrap_err();
    assert!(error.contains(&format!("process {} listens there", std::process::id())), "{error}");
    assert_eq!(token(&server, "").await.status, 200, "the live one goes on");
    // One that was replaced leaves the other's socket alone when it ends.
    fs::remove_file(&path).unwrap();
    let second = serve(&hub, &path).unwrap();
    server.shutdown().await;
    assert_eq!(token(&second, "").await.status, 200);
}

#[tokio::test]
async fn what_cannot_be_a_sockets_place_is_refused_with_the_remedy() {
    let wechat = FakeWeChat::start().await;
    let hub = hub(&wechat).build().unwrap();
    let folder = Folder::new();
    let file = folder.path().join("file");
    fs::write(&file, "somebody's").unwrap();
    let open = folder.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
    let sticky = folder.path().join("sticky");
    fs::create_dir(&sticky).unwrap();
    fs::set_permissions(&sticky, Permissions::from_mode(0o1777)).unwrap();
    let there = folder.path().join("folder");
    fs::create_dir(&there).unwrap();
    for (path, says) in [
        (file.clone(), "a file is there"),
        (there, "a folder is there"),
        (folder.path().join("x".repeat(120)), "are possible: choose a shorter one"),
        (open.join("hub.sock"), "chmod go-w"),
        (sticky.join("hub.sock"), "chmod go-w"),
        (file.join("hub.sock"), "its folder cannot be made"),
    ] {
        let error = serve(&hub, &path).unwrap_err();
        assert!(error.contains(says), "{error}");
        assert!(error.contains(&*path.to_string_lossy()), "{error}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "somebody's");
}

/// Only root can give a file away.
#[tokio::test]
async fn what_belongs_to_somebody_else_is_left_alone() {
    let wechat = FakeWeChat::start().await;
    let hub = hub(&wechat).build().unwrap();
    let folder = Folder::new();
    let path = folder.path().join("hub.sock");
    drop(UnixListener::bind(&path).unwrap());
    if std::os::unix::fs::chown(&path, Some(12_345), None).is_err() {
        eprintln!("skipped: only root can give a file away");
        return;
    }
    let error = serve(&hub, &path).unwrap_err();
    assert!(error.contains("a socket of user 12345 is there"), "{error}");
    let theirs = folder.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    std::os::unix::fs::chown(&theirs, Some(12_345), None).unwrap();
    let error = serve(&hub, &theirs.join("hub.sock")).unwrap_err();
    assert!(error.contains("its folder belongs to user 12345"), "{error}");
    assert_eq!(fs::read_dir(&theirs).unwrap().count(), 0);
}

#[tokio::test]
async fn a_caller_without_a_credential_is_the_sockets_client_and_nobody_over_tcp() {
    let wechat = FakeWeChat::start().await;
    let shop = Client::new("shop", "shop").apps([APP]).rights(["token"]);
    let hub = hub(&wechat).client(shop).unix_client("shop").build().unwrap();
    let folder = Folder::new();
    let (on_unix, on_tcp) =
        (serve(&hub, &folder.path().join("hub.sock")).unwrap(), hub.serve_tcp("127.0.0.1:0").unwrap());
    let bare = format!("GET /v1/apps/{APP}/token HTTP/1.1\r\nhost: hub\r\n\r\n");
    assert_eq!(raw(&on_unix, &bare).await.unwrap().status, 200);
    raw(&on_tcp, &bare).await.unwrap().is_problem(401);
    let posted = format!("POST /v1/apps/{APP}/refresh HTTP/1.1\r\nhost: hub\r\ncontent-length: 0\r\n\r\n");
    raw(&on_unix, posted).await.unwrap().is_problem(403);
    // A wrong credential is not made good by the socket.
    raw(&on_unix, request("GET", &format!("/v1/apps/{APP}/token"), "wrong", ""))
        .await
        .unwrap()
        .is_problem(401);
    assert_eq!(
        unix(&folder.path().join("hub.sock"), request("GET", &format!("/v1/apps/{APP}/token"), SECRET, ""))
            .await
            .unwrap()
            .status,
        200
    );
}

#[tokio::test]
async fn who_waits_without_a_credential_is_refused_once_the_socket_has_no_client_any_more() {
    let wechat = FakeWeChat::start().await;
    let cache = super::support::cache(&wechat);
    let builder = || {
        let shop = Client::new("shop", "shop").apps([APP]).rights(["token"]);
        Hub::builder().app_on_demand(APP, cache.clone()).client(shop)
    };
    let hub = builder().unix_client("shop").build().unwrap();
    let folder = Folder::new();
    let server = serve(&hub, &folder.path().join("hub.sock")).unwrap();
    let present = cache.token().await.unwrap().generation();
    let ask = format!("GET /v1/apps/{APP}/token?newer_than={present}&wait=60 HTTP/1.1\r\nhost: hub\r\n\r\n");
    let waiting = async { raw(&server, ask).await.unwrap() };
    let changing = async {
        super::support::eventually(|| hub.load().long_polls == 1).await;
        hub.reconfigure(builder()).unwrap();
    };
    let (answer, ()) = tokio::join!(waiting, changing);
    answer.is_problem(401);
}

#[tokio::test]
async fn hubs_that_begin_together_in_one_folder_all_begin_and_leave_what_is_there() {
    let wechat = FakeWeChat::start().await;
    let hub = hub(&wechat).build().unwrap();
    let folder = Folder::new();
    fs::create_dir(folder.path().join(".h")).unwrap();
    fs::write(folder.path().join(".h/s"), "somebody's").unwrap();
    let long = folder.path().join("x".repeat(106 - folder.path().as_os_str().len()));
    let paths: Vec<_> = (0..8).map(|number| folder.path().join(number.to_string())).chain([long]).collect();
    let runtime = tokio::runtime::Handle::current();
    let begun: Vec<_> = std::thread::scope(|scope| {
        let begin = |path| {
            let (hub, runtime) = (hub.clone(), runtime.clone());
            scope.spawn(move || {
                let _runtime = runtime.enter();
                serve(&hub, path)
            })
        };
        let beginning: Vec<_> = paths.iter().map(begin).collect();
        beginning.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for server in &begun {
        assert_eq!(token(server.as_ref().unwrap(), "").await.status, 200);
    }
    assert_eq!(fs::read_to_string(folder.path().join(".h/s")).unwrap(), "somebody's");
}
