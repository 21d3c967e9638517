//! `docs/operating/metrics.md` and the table in the crate's documentation say what the code does: they are made here, from what
//! each event says when it is reported.

#[path = "../../../../tests/support/page.rs"]
#[allow(unreachable_pub)]
mod page;
#[path = "../../../../tests/support/said.rs"]
#[allow(unreachable_pub)]
mod said;
mod words;

use std::{collections::BTreeSet, io};

use page::{Both, Language, Name, Page, code, codes, name_rows};
use said::{Said, listen};
use tower_wechat::{Error, TokenError, WeChatError};

use super::{
    Call, Event, emit,
    metric::{self, Kind},
};
use crate::peer::{Peer, Process};

const PAGES: [(Page, Language); 2] = [
    (Page::markdown("docs/operating/metrics.md"), Language::English),
    (Page::markdown("docs/zh-CN/operating/metrics.md"), Language::Chinese),
];

/// What the event says, and what that means.
fn row(event: Event<'_>) -> (Said, Both) {
    let ((), mut said) = listen("", || emit(event));
    assert_eq!(said.len(), 1, "one event for each row: {said:?}");
    (said.remove(0), meaning(event))
}

/// All events of the hub.
fn events() -> Vec<(Said, Both)> {
    let peer = Peer::Unix(Process::default());
    let error = Error::from(TokenError::permanent("none"));
    let refusal =
        WeChatError::parse(br#"{"errcode":45009,"errmsg":"reach max api daily quota limit"}"#).unwrap();
    let (io, client, app, outcome) = (&io::Error::other("broken"), Some("shop"), "wx", &"forwarded");
    let call = Call { client, app, path: "/cgi-bin/user/get", outcome };
    let refused = Event::Refused { what: "<what>", status: 401, client, peer: Some(peer), title: "<why>" };
    [
        refused,
        Event::Answered { call, status: 200 },
        Event::CallRefused { call, error: &refusal },
        Event::NoAnswer { error: &error },
        Event::Verified { app, rejected: true },
        Event::NoVerificationLeft,
        Event::Connected { peer },
        Event::NoRoom { peer },
        Event::NotTaken { error: io },
        Event::NoTls { peer, error: Some(io) },
        Event::NoTls { peer, error: None },
        Event::TakenOver,
        Event::TakenOverInPart { rest: "<which>" },
        Event::NotTakenOver { fault: &"<fault>" },
        Event::Retried { app },
        Event::PausesStay,
        Event::UnknownVariable { name: "<name>" },
        Event::FewDescriptors { what: "this process may have <file descriptors>" },
        Event::PassKeyNotKept,
        Event::Ending,
        Event::Ended,
    ]
    .map(row)
    .into()
}

/// A new event does not compile before it is here; the test of real runs misses it where it is not above.
fn meaning(event: Event<'_>) -> Both {
    match event {
        Event::Refused { .. } => words::REFUSED,
        Event::Answered { .. } => words::ANSWERED,
        Event::CallRefused { .. } => words::CALL_REFUSED,
        Event::NoAnswer { .. } => words::NO_ANSWER,
        Event::Verified { .. } => words::VERIFIED,
        Event::NoVerificationLeft => words::NO_VERIFICATION_LEFT,
        Event::Connected { .. } => words::CONNECTED,
        Event::NoRoom { .. } => words::NO_ROOM,
        Event::NotTaken { .. } => words::NOT_TAKEN,
        Event::NoTls { error: Some(_), .. } => words::NO_TLS,
        Event::NoTls { error: None, .. } => words::NO_TLS_IN_TIME,
        Event::TakenOver => words::TAKEN_OVER,
        Event::TakenOverInPart { .. } => words::TAKEN_OVER_IN_PART,
        Event::NotTakenOver { .. } => words::NOT_TAKEN_OVER,
        Event::Retried { .. } => words::RETRIED,
        Event::PausesStay => words::PAUSES_STAY,
        Event::UnknownVariable { .. } => words::UNKNOWN_VARIABLE,
        Event::FewDescriptors { .. } => words::FEW_DESCRIPTORS,
        Event::PassKeyNotKept => words::PASS_KEY_NOT_KEPT,
        Event::Ending => words::ENDING,
        Event::Ended => words::ENDED,
    }
}

// === how it is shown ===

fn kind(kind: Kind) -> Both {
    match kind {
        Kind::Counter => ["counter", "计数器（counter）"],
        Kind::Gauge => ["gauge", "瞬时值（gauge）"],
        Kind::Seconds => ["gauge, s", "瞬时值（gauge），秒"],
    }
}

fn metric_rows(language: Language) -> Vec<Vec<String>> {
    let rows = metric::ALL.iter().map(|metric| {
        let meaning = language.translate(words::METRICS, metric.meaning);
        vec![code(metric.name), language.of(kind(metric.kind)), codes(metric.labels.iter().copied()), meaning]
    });
    [language.head(words::COLUMNS, &["metric", "kind", "labels", "says"])].into_iter().chain(rows).collect()
}

fn event_rows(language: Language) -> Vec<Vec<String>> {
    let rows = events().into_iter().map(|(said, meaning)| {
        let level = said.level.to_string().to_lowercase();
        vec![code(&said.text), level, codes(said.fields), language.of(meaning)]
    });
    [language.head(words::COLUMNS, &["event", "level", "fields", "when, and what to do"])]
        .into_iter()
        .chain(rows)
        .collect()
}

// === checks ===

#[test]
fn the_pages_say_what_is_told() {
    for (page, language) in PAGES {
        page.check("hub metrics", &metric_rows(language));
        page.check("hub events", &event_rows(language));
        page.check("hub names", &name_rows(language, words::COLUMNS, words::NAMES));
    }
    Page::rustdoc("hub/src/lib.rs").check("metrics", &metric_rows(Language::English));
}

#[test]
fn everything_has_one_target_and_every_label_and_field_is_explained() {
    let labels = metric::ALL.iter().flat_map(|metric| metric.labels.iter().copied());
    let mut names: BTreeSet<_> = labels.collect();
    for (said, _) in events() {
        assert_eq!(said.target, "wechat_hub", "{said:?}");
        names.extend(said.fields);
    }
    let explained: BTreeSet<_> = words::NAMES.iter().map(|(name, ..)| *name).collect();
    assert_eq!(names, explained);
}

#[test]
fn nothing_else_in_the_hub_says_or_counts_anything() {
    fn look(folder: &std::path::Path) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with("telemetry") {
                continue;
            }
            if path.is_dir() {
                look(&path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            for line in code {
                let says = ["debug!(", "info!(", "warn!(", "error!(", "event!(", "span!("];
                let counts = ["counter!(", "gauge!(", "histogram!("];
                let reports = says.iter().chain(&counts).any(|word| line.contains(word));
                assert!(!reports, "{}: {line}", path.display());
            }
        }
    }
    look(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")));
}
