//! Spans and metrics as a person reads them: without ids, times, and what is another text in each run.

use std::fmt::Write;

use account::say;
use opentelemetry::KeyValue;
use opentelemetry_sdk::{
    metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics, ScopeMetrics},
    trace::SpanData,
};
use tower_wechat::AccessToken;

/// Attributes that are another text in each run.
const VARYING: [&str; 3] = ["rid", "took_ms", "age_s"];
/// Those that are in all that the layer tells.
const EVERYWHERE: [&str; 4] = ["level", "target", "app", "account"];

/// What was exported.
pub struct Exported {
    spans: Vec<SpanData>,
    metrics: Vec<ResourceMetrics>,
}

impl Exported {
    pub fn new(mut spans: Vec<SpanData>, metrics: Vec<ResourceMetrics>) -> Self {
        spans.sort_by_key(|span| span.start_time);
        Self { spans, metrics }
    }

    /// Prints it, and makes sure that none of these tokens is in it.
    pub fn print(&self, tokens: &[AccessToken]) {
        say!(
            "\nWhat a collector gets. `app` and `account` are left out here, and … is another value in each run."
        );
        self.spans.iter().for_each(|span| say!("\n{}", self.span(span).trim_end()));
        say!("\nmetrics");
        self.metrics().into_iter().for_each(|line| say!("  {line}"));

        let all = format!("{:?} {:?}", self.spans, self.metrics);
        let shown = tokens.iter().any(|token| all.contains(token.as_str()));
        say!("\nIs a token in any of that? {}", if shown { "Yes!" } else { "No." });
    }

    fn span(&self, span: &SpanData) -> String {
        let mut text = format!("span {}\n", span.name);
        for link in &span.links.links {
            let linked = |other: &&SpanData| other.span_context.span_id() == link.span_context.span_id();
            let name = self.spans.iter().find(linked).map_or("a span that is not here", |other| &other.name);
            let _ = writeln!(text, "  follows from: {name}, which needed the token first");
        }
        let _ = writeln!(text, "  {}", attributes(&span.attributes));
        for event in &span.events.events {
            let _ = writeln!(text, "  event: {}", event.name);
            let shown = attributes(&event.attributes);
            if !shown.is_empty() {
                let _ = writeln!(text, "         {shown}");
            }
        }
        text
    }

    /// Each metric on a line of its own, as it is at the end.
    fn metrics(&self) -> Vec<String> {
        let last = self.metrics.last().into_iter();
        let metrics = last.flat_map(ResourceMetrics::scope_metrics).flat_map(ScopeMetrics::metrics);
        let mut lines = Vec::new();
        for metric in metrics {
            let mut add = |labels: Vec<KeyValue>, value: String| {
                lines.push(format!("{} {{{}}} {value}", metric.name(), attributes(&labels)));
            };
            match metric.data() {
                AggregatedMetrics::U64(MetricData::Sum(sum)) => sum
                    .data_points()
                    .for_each(|point| add(point.attributes().cloned().collect(), point.value().to_string())),
                AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
                    histogram.data_points().for_each(|point| {
                        add(point.attributes().cloned().collect(), format!("{} times", point.count()));
                    });
                }
                AggregatedMetrics::F64(MetricData::Gauge(gauge)) => gauge
                    .data_points()
                    .for_each(|point| add(point.attributes().cloned().collect(), "…".to_owned())),
                other => lines.push(format!("{} {other:?}", metric.name())),
            }
        }
        lines.sort();
        lines
    }
}

fn attributes(all: &[KeyValue]) -> String {
    let mut shown: Vec<_> = all.iter().filter(|each| !EVERYWHERE.contains(&each.key.as_str())).collect();
    shown.sort_by(|one, other| one.key.as_str().cmp(other.key.as_str()));
    let texts = shown.iter().map(|each| {
        let varies = VARYING.contains(&each.key.as_str());
        format!("{}={}", each.key, if varies { "…".into() } else { each.value.as_str() })
    });
    texts.collect::<Vec<_>>().join(" ")
}
