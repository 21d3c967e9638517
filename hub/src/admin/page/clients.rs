//! The clients: what they may do, and when they were last seen.

use maud::{Markup, html};

use super::{
    show,
    texts::{Texts, fill},
};
use crate::admin::look::ClientLook;

pub(super) fn section(texts: &Texts, clients: &[ClientLook]) -> Markup {
    html! {
        section {
            h2 { (texts.clients) " " span.count { (clients.len()) } }
            @if clients.is_empty() {
                p.empty { (texts.no_clients) }
            } @else {
                table {
                    thead {
                        tr {
                            @for head in [texts.client, texts.apps, texts.rights, texts.last_seen] { th scope="col" { (head) } }
                            th.number scope="col" { (texts.long_polls) }
                        }
                    }
                    tbody { @for client in clients { (row(texts, client)) } }
                }
            }
        }
    }
}

fn row(texts: &Texts, look: &ClientLook) -> Markup {
    let client = &look.known.client;
    let label = [("client", client.name.as_str())];
    let polling = u64::try_from(look.known.polling()).unwrap_or(u64::MAX);
    html! {
        tr {
            th scope="row" { (client.name) }
            td data-label=(texts.apps) { span { @for app in &client.apps { code { (app.as_str()) } " " } } }
            td.rights data-label=(texts.rights) { span { @for right in &client.rights { span.right { (right.name()) } " " } } }
            td data-label=(texts.last_seen) {
                @match look.known.last_seen().zip(look.seen_ago) {
                    Some((at, ago)) => data value=(at)
                        title=(show::series("wechat_hub_client_seen_timestamp_seconds", &label)) { (seen(texts, ago)) },
                    None => span.never { (texts.never) },
                }
            }
            td.number data-label=(texts.long_polls) {
                (show::number(polling, &show::series("wechat_hub_long_polls", &label)))
            }
        }
    }
}

fn seen(texts: &Texts, ago: std::time::Duration) -> String {
    if ago.as_secs() < 2 {
        return texts.just_now.to_owned();
    }
    fill(texts.ago, &[&show::span(texts, ago)])
}
