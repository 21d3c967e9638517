//! Requests a second, with the layer and without, against a server on this machine.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Uri, header::CONTENT_TYPE};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::runtime::Runtime;
use tower::{Layer, Service};
use tower_wechat::WeChatAuthLayer;
use tower_wechat_compare::{
    case::SENT,
    load::{Rate, Variant, rounds},
    server::Server,
    stats::{median, sorted},
    token,
};
use wechat_mp_sdk::middleware::AuthMiddleware;

const ROUNDS: usize = 20;
const LENGTH: Duration = Duration::from_millis(300);
/// The part of the time that a client runs if it need not wait for the server, nor for others that use the processor.
const QUIET: f64 = 0.9;

fn main() {
    let server = Server::start();
    let runtime = token::runtime();
    println!(
        "| over | client | requests a second | of bare | the middle half of the rounds | of bare, by processor time | goal |"
    );
    println!("|---|---|---:|---:|---|---:|---|");
    for (over, variants) in
        [("hyper-util", over_hyper(&runtime, &server)), ("reqwest", over_reqwest(&runtime, &server))]
    {
        let rates = runtime.block_on(rounds(&variants, ROUNDS, LENGTH));
        print(over, &variants, &rates);
    }
}

fn print(over: &str, variants: &[Variant], rates: &[Vec<Rate>]) {
    let mut bare = 0;
    for (at, variant) in variants.iter().enumerate() {
        if variant.name.starts_with("bare") && !variant.name.ends_with("again") {
            bare = at;
        }
        let ratios = |of: fn(&Rate) -> f64| {
            sorted(rates[at].iter().zip(&rates[bare]).map(|(rate, bare)| of(rate) / of(bare)).collect())
        };
        let (time, processor) = (ratios(|rate| rate.of_time), ratios(|rate| rate.of_processor));
        println!(
            "| {over} | {} | {:.0} | {:.3} | {:.3} to {:.3} | {:.3} | {} |",
            variant.name,
            median(&rates[at].iter().map(|rate| rate.of_time).collect::<Vec<_>>()),
            median(&time),
            time[time.len() / 4],
            time[time.len() * 3 / 4],
            median(&processor),
            if variant.name == "ours" { "≥ 0.950" } else { "" },
        );
    }
    let share = median(&rates[0].iter().map(|rate| rate.of_time / rate.of_processor).collect::<Vec<_>>());
    if share < QUIET {
        eprintln!("The client had {:.0} % of a processor; try again when nothing else runs.", share * 100.0);
    }
}

fn layer(runtime: &Runtime, server: &Server) -> WeChatAuthLayer {
    WeChatAuthLayer::new(token::ours(runtime)).allow_origin(&server.origin).unwrap()
}

/// Nobody needs a token for the first.
fn uris(server: &Server) -> [String; 2] {
    ["/no-token/", "/cgi-bin/"].map(|path| format!("{}{path}message/custom/send?lang=zh_CN", server.origin))
}

fn over_hyper(runtime: &Runtime, server: &Server) -> Vec<Variant> {
    let [bare, uri] = uris(server).map(|uri| uri.parse::<Uri>().unwrap());
    let mp_sdk = AuthMiddleware::new(token::mp_sdk(runtime));
    vec![
        hyper("bare", client(), &bare),
        hyper("ours", layer(runtime, server).layer(client()), &uri),
        hyper("wechat-mp-sdk", mp_sdk.layer(client()), &uri),
        hyper("bare again", client(), &bare),
    ]
}

fn client<B>() -> Client<HttpConnector, B>
where
    B: Body<Data: Send> + Send,
{
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).build(connector)
}

fn hyper<S, R>(name: &'static str, service: S, uri: &Uri) -> Variant
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: std::fmt::Debug,
    R: Body<Data: Send, Error: std::fmt::Debug> + Send,
{
    let uri = uri.clone();
    Variant::new(name, move || {
        let request = Request::post(uri.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(Full::from(SENT))
            .unwrap();
        // These clients are always ready.
        let response = service.clone().call(request);
        async {
            let response = response.await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            response.into_body().collect().await.unwrap().to_bytes().len()
        }
    })
}

macro_rules! over {
    ($reqwest:ident, $name:literal, $layer:expr, $url:expr) => {{
        let client = $reqwest::Client::builder().referer(false).no_proxy().build().unwrap();
        let service = $layer.layer(client.clone());
        let url: $reqwest::Url = $url.parse().unwrap();
        Variant::new($name, move || {
            let json = HeaderValue::from_static("application/json");
            let request = client.post(url.clone()).header(CONTENT_TYPE, json).body(SENT).build().unwrap();
            let response = service.clone().call(request);
            async {
                let response = response.await.unwrap();
                assert_eq!(response.status(), StatusCode::OK);
                response.bytes().await.unwrap().len()
            }
        })
    }};
}

fn over_reqwest(runtime: &Runtime, server: &Server) -> Vec<Variant> {
    let [bare, url] = uris(server);
    let identity = tower::layer::util::Identity::new();
    vec![
        over!(reqwest, "bare", identity, bare),
        over!(reqwest, "ours", layer(runtime, server), url),
        over!(reqwest012, "bare, 0.12", identity, bare),
        over!(reqwest012, "wechat-mp-sdk, 0.12", AuthMiddleware::new(token::mp_sdk(runtime)), url),
    ]
}
