//! The size of the layer's response future over hyper-util's client.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client, ResponseFuture},
    rt::TokioExecutor,
};
use tower::{Layer, Service};
use tower_wechat::WeChatAuthLayer;
use tower_wechat_compare::token;

fn main() {
    let runtime = token::runtime();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let whole = future(&WeChatAuthLayer::new(token::ours(&runtime)).layer(client));
    let (inner, parts) = (size_of::<ResponseFuture>(), size_of::<http::request::Parts>());
    println!("| response future, over hyper-util | bytes | goal |");
    println!("|---|---:|---|");
    println!("| whole | {whole} | |");
    println!("| of it hyper-util's own future | {inner} | |");
    println!("| of it the head of the request, kept for a replay | {parts} | |");
    println!("| the rest | {} | ≤ 256 |", whole.saturating_sub(inner + parts));
}

fn future<S: Service<Request<Full<Bytes>>>>(_: &S) -> usize {
    size_of::<S::Future>()
}
