//! `docs/operating/metrics.md` and the tables in the crate's documentation say what the code does: they are made here, from what
//! each event says and counts when it is reported.

#[path = "../../../tests/support/page.rs"]
#[allow(unreachable_pub)]
mod page;
#[path = "../../../tests/support/said.rs"]
#[allow(unreachable_pub)]
mod said;
mod words;

use std::{collections::BTreeSet, time::Duration};

use metrics_util::debugging::DebuggingRecorder;
use page::{Both, Language, Name, Page, code, codes, name_rows};
use said::{Said, listen};

use super::{
    Cause, Event, PassedThrough, emit, in_fetch_span, may_evict,
    metric::{self, Kind},
    passed_through, say_placeholder,
};
use crate::{error::TokenError, issuer::AccountKey, store::StoreError};

const PAGES: [(Page, Language); 2] = [
    (Page::markdown("docs/operating/metrics.md"), Language::English),
    (Page::markdown("docs/zh-CN/operating/metrics.md"), Language::Chinese),
];

/// An event as it is documented.
struct Row {
    said: Said,
    counted: Vec<&'static str>,
    meaning: Both,
}

/// Has something reported, and looks at what is said and counted.
fn row(meaning: Both, report: impl FnOnce()) -> Row {
    let recorder = DebuggingRecorder::new();
    let counted = recorder.snapshotter();
    let ((), mut said) = listen("", || metrics::with_local_recorder(&recorder, report));
    assert_eq!(said.len(), 1, "one event for each row: {said:?}");
    let counted: BTreeSet<_> =
        counted.snapshot().into_vec().into_iter().map(|(key, ..)| label_of(&key)).collect();
    let of = |metric: &&metric::Metric| counted.iter().any(|(name, _)| name == metric.name);
    for metric in metric::ALL.iter().filter(of) {
        let labels: BTreeSet<_> = ["account"].into_iter().chain(metric.label).map(str::to_owned).collect();
        assert!(counted.contains(&(metric.name.to_owned(), labels)), "{}: {counted:?}", metric.name);
    }
    let known = metric::ALL.iter().filter(of).map(|metric| metric.name).collect::<Vec<_>>();
    assert_eq!(known.len(), counted.len(), "{counted:?}");
    Row { said: said.remove(0), counted: known, meaning }
}

fn label_of(key: &metrics_util::CompositeKey) -> (String, BTreeSet<String>) {
    (key.key().name().to_owned(), key.key().labels().map(|label| label.key().to_owned()).collect())
}

/// All events of the layer and the cache. A new one does not compile before it is here.
fn events() -> Vec<Row> {
    let account = AccountKey::new("stable", "https://api.weixin.qq.com", "wx", None);
    let (age, cause) = (Duration::from_secs(1), Cause::Cold);
    let error = TokenError::permanent("none").with_errcode(40125).with_rid("rid").with_hint("hint");
    let store = StoreError::unavailable("away");
    let rejected = |first| Event::Rejected { errcode: 40001, rid: Some("rid"), age, first };
    let all = [
        Event::Minted { cause, generation: 1, life: age, took: age },
        Event::MintFailed { cause, error: &error, pause: age },
        Event::Shared { generation: 1 },
        Event::Waited,
        Event::Coalesced,
        rejected(true),
        rejected(false),
        Event::Replayed,
        Event::NotReplayed { why: "uri" },
        Event::BudgetSpent { wait: age },
        Event::ForeignMinter { independent: true, shared: true },
        Event::StoreFailed { error: &store },
        Event::Fenced { generation: 1 },
    ];
    let rows = all.into_iter().map(|event| row(meaning(event), || emit(&account, event)));
    let uri = http::Uri::from_static("https://example.com/");
    let others = [
        row(words::PASSED_THROUGH, || passed_through(&uri, PassedThrough::OtherHost)),
        row(words::PLACEHOLDER, || say_placeholder(Some("api.weixin.qq.com"))),
        row(words::MAY_EVICT, || may_evict("allkeys-lru")),
    ];
    rows.chain(others).collect()
}

