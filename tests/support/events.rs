//! Catches the events of this thread.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
};

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id},
    subscriber::DefaultGuard,
};
use tracing_subscriber::{Layer, Registry, layer::Context, prelude::*, registry::LookupSpan};

/// An event, with its fields as they would be shown.
#[derive(Clone, Debug)]
pub struct Line {
    pub level: Level,
    pub target: String,
    pub message: String,
    pub fields: BTreeMap<&'static str, String>,
    /// The spans that it happened in, from the outermost, each with its fields.
    pub spans: Vec<Line>,
}

impl Line {
    fn new(metadata: &tracing::Metadata<'_>) -> Self {
        Self {
            level: *metadata.level(),
            target: metadata.target().to_owned(),
            message: metadata.name().to_owned(),
            fields: BTreeMap::new(),
            spans: Vec::new(),
        }
    }

    pub fn get(&self, field: &str) -> Option<&str> {
        self.fields.get(field).map(String::as_str)
    }
}

/// The events so far.
#[derive(Clone, Default)]
pub struct Events(pub Arc<Mutex<Vec<Line>>>);

impl Events {
    /// Catches all events that this thread sends as long as the guard is kept.
    pub fn catch() -> (Self, DefaultGuard) {
        let events = Self::default();
        let guard = tracing::subscriber::set_default(Registry::default().with(events.clone()));
        (events, guard)
    }

    /// This crate's events so far, which are forgotten with this.
    pub fn take(&self) -> Vec<Line> {
        let mut lines = std::mem::take(&mut *self.0.lock().unwrap());
        lines.retain(|line| line.target.starts_with("tower_wechat"));
        lines
    }
}

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for Events {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut line = Line::new(attributes.metadata());
        attributes.record(&mut line);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(line);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Line::new(event.metadata());
        event.record(&mut line);
        let spans =
            context.event_scope(event).into_iter().flat_map(tracing_subscriber::registry::Scope::from_root);
        line.spans.extend(spans.filter_map(|span| span.extensions().get::<Line>().cloned()));
        self.0.lock().unwrap().push(line);
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            self.message = text;
        } else {
            self.fields.insert(field.name(), text);
        }
    }
}