fn meaning(event: Event<'_>) -> Both {
    match event {
        Event::Minted { .. } => words::MINTED,
        Event::MintFailed { .. } => words::MINT_FAILED,
        Event::Shared { .. } => words::SHARED,
        Event::Waited => words::WAITED,
        Event::Coalesced => words::COALESCED,
        Event::Rejected { first: true, .. } => words::REJECTED,
        Event::Rejected { first: false, .. } => words::REJECTED_AGAIN,
        Event::Replayed => words::REPLAYED,
        Event::NotReplayed { .. } => words::NOT_REPLAYED,
        Event::BudgetSpent { .. } => words::BUDGET_SPENT,
        Event::ForeignMinter { .. } => words::FOREIGN_MINTER,
        Event::StoreFailed { .. } => words::STORE_FAILED,
        Event::Fenced { .. } => words::FENCED,
        Event::Life { .. } => unreachable!("it says nothing"),
    }
}

fn span() -> Said {
    let account = AccountKey::new("stable", "https://api.weixin.qq.com", "wx", None);
    let ((), mut said) = listen("", || drop(in_fetch_span(&account, Cause::Cold, async {})));
    assert_eq!(said.len(), 1);
    said.remove(0)
}

// === how it is shown ===

fn kind(kind: Kind) -> Both {
    match kind {
        Kind::Counter => ["counter", "计数器（counter）"],
        Kind::Histogram => ["histogram, s", "直方图（histogram），秒"],
        Kind::Gauge => ["gauge, s", "瞬时值（gauge），秒"],
    }
}

fn metric_rows(language: Language) -> Vec<Vec<String>> {
    let rows = metric::ALL.iter().map(|metric| {
        let meaning = language.translate(words::METRICS, metric.meaning);
        vec![code(metric.name), language.of(kind(metric.kind)), codes(metric.label), meaning]
    });
    [language.head(words::COLUMNS, &["metric", "kind", "further label", "says"])]
        .into_iter()
        .chain(rows)
        .collect()
}

fn event_rows(language: Language) -> Vec<Vec<String>> {
    let rows = events().into_iter().map(|Row { said, counted, meaning }| {
        let level = said.level.to_string().to_lowercase();
        vec![code(&said.text), level, codes(said.fields), language.of(meaning), codes(counted)]
    });
    [language.head(words::COLUMNS, &["event", "level", "fields", "when, and what to do", "counts in"])]
        .into_iter()
        .chain(rows)
        .collect()
}

fn span_rows(language: Language) -> Vec<Vec<String>> {
    let said = span();
    let level = said.level.to_string().to_lowercase();
    vec![
        language.head(words::COLUMNS, &["span", "level", "fields", "says"]),
        vec![code(&said.text), level, codes(said.fields), language.of(words::FETCH)],
    ]
}

// === checks ===

#[test]
fn the_pages_say_what_is_told() {
    for (page, language) in PAGES {
        page.check("layer metrics", &metric_rows(language));
        page.check("layer events", &event_rows(language));
        page.check("layer spans", &span_rows(language));
        page.check("layer names", &name_rows(language, words::COLUMNS, words::NAMES));
    }
    Page::rustdoc("src/lib.rs").check("metrics", &metric_rows(Language::English));
}

#[test]
fn every_metric_is_counted_by_some_event() {
    let counted: BTreeSet<_> = events().into_iter().flat_map(|row| row.counted).collect();
    for metric in metric::ALL {
        assert!(counted.contains(metric.name), "no event counts in {}", metric.name);
    }
}

#[test]
fn everything_has_one_target_and_every_label_and_field_is_explained() {
    let mut names: BTreeSet<_> =
        ["account"].into_iter().chain(metric::ALL.iter().filter_map(|m| m.label)).collect();
    for said in events().into_iter().map(|row| row.said).chain([span()]) {
        assert_eq!(said.target, "tower_wechat", "{said:?}");
        names.extend(said.fields);
    }
    let explained: BTreeSet<_> = words::NAMES.iter().map(|(name, ..)| *name).collect();
    assert_eq!(names, explained);
    assert!(words::NAMES.iter().any(|(name, values, _)| *name == "cause" && *values == causes()));
}

fn causes() -> Vec<&'static str> {
    [Cause::Cold, Cause::Ahead, Cause::Rejected, Cause::Forced].map(Cause::as_str).into()
}

#[test]
fn nothing_else_in_the_crate_says_or_counts_anything() {
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
                let reports = ["tracing::", "metrics::", "counter!", "gauge!", "histogram!"];
                assert!(!reports.iter().any(|word| line.contains(word)), "{}: {line}", path.display());
            }
        }
    }
    look(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")));
}
